import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startBaton, type TestBaton } from '../setup/baton.js';
import { record } from '../setup/record.js';

/** Coupa's flag `exported`, which one consumer owns: here it is ours. */
describe('orders that are loaded from Coupa', () => {
  let baton: TestBaton;
  beforeAll(async () => {
    baton = await startBaton({
      time: 'real',
      records: 200,
      tenants: ['default', 'down', 'undisturbed'],
      settings: {
        BATON_CONNECTIONS__COUPA__EXPORTED: JSON.stringify(['purchase_orders', 'invoices']),
        BATON_PIPELINES__PO_DATA_PIPELINE__RETRIES: '1',
        BATON_PIPELINES__PO_DATA_PIPELINE__RETRY_DELAY: '1s',
      },
    });
  }, 120_000);
  afterAll(() => baton?.stop());
  afterEach(() => {
    baton.sandbox.faults.clear();
    baton.sandbox.requests.clear();
  });

  type Listed = 'purchase_orders' | 'invoices';
  const marked = (list: Listed): readonly number[] => {
    const { store } = baton.sandbox.coupa;
    return store[list].ids.filter((id) => store[list].find(id)?.['exported'] === true);
  };
  const loaded = async (table: string, key: string, tenant: string): Promise<readonly number[]> => {
    const sql = `SELECT ${key}::int AS id FROM ${table} WHERE _tenant = ? ORDER BY 1`;
    const { rows } = await baton.warehouseDatabase.knex.raw(sql, [tenant]);
    return (rows as { id: number }[]).map(({ id }) => id);
  };
  const puts = () =>
    baton.sandbox.requests
      .counts()
      .filter(({ method }) => method === 'PUT')
      .reduce((sum, { count }) => sum + count, 0);
  const step = async (run: string, id: string) => (await baton.steps(run)).find((one) => one.id === id);

  it('are not marked before the commit: a run that fails while it loads marks none', async () => {
    baton.sandbox.faults.add({ vendor: 'rates', kind: 'status', count: null, params: { status: 404 } });
    const run = await baton.start({ tenant: 'down' });
    await expect(baton.result(run)).rejects.toThrow();
    expect(await loaded('analytics.po_fact', 'po_id', 'down')).toEqual([]);
    expect(marked('purchase_orders')).toEqual([]);
    expect(await step(run, 'acknowledge_orders')).toMatchObject({ state: 'skipped' });
  });

  it('are marked as exported once each, and those that are kept back are not', async () => {
    const already = marked('invoices').length;
    const { faults } = baton.sandbox;
    const put = { method: 'PUT' };
    // A limit, and an answer that never came though it was done.
    faults.add({ vendor: 'coupa', kind: 'rate_limit', match: put, skip: 3, params: { retryAfter: 1 } });
    faults.add({ vendor: 'coupa', kind: 'accept_then_reset', match: put, skip: 90 });
    const run = await baton.start();
    expect(await baton.result(run)).toMatchObject({ state: 'succeeded' });
    const orders = await loaded('analytics.po_fact', 'po_id', 'default');
    expect(orders.length).toBeGreaterThan(150);
    expect(marked('purchase_orders')).toEqual(orders);
    expect(marked('invoices')).toEqual(await loaded('raw.coupa_invoices', 'invoice_id', 'default'));
    expect((await step(run, 'acknowledge_orders'))?.counts).toMatchObject({ told: orders.length, gone: 0 });
    const news = orders.length + marked('invoices').length - already;
    // Those of the part in which one failed are told again.
    expect(puts()).toBeGreaterThanOrEqual(news);
    expect(puts()).toBeLessThan(news + 60);
  }, 60_000);

  it('are told again only when they are new versions', async () => {
    const [first = 0] = marked('purchase_orders');
    const before = baton.sandbox.coupa.store.purchase_orders.find(first);
    baton.sandbox.coupa.changes.patch('purchase_orders', {
      id: first,
      version: Number(before?.['version'] ?? 1) + 1,
    });
    expect(marked('purchase_orders')).not.toContain(first);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect(await baton.run()).toMatchObject({ state: 'succeeded' });
    expect(puts()).toBe(1);
    expect(marked('purchase_orders')).toContain(first);
  }, 60_000);

  it('whose flag may not be set fail that step by name, and lose nothing: the next attempt sets it', async () => {
    const all = marked('purchase_orders');
    const refused = { method: 'PUT' };
    baton.sandbox.faults.add({
      vendor: 'coupa',
      kind: 'status',
      match: refused,
      count: null,
      params: { status: 403 },
    });
    const [first = 0] = all;
    baton.sandbox.coupa.changes.patch('purchase_orders', {
      id: first,
      version: Number(baton.sandbox.coupa.store.purchase_orders.find(first)?.['version'] ?? 1) + 1,
    });
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    const run = await baton.start();
    await expect(baton.result(run)).rejects.toThrow(/coupa: PUT \/api\/purchase_orders\/\d+ answered 403/);
    expect(await step(run, 'load_orders')).toMatchObject({ state: 'succeeded' });
    expect(marked('purchase_orders')).not.toContain(first);

    baton.sandbox.faults.clear();
    await baton.retry(run);
    expect(await baton.result(run)).toMatchObject({ state: 'succeeded' });
    expect(marked('purchase_orders')).toEqual(all);
    await record('run-acknowledges', baton.client, run);
  }, 60_000);
});
