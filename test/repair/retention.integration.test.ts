import { existsSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Retention } from '../../src/config/schema/retention.js';
import type { Lake } from '../../src/lake/port.js';
import { verifyRun } from '../../src/quality/verify-run.js';
import { type Swept, sweep } from '../../src/repair/retention.js';
import { baton as command } from '../cli/captured.js';
import { startBaton, type TestBaton } from '../setup/baton.js';
import { projectRoot } from '../setup/shared.js';

const day = 86_400_000;
const forever: Retention = {
  lake: null,
  runs: null,
  effects: null,
  events: null,
  parts: null,
  everyMs: 3_600_000,
};
const orders = 120;

let baton: TestBaton;
const nextSecond = () => new Promise((resolve) => setTimeout(resolve, 1_100));
const rows = async <R>(sql: string, database = baton.warehouseDatabase) =>
  (await database.knex.raw(sql)).rows as R[];
const cli = (...args: string[]) => command(args, { cwd: projectRoot, env: baton.env });

/** Sweeps as if it were so many days later. */
async function sweepIn(
  days: number,
  policy: Partial<Retention>,
  dryRun = false,
  lake?: Lake,
): Promise<Swept> {
  const now = () => new Date(Date.now() + days * day);
  const deps = { ...baton.retention, now, ...(lake === undefined ? {} : { lake }) };
  const swept = await sweep(deps, { ...forever, ...policy }, { dryRun });
  if (swept === null) throw new Error('another sweep is under way');
  return swept;
}

/** Manifests of a stream in the lake, oldest batch first, read with nothing of ours. */
async function manifests(stream: string): Promise<{ key: string; there: boolean }[]> {
  const found = await rows<{ key: string }>(
    `SELECT manifest_key AS key FROM control.batches WHERE stream = '${stream}' AND manifest_key IS NOT NULL ORDER BY landed_at`,
    baton.database,
  );
  return found.map(({ key }) => ({ key, there: existsSync(path.join(baton.lakePath, key)) }));
}
const objects = (folder: string) => readdirSync(path.join(baton.lakePath, folder));
const totals = () =>
  rows(`SELECT po_id, updated_at, md5(raw::text) AS raw FROM raw.coupa_purchase_order_totals ORDER BY 1`);

let firstRun: string;

beforeAll(async () => {
  baton = await startBaton({ time: 'real', records: orders, tenants: ['default'] });
  baton.sandbox.settings.duplicates = false;
  firstRun = (await baton.run()).id;
  // All orders but one get a new version, so that the first batch is needed for that one only.
  await nextSecond();
  const { store, changes } = baton.sandbox.coupa;
  for (const id of store.purchase_orders.ids.slice(1)) changes.patch('purchase_orders', { id, version: 7 });
  await nextSecond();
  await baton.run();
}, 120_000);
afterAll(() => baton?.stop());

