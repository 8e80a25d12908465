import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startBaton, type TestBaton } from '../setup/baton.js';
import { freshworksAt } from '../setup/sandbox-connections.js';

interface Item {
  readonly cost: number;
  readonly quantity: number;
}
interface Order {
  readonly id: number;
  readonly po_number: string;
  readonly currency_code: string;
  readonly status: number;
  readonly vendor_id: number;
  readonly purchase_items: readonly Item[];
}

/** Orders from a system that has no invoices and no totals of its own: a line of configuration. */
describe('po_data_pipeline from Freshservice', () => {
  let baton: TestBaton;
  beforeAll(async () => {
    baton = await startBaton({
      time: 'real',
      records: 200,
      tenants: ['default'],
      settings: (sandboxUrl) => ({
        ...freshworksAt(sandboxUrl, 'freshservice', 'fresh'),
        BATON_PIPELINES__PO_DATA_PIPELINE__SOURCE: 'fresh',
        BATON_PIPELINES__PO_DATA_PIPELINE__CUSTOMER_FIELD: 'customer_account_id',
      }),
    });
  }, 120_000);
  afterAll(() => baton?.stop());

  const rows = async <R>(sql: string) => (await baton.warehouseDatabase.knex.raw(sql)).rows as R[];
  const orders = () => (baton.sandbox.freshservice.lists['purchase_orders'] ?? []) as unknown as Order[];
  /** In cents, by whole numbers alone. */
  const centsOf = ({ purchase_items: items }: Order) =>
    items.reduce((sum, { cost, quantity }) => sum + BigInt(Math.round(cost * 100)) * BigInt(quantity), 0n);

  it('has each order with the sum of its items, its supplier’s name, and a dollar value', async () => {
    const { state } = await baton.run();
    expect(state).toBe('succeeded');
    const facts = await rows<{ id: string; number: string; status: string; cents: string }>(
      `SELECT po_id AS id, po_number AS number, status, trunc(total * 100)::text AS cents
       FROM analytics.po_fact WHERE _source = 'fresh' ORDER BY po_id::int`,
    );
    const words: Readonly<Record<number, string>> = { 20: 'open', 25: 'open', 30: 'closed' };
    expect(facts).toEqual(
      orders().map((order) => ({
        id: String(order.id),
        number: order.po_number,
        status: words[order.status],
        cents: String(centsOf(order)),
      })),
    );
    const [named] = await rows<{ named: number; converted: number }>(
      `SELECT count(supplier_name)::int AS named, count(total_usd)::int AS converted FROM analytics.po_fact`,
    );
    expect(named).toEqual({ named: orders().length, converted: orders().length });
  });

  it('finds the orders above the threshold, as they are in dollars', async () => {
    const above = orders()
      .filter((order) => order.currency_code === 'USD' && centsOf(order) > 1_000_000n)
      .map(({ id }) => String(id));
    expect(above.length).toBeGreaterThan(0);
    const found = await rows<{ id: string }>(
      `SELECT d.po_id AS id FROM analytics.po_discrepancy d JOIN analytics.po_fact f USING (po_id)
       WHERE d.rule = 'over_threshold' AND d.state = 'open' AND f.currency = 'USD' ORDER BY d.po_id::int`,
    );
    expect(found.map(({ id }) => id)).toEqual(above);
  });

  it('loads nothing again when nothing has changed', async () => {
    const { state, receipt } = await baton.run();
    expect({ state, loaded: receipt.loaded }).toEqual({ state: 'succeeded', loaded: 0 });
  });
});
