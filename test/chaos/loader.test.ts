import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { caught, holdKey, type Lock } from './locks.js';
import { readPart } from './picture.js';
import type { Program } from './program.js';
import { drawFor } from './seed.js';
import { until } from './wait.js';
import { createWorld, type World } from './world.js';

const pipeline = 'resilient_elt_pipeline';
const intake = 'incoming/tickets/';
const orders = 'raw.coupa_purchase_orders';
const tickets = 'raw.zendesk_tickets';
const perRound = 150;

interface Point {
  readonly hold: (world: World, target: string) => Promise<Lock>;
  readonly server: 'warehouse' | 'control';
  /** The statement that waits there. */
  readonly statement: string;
}

/** Staged and not merged; merged and not committed; committed and not acknowledged. */
const points: readonly Point[] = [
  {
    hold: ({ warehouse }, target) =>
      holdKey(warehouse, 'warehouse', `hashtextextended('${target}', 7203321004)`),
    server: 'warehouse',
    statement: 'SELECT pg_advisory_xact_lock%',
  },
  {
    hold: ({ warehouse }, target) => holdKey(warehouse, 'warehouse', `hashtext('${target}')`),
    server: 'warehouse',
    statement: 'UPDATE raw._baton_loads SET read%',
  },
  {
    hold: ({ control }, target) => holdKey(control, 'control', `hashtext('${target}')`),
    server: 'control',
    statement: 'UPDATE control.arrivals%',
  },
];

