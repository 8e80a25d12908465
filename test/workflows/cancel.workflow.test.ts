import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, query } from '../../src/database/postgres.js';
import { startBaton, type TestBaton } from '../setup/baton.js';
import { eventually } from '../setup/namespace.js';

/** In real time: a worker learns of a cancellation by its heartbeats. */
describe('a run that is cancelled in the middle of a statement of a minute', () => {
  let baton: TestBaton;
  beforeAll(async () => {
    baton = await startBaton({ time: 'real', records: 120 });
    await baton.run(); // makes the tables
    await baton.warehouseDatabase.knex.raw(
      `CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NULL; END'`,
    );
  }, 60_000);
  afterAll(() => baton?.stop());

  const rows = async (table: string, tenant: string) => {
    const column = table.startsWith('analytics.po_disc') ? 'tenant' : '_tenant';
    const found = await query<{ n: number }>(
      baton.warehouseDatabase.knex,
      `SELECT count(*)::int AS n FROM ${table} WHERE ${column} = :tenant`,
      { tenant },
    );
    return found.rows[0]?.n ?? 0;
  };

  /** Sessions of the workers that are in a statement of more than a second. */
  const busy = async (database: Database) => {
    const { rows: found } = await query<{ query: string }>(
      database.knex,
      `SELECT query FROM pg_stat_activity WHERE application_name LIKE 'baton-warehouse%' AND datname = current_database()
         AND state = 'active' AND now() - query_start > interval '1 second'`,
    );
    return found.map((one) => one.query);
  };

  it.each([
    ['extracting and merging in one', 'left', 'INSERT ON raw.coupa_invoices', 'load_invoices'],
    ['merging', 'asked', 'INSERT ON analytics.po_fact', 'load_orders'],
    ['reconciling', 'beside', 'INSERT ON analytics.po_discrepancy', 'reconcile'],
    ['planning tickets', 'brief', 'UPDATE OF ticket_cause ON analytics.po_discrepancy', 'tickets'],
  ] as const)(
    'ends within five seconds while %s, and its transaction is undone',
    async (_what, tenant, event, step) => {
      const { knex } = baton.warehouseDatabase;
      await knex.raw(`CREATE TRIGGER slow BEFORE ${event} FOR EACH STATEMENT EXECUTE FUNCTION slow()`);
      const id = await baton.start({ tenant });
      await eventually(async () => {
        if ((await busy(baton.warehouseDatabase)).length === 0) throw new Error('not slow yet');
      });
      const states = async () => new Map((await baton.steps(id)).map((one) => [one.id, one.state]));
      expect((await states()).get(step)).toBe('running');

      const began = performance.now();
      await baton.client.workflow.getHandle(id).cancel();
      await expect(baton.result(id)).rejects.toThrow(/cancelled/);
      // What is over goes on nowhere.
      expect(await busy(baton.warehouseDatabase)).toEqual([]);
      expect(performance.now() - began).toBeLessThan(5_000);
      expect(await baton.row(id)).toMatchObject({ state: 'cancelled', error: null });
      expect((await states()).get(step)).toBe('cancelled');

      const undone = {
        load_invoices: ['raw.coupa_invoices', 'analytics.po_discrepancy'],
        load_orders: ['analytics.po_fact', 'analytics.po_discrepancy'],
        reconcile: ['analytics.po_discrepancy'],
        tickets: [],
      }[step];
      for (const table of undone) expect(await rows(table, tenant), table).toBe(0);
      if (step === 'tickets') expect(await rows('analytics.po_discrepancy', tenant)).toBeGreaterThan(20);
      const { rows: held } = await query(
        baton.warehouseDatabase.knex,
        `SELECT 1 FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.application_name LIKE 'baton-warehouse%'
         AND a.datname = current_database() AND l.locktype = 'advisory'`,
      );
      expect(held).toEqual([]);

      await knex.raw(`DROP TRIGGER slow ON ${event.split(' ').at(-1)}`);
      const next = await baton.run({ tenant });
      expect(next).toMatchObject({ state: 'succeeded' });
      expect(next.tickets.opened).toBeGreaterThan(20);
    },
  );
});
