import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { query } from '../../src/database/postgres.js';
import type { BackfillResult } from '../../src/protocol/fan-out.js';
import { startBaton, type TestBaton } from '../setup/baton.js';
import { activitiesOf } from '../setup/history.js';
import { record } from '../setup/record.js';
import { createBackfill } from './fan-outs.js';

const orders = { path: '/api/purchase_orders' } as const;
const records = 150;
const intervals = 6;

describe('a backfill', () => {
  let baton: TestBaton;
  /** The sandbox's orders span these intervals. */
  let range: { from: Date; to: Date; intervalMs: number };
  beforeAll(async () => {
    baton = await startBaton({ time: 'skipping', records });
    const { updated } = baton.sandbox.coupa.store.purchase_orders;
    const times = updated.filter((time) => time !== null).map(Number);
    const first = Math.floor(Math.min(...times) / 60_000) * 60_000;
    const intervalMs = Math.ceil((Math.max(...times) + 1 - first) / intervals / 60_000) * 60_000;
    range = { from: new Date(first), to: new Date(first + (intervals - 1) * intervalMs), intervalMs };
  });
  afterAll(() => baton?.stop());
  afterEach(() => {
    baton.sandbox.faults.clear();
    baton.sandbox.requests.clear();
  });

  /** Intervals end before the vendor's now, so that none is left out. */
  const create = (request: Partial<Parameters<typeof createBackfill>[1]> & { tenant: string }) =>
    createBackfill(baton, { ...range, ...request }, new Date(range.to.getTime() + range.intervalMs));
  const resultOf = (id: string): Promise<BackfillResult> => baton.client.workflow.getHandle(id).result();
  const facts = async (tenant: string) =>
    (
      await query<{ row: string }>(
        baton.warehouseDatabase.knex,
        `SELECT concat_ws('|', po_id, updated_at, _row_hash, md5(raw::text)) AS row FROM analytics.po_fact
         WHERE _tenant = :tenant ORDER BY po_id`,
        { tenant },
      )
    ).rows.map(({ row }) => row);
  const watermarks = async (tenant: string) =>
    (
      await query(
        baton.warehouseDatabase.knex,
        'SELECT stream, value FROM raw._baton_watermarks WHERE tenant = :tenant ORDER BY 1',
        { tenant },
      )
    ).rows;

  it('reads each interval once, as one long run would have, and leaves the watermark alone', async () => {
    await baton.run({ tenant: 'undisturbed' });
    const { id, runs } = await create({ tenant: 'left' });
    expect(runs).toHaveLength(intervals);
    expect(await resultOf(id)).toMatchObject({ state: 'succeeded', counts: { succeeded: intervals } });
    expect(await facts('left')).toEqual(await facts('undisturbed'));
    expect((await facts('left')).length).toBeGreaterThan(records * 0.8);
    expect(await watermarks('left')).toEqual([]);
    expect(await watermarks('undisturbed')).not.toEqual([]);

    // What was read of each interval is what the vendor has of it.
    const { updated } = baton.sandbox.coupa.store.purchase_orders;
    const expected = runs.map((_, index) => {
      const begin = range.from.getTime() + index * range.intervalMs;
      const within = updated.filter((time) => time !== null && Number(time) >= begin);
      return within.filter((time) => Number(time) < begin + range.intervalMs).length;
    });
    const { rows } = await query<{ run_id: string; records: number }>(
      baton.database.knex,
      `SELECT run_id, records::int AS records FROM control.batches WHERE tenant = 'left' AND stream = 'purchase_orders'`,
    );
    const read = new Map(rows.map((row) => [row.run_id, row.records]));
    const duplicates = baton.sandbox.truth().duplicates.length;
    const sum = (of: readonly number[]) => of.reduce((all, one) => all + one, 0);
    const got = runs.map((run) => read.get(run) ?? 0);
    expect(sum(got)).toBe(records + duplicates);
    expect(sum(got.map((count, index) => Math.abs(count - (expected[index] ?? 0))))).toBeLessThanOrEqual(
      duplicates,
    );

    await record('backfill', baton.client, id);
    await record('run-interval', baton.client, runs[0] ?? '');
    // A live run has its own window: it reads everything, and finds it loaded.
    const live = await baton.run({ tenant: 'left' });
    expect(live).toMatchObject({ state: 'succeeded', receipt: { loaded: 0 } });
    expect(live.receipt.read).toBe(records + duplicates);
    expect(await watermarks('left')).not.toEqual([]);
  });

  it('repeats nothing that is done; an interval that failed is tried again where it stopped', async () => {
    // The rates come after the orders, which are in the lake and staged by then.
    const fault = baton.sandbox.faults.add({ vendor: 'rates', kind: 'html', count: null });
    const first = await create({ tenant: 'refused', to: range.from, maxActive: 1 });
    await expect(resultOf(first.id)).rejects.toThrow();
    baton.sandbox.faults.clear(fault.id);
    expect(await baton.row(first.runs[0] ?? '')).toMatchObject({ state: 'failed', attempt: 1 });

    const kept = await create({ tenant: 'refused' });
    expect(await resultOf(kept.id)).toMatchObject({ counts: { succeeded: intervals - 1, skipped: 1 } });
    const again = await create({ tenant: 'refused', reprocess: 'failed' });
    expect(await resultOf(again.id)).toMatchObject({ counts: { succeeded: 1, skipped: intervals - 1 } });
    const [retried = ''] = again.runs;
    expect(await baton.row(retried)).toMatchObject({ state: 'succeeded', attempt: 2 });
    expect(await facts('refused')).toEqual(await facts('undisturbed'));
    // The orders were read and staged by the first attempt.
    const read = (await activitiesOf(baton.client, retried)).filter(({ type }) => type === 'extractStream');
    expect(read.map(({ stepId }) => stepId)).toEqual(['extract_rates']);
    await record('run-retried', baton.client, retried);

    const anew = await create({ tenant: 'refused', reprocess: 'completed', backwards: true });
    expect(await resultOf(anew.id)).toMatchObject({ counts: { succeeded: intervals } });
    expect(await facts('refused')).toEqual(await facts('undisturbed'));
    expect(await baton.row(anew.runs[0] ?? '')).toMatchObject({ state: 'succeeded' });
  });

  it('refuses a second one of the same pipeline and tenant while it goes on', async () => {
    baton.sandbox.faults.add({
      vendor: 'coupa',
      kind: 'slow_body',
      match: orders,
      count: null,
      params: { durationMs: 500 },
    });
    const one = await create({ tenant: 'twice', to: range.from });
    await expect(create({ tenant: 'twice' })).rejects.toMatchObject({ error: 'ERR_BACKFILL_ACTIVE' });
    expect(await resultOf(one.id)).toMatchObject({ state: 'succeeded' });
    const other = await create({ tenant: 'twice' });
    expect(await resultOf(other.id)).toMatchObject({ counts: { succeeded: intervals - 1, skipped: 1 } });
  });
});