describe('SIGKILL of the worker that loads what has arrived', () => {
  let world: World;
  let worker: Program;
  let minute = 0;

  beforeAll(async () => {
    world = await createWorld({ records: 200, intake });
    ({ data: worker } = await world.startWorkers());
    await land();
    await nothingWaits();
    await watchTables(world);
  }, 120_000);
  afterAll(() => world?.close());

  it('at seeded points of two loaders leaves what landed loaded, and nothing twice', async () => {
    const draw = drawFor('loader');
    const shift = draw.int(0, points.length - 1);
    const turn = draw.int(1, points.length - 1);
    const orderIds: string[] = [];
    const ticketIds: string[] = [];
    for (let round = 0; round < points.length; round += 1) {
      const at = (places: number) => points[(shift + round + places) % points.length] as Point;
      const spots = [
        { target: orders, point: at(0) },
        { target: tickets, point: at(turn) },
      ];
      const locks = await Promise.all(spots.map(({ target, point }) => point.hold(world, target)));
      orderIds.push(...writeOrders());
      ticketIds.push(...putTickets(round));
      await land();
      await Promise.all(
        spots.map(({ point }, index) => caught(world[point.server], locks[index] as Lock, point.statement)),
      );
      await worker.kill();
      await Promise.all(locks.map((lock) => lock.release()));
      await worker.start();
      await nothingWaits();
    }
    // And once wherever it happens to be.
    orderIds.push(...writeOrders());
    ticketIds.push(...putTickets(points.length));
    await land();
    await new Promise((resolve) => setTimeout(resolve, draw.int(0, 300)));
    await worker.kill();
    await worker.start();
    await nothingWaits();

    expect(await written(orders)).toEqual(once(orderIds));
    expect(await written(tickets)).toEqual(once(ticketIds));
    expect(await landedOrders()).toEqual(expect.arrayContaining(orderIds));
    const open = await world.controlRows(`SELECT * FROM control.arrivals WHERE state <> 'loaded'`);
    expect(open).toEqual([]);
    const arrivals = await world.controlRows<{ load: string; read: number }>(
      `SELECT load, (counts->>'read')::int AS read FROM control.arrivals ORDER BY load`,
    );
    const loads = await world.warehouseRows<{ load: string; read: number }>(
      `SELECT batch_id || '.' || generation AS load, read::int FROM raw._baton_loads WHERE state = 'loaded' ORDER BY 1`,
    );
    expect(new Set(arrivals.map(({ load }) => load)).size).toBe(arrivals.length);
    expect(loads.map(({ read }) => read).sort()).toEqual(arrivals.map(({ read }) => read).sort());
  }, 120_000);

  /** A run, which ends when all is in the lake. */
  async function land(): Promise<void> {
    minute += 1;
    world.sandbox.clock.shiftTo(minute * 300_000); // nothing is read a second time for the overlap
    const logicalTime = new Date(Date.UTC(2026, 0, 1, 0, minute));
    const run = await world.client.startPipeline({ pipeline, logicalTime });
    expect((await world.resultOf(run)).state).toBe('succeeded');
  }

  async function nothingWaits(): Promise<void> {
    const sql = `SELECT 1 FROM control.arrivals WHERE state = 'waiting'`;
    const files = minute - 1; // one with each round but the first
    await until('all that arrived is loaded', async () => {
      const noted = await world.controlRows(`SELECT 1 FROM control.arrivals WHERE key LIKE '${intake}%'`);
      return noted.length === files && (await world.controlRows(sql)).length === 0;
    });
  }

  function writeOrders(): string[] {
    return Array.from({ length: perRound }, () =>
      String(world.sandbox.coupa.changes.patch('purchase_orders', {})['id']),
    );
  }

  /** An object of somebody else, there as a whole. */
  function putTickets(round: number): string[] {
    const ids = Array.from({ length: perRound }, (_, index) => 90_000 + round * perRound + index);
    const at = '2026-01-02T00:00:00Z';
    const lines = ids.map((id) =>
      JSON.stringify({
        id,
        subject: `ticket ${id}`,
        status: 'open',
        tags: [],
        created_at: at,
        updated_at: at,
        generated_timestamp: 1_767_312_000,
      }),
    );
    const folder = path.join(world.lake, intake);
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, `${round}.ndjson.tmp`), `${lines.join('\n')}\n`);
    renameSync(path.join(folder, `${round}.ndjson.tmp`), path.join(folder, `${round}.ndjson`));
    return ids.map(String);
  }

  /** Every row that a committed transaction wrote, as often as it was written. */
  async function written(target: string): Promise<string[]> {
    const rows = await world.warehouseRows<{ row: string }>(
      `SELECT id || ' ' || op AS row FROM written WHERE target = $1 ORDER BY 1`,
      [target],
    );
    return rows.map(({ row }) => row);
  }

  async function landedOrders(): Promise<string[]> {
    const parts = await world.controlRows<{ key: string }>(
      `SELECT p.key FROM control.parts p JOIN control.batches b USING (batch_id, generation)
       WHERE b.stream = 'purchase_orders' AND p.key IS NOT NULL`,
    );
    return parts.flatMap(({ key }) => readPart(world, key)).map((line) => String(JSON.parse(line).id));
  }
});

function once(ids: readonly string[]): string[] {
  return ids.map((id) => `${id} INSERT`).sort();
}

/** A record of what is written to the tables, and places at which a loader can be held. */
async function watchTables(world: World): Promise<void> {
  const holdAt = (table: string, when: string) => `
    CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN PERFORM pg_advisory_xact_lock(hashtext(NEW.target)); RETURN NEW; END $$;
    CREATE TRIGGER hold BEFORE UPDATE ON ${table} FOR EACH ROW WHEN (${when}) EXECUTE FUNCTION hold();`;
  await world.warehouseRows(`
    ${holdAt('raw._baton_loads', 'NEW.read > 0')}
    CREATE TABLE written (target text, id text, op text);
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN INSERT INTO written VALUES (TG_ARGV[0], to_jsonb(NEW) ->> TG_ARGV[1], TG_OP); RETURN NULL; END $$;
    CREATE TRIGGER note AFTER INSERT OR UPDATE ON ${orders} FOR EACH ROW EXECUTE FUNCTION note('${orders}', 'po_id');
    CREATE TRIGGER note AFTER INSERT OR UPDATE ON ${tickets} FOR EACH ROW EXECUTE FUNCTION note('${tickets}', 'ticket_id');`);
  await world.controlRows(holdAt('control.arrivals', "NEW.state = 'loaded'"));
}
