import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../chaos/wait.js';
import { startBaton, type TestBaton } from '../setup/baton.js';
import { aribaAt } from '../setup/sandbox-connections.js';

/** The orders as the seed has them, which is Coupa's words: nothing of Ariba's, and nothing of its mapper. */
interface Seeded {
  readonly 'po-number': string;
  readonly status: string;
  readonly total: string;
  readonly currency: { readonly code: string };
  readonly supplier: { readonly name: string };
  readonly 'order-lines': readonly { readonly total: string }[];
}

/** A system without suppliers and invoices, but with the totals of the orders' headers. */
describe('po_data_pipeline from SAP Ariba', () => {
  let baton: TestBaton;
  beforeAll(async () => {
    baton = await startBaton({
      time: 'real',
      records: 200,
      tenants: ['default'],
      settings: (sandboxUrl) => ({
        // The first read is by jobs, the later ones by pages.
        ...aribaAt(sandboxUrl, { jobsAbove: 100 }),
        BATON_PIPELINES__PO_DATA_PIPELINE__SOURCE: 'ariba',
        BATON_PIPELINES__PO_DATA_PIPELINE__CUSTOMER_FIELD: 'cus_CustomerAccountId',
      }),
    });
    baton.sandbox.settings.aribaLimited = false;
  }, 120_000);
  afterAll(() => baton?.stop());

  const rows = async <R>(sql: string) => (await baton.warehouseDatabase.knex.raw(sql)).rows as R[];

  /** Orders that are to be loaded: no drafts, and none of those that were planted malformed. */
  function seeded(): readonly Seeded[] {
    const { seed, coupa } = baton.sandbox;
    const malformed = new Set(['unknown_status', 'not_a_decimal', 'missing_key', 'impossible_date']);
    return coupa.store.purchase_orders.ids
      .filter((_, index) => !malformed.has(seed.plants.get(index)?.kind ?? ''))
      .map((id) => coupa.store.purchase_orders.find(id) as unknown as Seeded)
      .filter(({ status }) => status !== 'draft');
  }
  /** In thousandths, by whole numbers alone: no currency has more places. */
  const unitsOf = (text: string) => {
    const [whole = '0', fraction = ''] = text.split('.');
    return BigInt(whole) * 1000n + BigInt(fraction.padEnd(3, '0'));
  };
  const totalOf = (order: Seeded) =>
    order['order-lines'].reduce((sum, { total }) => sum + unitsOf(total), 0n);

  /** A run whose workers are replaced while Ariba is at work on its jobs. */
  async function byJobs() {
    const { requests, settings } = baton.sandbox;
    const submitted = () =>
      requests
        .counts()
        .filter(({ method, path }) => method === 'POST' && path.endsWith('/jobs'))
        .reduce((sum, { count }) => sum + count, 0);
    settings.aribaJobMs = 3_000;
    settings.aribaRecordsPerFile = 70;
    const id = await baton.start();
    await until('both streams have their jobs', () => submitted() === 2);
    await baton.replaceWorkers('data');
    const result = await baton.result(id);
    expect(submitted()).toBe(2);
    return result;
  }

  it('has each order with the sum of its lines, its supplier’s name, and its state', async () => {
    const { state, receipt } = await byJobs();
    expect(state).toBe('succeeded');
    const facts = await rows<Record<string, string>>(
      `SELECT po_id AS id, status, currency, supplier_name AS supplier, trunc(total * 1000)::text AS units,
              line_count::text AS lines
       FROM analytics.po_fact WHERE _source = 'ariba' ORDER BY po_id`,
    );
    const words: Readonly<Record<string, string>> = {
      issued: 'open',
      closed: 'closed',
      expensed: 'closed',
      cancelled: 'cancelled',
      buyer_hold: 'pending_approval',
      supplier_hold: 'pending_approval',
      currency_hold: 'pending_approval',
      supplier_window_hold: 'pending_approval',
      error: 'error',
    };
    const expected = seeded().map((order) => ({
      id: order['po-number'],
      status: words[order.status],
      currency: order.currency.code,
      supplier: order.supplier.name,
      units: String(totalOf(order)),
      lines: String(order['order-lines'].length),
    }));
    expect(expected.length).toBeGreaterThan(150);
    expect(facts).toEqual(expected.toSorted((a, b) => (a.id < b.id ? -1 : 1)));
    expect(receipt.read).toBe(200);
    expect(receipt.quarantined).toBe(
      [...baton.sandbox.seed.plants.values()].filter(({ kind }) =>
        ['unknown_status', 'not_a_decimal', 'missing_key', 'impossible_date'].includes(kind),
      ).length,
    );
  });

  it('finds the orders whose header says another total than their lines', async () => {
    const differs = seeded()
      .filter(({ status }) => status !== 'cancelled')
      .filter((order) => {
        const off = totalOf(order) - unitsOf(order.total);
        // Beyond half a percent and a hundredth, as the pipeline is configured.
        return (off < 0n ? -off : off) * 200n > totalOf(order) && (off < 0n ? -off : off) > 10n;
      })
      .map((order) => order['po-number']);
    expect(differs.length).toBeGreaterThan(0);
    const found = await rows<{ id: string }>(
      `SELECT po_id AS id FROM analytics.po_discrepancy WHERE rule = 'header_total' AND state = 'open' ORDER BY 1`,
    );
    expect(found.map(({ id }) => id)).toEqual(differs.toSorted());
  });

  it('loads nothing again when nothing has changed, and one order when one has', async () => {
    const again = await baton.run();
    expect({ state: again.state, loaded: again.receipt.loaded }).toEqual({ state: 'succeeded', loaded: 0 });
    const [order] = seeded().filter(({ status }) => status === 'issued');
    const { changes } = baton.sandbox.coupa;
    const id = Number(order?.['po-number'].slice('PO-'.length));
    changes.patch('purchase_orders', { id, status: 'closed' });
    // What was changed in the second that the window ends with belongs to the next one.
    baton.sandbox.clock.shiftTo(baton.sandbox.clock.offsetMs + 2_000);
    const after = await baton.run();
    expect(after.receipt.loaded).toBe(1);
    expect(
      await rows(`SELECT status FROM analytics.po_fact WHERE po_id = '${order?.['po-number']}'`),
    ).toEqual([{ status: 'closed' }]);
  });
});
