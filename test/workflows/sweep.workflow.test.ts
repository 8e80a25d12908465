import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startBaton, type TestBaton } from '../setup/baton.js';
import { record } from '../setup/record.js';

const records = 200;

let baton: TestBaton;
beforeAll(async () => {
  baton = await startBaton({ time: 'skipping', records });
  await baton.run();
}, 120_000);
afterAll(() => baton?.stop());

const rows = async <R>(sql: string) => (await baton.warehouseDatabase.knex.raw(sql)).rows as R[];
const admin = async <T>(where: string, init?: RequestInit) =>
  (await fetch(`${baton.sandbox.url}/_admin${where}`, init)).json() as Promise<T>;
const remove = (id: string) => admin(`/orders/${id}`, { method: 'DELETE' });

async function start(inputs: Readonly<Record<string, string>> = {}) {
  return baton.start({ pipeline: 'sweep:coupa', inputs });
}

const deleted = async () =>
  (
    await rows<{ id: string }>(
      'SELECT po_id AS id FROM analytics.po_fact WHERE _deleted AND _deleted_at IS NOT NULL ORDER BY po_id',
    )
  ).map(({ id }) => id);
const someOrders = (n: number, from = 0) =>
  rows<{ id: string; raw: string }>(
    `SELECT po_id AS id, raw::text AS raw FROM analytics.po_fact WHERE NOT _deleted ORDER BY po_id OFFSET ${from} LIMIT ${n}`,
  );

describe('a sweep', () => {
  it('marks what the vendor does not have any more, and nothing else', async () => {
    const gone = await someOrders(3);
    for (const { id } of gone) await remove(id);
    const id = await start();
    await baton.result(id);
    expect(await deleted()).toEqual(gone.map((one) => one.id));
    expect((await baton.steps(id)).find((step) => step.id === 'sweep_analytics_po_fact')?.counts).toEqual({
      'not listed': 3,
      marked: 3,
    });
    // Listing, one look for all of them and one for each, and the clock.
    const comparison = await baton.deps.warehouse.comparisons.find({
      runId: id,
      stepId: 'list_analytics_po_fact',
    });
    expect(comparison?.calls).toBeLessThanOrEqual(records / 50 + 2 + 1 + 3);
    await record('sweep-marked', baton.client, id);
  });

  it('asks again for what was not listed, and leaves alone what is there', async () => {
    const before = await deleted();
    // A draft is left out of the listing, and is there.
    const [order] = await someOrders(1, 5);
    await admin('/orders', {
      method: 'POST',
      body: JSON.stringify({ id: Number(order?.id), status: 'draft', 'updated-at': '2026-07-01T00:00:00Z' }),
    });
    const id = await start();
    await baton.result(id);
    expect(await deleted()).toEqual(before);
    expect((await baton.steps(id)).find((step) => step.id === 'sweep_analytics_po_fact')?.counts).toEqual({
      'not listed': 1,
      marked: 0,
    });
  });

  it('marks nothing when too much would vanish, and tells somebody', async () => {
    const before = await deleted();
    const many = await someOrders(20, 10);
    for (const { id } of many) await remove(id);
    const id = await start({ maxShare: '5' });
    await expect(baton.result(id)).rejects.toMatchObject({ error: 'ERR_RUN_FAILED' });
    expect(await baton.row(id)).toMatchObject({ state: 'failed', error: { code: 'BTN-3024' } });
    expect(await deleted()).toEqual(before);
    await record('sweep-refused', baton.client, id);
    await baton.result(await start({ maxShare: '50' }));
    expect(await deleted()).toEqual([...before, ...many.map((one) => one.id)].sort());
  });

  it('stops where its calls are used up, and keeps what was confirmed', async () => {
    const before = await deleted();
    const gone = await someOrders(4, 20);
    for (const { id } of gone) await remove(id);
    // Four tables and a table that was never loaded share them: four pages of listing, one look and two questions each.
    const listing = Math.ceil((records + 10) / 50);
    const id = await start({ maxCalls: String(5 * (listing + 3)) });
    await expect(baton.result(id)).rejects.toMatchObject({ error: 'ERR_RUN_FAILED' });
    expect(await baton.row(id)).toMatchObject({ error: { code: 'BTN-3025' } });
    const marked = (await deleted()).length - before.length;
    expect(marked).toBeLessThan(gone.length);
    const { calls } = (await baton.deps.warehouse.comparisons.find({
      runId: id,
      stepId: 'list_analytics_po_fact',
    })) ?? { calls: Number.NaN };
    expect(calls).toBeLessThanOrEqual(listing + 3);
    await baton.result(await start());
    expect((await deleted()).length - before.length).toBe(gone.length);
  });

  it('is undone by the vendor: what is there again comes back', async () => {
    const [id = ''] = await deleted();
    const [row] = await rows<{ raw: string }>(
      `SELECT raw::text AS raw FROM analytics.po_fact WHERE po_id = '${id}'`,
    );
    await baton.run({ fullRefresh: true });
    expect(await deleted()).toContain(id);
    await admin('/orders', { method: 'POST', body: row?.raw ?? '' });
    await baton.result(await baton.start({ pipeline: 'complete:coupa', inputs: { since: 'all' } }));
    expect(await deleted()).not.toContain(id);
  });
});