describe('retention', () => {
  it('keeps what a row came from, however old it is', async () => {
    const swept = await sweepIn(1_000, { lake: day });
    expect(swept).toMatchObject({ batches: 0, objects: 0 });
    expect(swept.needed['rows come from it']).toBeGreaterThan(0);
    expect(swept.needed['others are enriched from it']).toBeGreaterThan(0);
    expect((await manifests('purchase_order_totals')).map(({ there }) => there)).toEqual([true, true]);
  });

  it('keeps what is not past its time, and everything when nothing is set', async () => {
    const { store, changes } = baton.sandbox.coupa;
    changes.patch('purchase_orders', { id: store.purchase_orders.ids[0] ?? 0, version: 7 });
    await nextSecond();
    await baton.run();
    expect(await sweepIn(0, { lake: day })).toMatchObject({ batches: 0 });
    expect(await sweepIn(1_000, {})).toMatchObject({ batches: 0, runs: 0, effects: 0, checkpoints: 0 });
  });

  it('keeps records that are in the warehouse in no version, though no row names them', async () => {
    const { knex } = baton.warehouseDatabase;
    await knex.raw('CREATE TABLE aside AS SELECT * FROM raw.coupa_purchase_order_totals');
    await knex.raw(
      `DELETE FROM raw.coupa_purchase_order_totals WHERE po_id = (SELECT min(po_id) FROM aside)`,
    );
    const swept = await sweepIn(1_000, { lake: day }, true);
    expect(swept.needed['its records are nowhere else']).toBe(1);
    await knex.raw('TRUNCATE raw.coupa_purchase_order_totals');
    expect((await sweepIn(1_000, { lake: day }, true)).needed['its records are nowhere else']).toBe(2);
    await knex.raw('INSERT INTO raw.coupa_purchase_order_totals SELECT * FROM aside');
    await knex.raw('DROP TABLE aside');
  });

  it('takes the superseded batch away, also after a kill in between, and no other; verification says so', async () => {
    const before = await manifests('purchase_order_totals');
    const [first = { key: '' }] = before;
    const folder = path.dirname(first.key);
    const dry = await sweepIn(1_000, { lake: day }, true);
    expect(dry.batches).toBeGreaterThan(0);
    expect(objects(folder).length).toBeGreaterThan(2);

    let removals = 0;
    const { lake } = baton.retention;
    const dying: Lake = Object.create(lake, {
      remove: {
        value: async (key: string) => {
          removals += 1;
          if (removals > 2) throw new Error('killed');
          await lake.remove(key);
        },
      },
    });
    await expect(sweepIn(1_000, { lake: day }, false, dying)).rejects.toThrow('killed');
    const swept = await sweepIn(1_000, { lake: day });
    expect(swept.batches).toBe(dry.batches);
    const after = await manifests('purchase_order_totals');
    expect(after.map(({ there }) => there)).toEqual([false, ...before.slice(1).map(() => true)]);
    expect(existsSync(path.join(baton.lakePath, folder)) ? objects(folder) : []).toEqual([]);
    expect(await sweepIn(1_000, { lake: day })).toMatchObject({ batches: 0, objects: 0 });

    const plan = await baton.deps.runs.planOf(firstRun);
    if (plan === null) throw new Error('no plan');
    const deps = { ...baton.deps, stream: baton.deps.connections.stream };
    const verified = await verifyRun(deps, firstRun, plan);
    expect(verified.differences).toEqual([]);
    expect(verified.notes.join(' ')).toContain('extract_totals: its objects were past their time');
  });

  it('leaves a lake from which the same warehouse is made again', async () => {
    const before = await totals();
    const waiting = () =>
      rows(
        `SELECT target, record_id, rule, raw FROM quarantine.records WHERE state = 'waiting' ORDER BY 1, 2, 3, 4`,
      );
    const quarantined = await waiting();
    expect(quarantined.length).toBeGreaterThan(0);
    const { stdout } = await cli('rebuild', '--dry-run', '--json');
    const sums = (text: string) =>
      (JSON.parse(text).data.tables as { table: string; digest: string }[])
        // Failures that were superseded since go with the batch that they came from.
        .filter(({ table }) => table !== 'quarantine.records')
        .map(({ table, digest }) => [table, digest]);
    const done = await cli('rebuild', '--allow-destructive', '--yes', '--json');
    expect(done.code).toBe(0);
    // A rebuild also makes the tables that nothing was loaded into yet.
    expect(sums(done.stdout)).toEqual(expect.arrayContaining(sums(stdout)));
    expect(await waiting()).toEqual(quarantined);
    expect(await totals()).toEqual(before);
  });

  it('keeps what stands for an object that was lost', async () => {
    const { knex } = baton.database;
    const { rows: parts } = await knex.raw(
      `SELECT p.key FROM control.parts p JOIN control.batches b USING (batch_id, generation)
       WHERE b.stream = 'purchase_order_totals' AND b.swept_at IS NULL AND p.records > 1 ORDER BY b.landed_at DESC LIMIT 1`,
    );
    rmSync(path.join(baton.lakePath, parts[0].key));
    await baton.result(await baton.start({ pipeline: 'complete:coupa', inputs: { since: 'all' } }));
    const { store, changes } = baton.sandbox.coupa;
    for (const id of store.purchase_orders.ids) changes.patch('purchase_orders', { id, version: 9 });
    await nextSecond();
    await baton.run();
    const swept = await sweepIn(1_000, { lake: day }, true);
    expect(swept.needed).toMatchObject({ 'it stands for lost objects': 1, unreadable: 1 });
  });

  it('forgets checkpoints of what is loaded; verification reads the manifests instead', async () => {
    const last = await baton.run({ fullRefresh: true });
    expect((await sweepIn(1_000, { parts: day })).checkpoints).toBeGreaterThan(3);
    expect(await rows('SELECT 1 FROM control.parts', baton.database)).toEqual([]);
    const plan = await baton.deps.runs.planOf(last.id);
    if (plan === null) throw new Error('no plan');
    const deps = { ...baton.deps, stream: baton.deps.connections.stream };
    const verified = await verifyRun(deps, last.id, plan);
    expect(verified).toMatchObject({ ok: true, differences: [] });
    expect(verified.objects).toBeGreaterThan(4);
    expect(await baton.run()).toMatchObject({ state: 'succeeded', receipt: { loaded: 0 } });
  });

  it('forgets old runs but the newest, and effects but those of tickets that are open', async () => {
    const open = await rows<{ n: number }>(
      `SELECT count(*)::int AS n FROM control.tickets WHERE state = 'open'`,
      baton.database,
    );
    const swept = await sweepIn(1_000, { runs: day, effects: 30 * day });
    expect(swept.runs).toBeGreaterThan(2);
    const left = await rows('SELECT pipeline, state FROM control.runs ORDER BY 1', baton.database);
    expect(left).toEqual(
      ['complete:coupa', 'po_data_pipeline'].map((pipeline) => ({ pipeline, state: 'succeeded' })),
    );
    const opened = await rows<{ n: number }>(
      `SELECT count(*)::int AS n FROM control.effects WHERE kind = 'ticket.open'`,
      baton.database,
    );
    expect(opened[0]?.n).toBeGreaterThanOrEqual(open[0]?.n ?? 1);
    // Nothing is told to a desk again.
    const tickets = (await baton.tickets()).length;
    expect(await baton.run({ fullRefresh: true })).toMatchObject({
      state: 'succeeded',
      tickets: { opened: 0, updated: 0, resolved: 0 },
    });
    expect((await baton.tickets()).length).toBe(tickets);
  });

  it('has a command that says what it would do, and why something is kept', async () => {
    const { code, stdout } = await cli('retention', 'sweep', '--dry-run');
    expect([code, stdout]).toEqual([0, expect.stringContaining('kept for ever')]);
    const { data } = JSON.parse((await cli('retention', 'sweep', '--json')).stdout);
    expect(data).toMatchObject({ dryRun: false, policy: { lake: 'forever', runs: '400d' }, runs: 0 });
  });
});
