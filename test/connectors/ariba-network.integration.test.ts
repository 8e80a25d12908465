import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ariba } from '../../src/connectors/ariba/index.js';
import { type OpenConnection, type Stream, streamsOf } from '../../src/connectors/port.js';
import type { Row } from '../../src/domain/columns.js';
import type { Sandbox } from '../../src/sandbox/sandbox.js';
import { aribaDeclared, aribaNetworkDeclared, aribaNetworkResolved } from './ariba-settings.js';
import { describeConnector } from './contract.js';
import { failure, openAgainst, sandboxForTests, walk } from './support.js';

const vendor = 'ariba';
const streams = streamsOf(ariba, aribaNetworkDeclared);
const orders = streams['network_purchase_orders'] as Stream;
const items = streams['network_purchase_order_items'] as Stream;
const root = '/purchase-orders-buyer/v1/prod';
const window = { from: '2026-01-01T00:00:00.000Z', to: '2026-07-01T00:00:00.000Z' };
const reading = { window, pageSize: 20, recordsUnder: 'content', canBeEndless: false } as const;

describeConnector(
  { ...ariba, streams },
  {
    vendor,
    settings: aribaNetworkResolved,
    hasTokens: true,
    streams: {
      network_purchase_orders: { ...reading, path: `${root}/orders` },
      network_purchase_order_items: { ...reading, path: `${root}/items` },
    },
  },
);

/** An order as the seed has it: Coupa's words, nothing of the Network's. */
interface Seeded {
  readonly id: number;
  readonly 'po-number'?: string;
  readonly status: string;
  readonly version?: number;
  readonly total: string;
  readonly currency?: { readonly code: string };
  readonly supplier: { readonly name: string };
  readonly 'created-at': string;
  readonly 'order-lines'?: readonly { readonly 'line-num': string; readonly total: string }[];
}

describe('orders in the Ariba Network', () => {
  let sandbox: Sandbox;
  let connection: OpenConnection;
  beforeAll(async () => {
    sandbox = await sandboxForTests();
    connection = openAgainst(sandbox, { connector: ariba, vendor, settings: aribaNetworkResolved });
  });
  afterAll(async () => {
    connection?.close();
    await sandbox?.close();
  });

  /** What was sent to a supplier and is no malformed order to the Network. */
  function seeded(): readonly Seeded[] {
    const { purchase_orders: store } = sandbox.coupa.store;
    const { plants } = sandbox.seed;
    return store.ids
      .filter((_, index) => plants.get(index)?.kind !== 'impossible_date')
      .map((id) => store.find(id) as unknown as Seeded)
      .filter(({ status }) => status !== 'draft')
      .filter((order) => order['po-number'] !== undefined);
  }
  async function rowsOf(stream: Stream, within = window): Promise<readonly Row[]> {
    const pages = await walk(stream, connection, { window: within, pageSize: 100 });
    return pages
      .flatMap(({ records }) => records)
      .map((record) => stream.map(record))
      .flatMap((verdict) => (verdict.kind === 'row' ? [verdict.row] : []));
  }
  const number = (text: string | null | undefined) => Number(text);

  it('are each there once, with amount, currency, supplier and time, however the Network writes them', async () => {
    const rows = await rowsOf(orders);
    const expected = seeded()
      .filter(({ currency }) => currency !== undefined)
      .map((order) => ({
        id: `${order.id}.${order.version ?? 1}@sandbox.ariba.com`,
        document: order['po-number'],
        total: Number(order.total),
        currency: order.currency?.code,
        supplier: order.supplier.name,
        createdMs: Date.parse(order['created-at']),
      }));
    const found = rows
      .filter(({ currency }) => currency !== null)
      .map((row) => ({
        id: row['payload_id'],
        document: row['document_number'],
        total: number(row['amount']),
        currency: row['currency'],
        supplier: row['supplier_name'],
        createdMs: Date.parse(row['created_at'] ?? ''),
      }));
    expect(expected.length).toBeGreaterThan(250);
    expect(found.toSorted(byId)).toEqual(expected.toSorted(byId));
  });
  const byId = (a: { id?: string | null | undefined }, b: { id?: string | null | undefined }) =>
    String(a.id) < String(b.id) ? -1 : 1;

  it('have each of their lines once', async () => {
    const rows = await rowsOf(items);
    const expected = seeded().flatMap((order) =>
      (order['order-lines'] ?? []).map((line) => `${order['po-number']} ${line['line-num']}`),
    );
    const known = new Set(expected);
    const found = rows.map((row) => row['item_key'] ?? '').filter((key) => known.has(key));
    // Lines with a malformed price are quarantined, and only those.
    const malformed = [...sandbox.seed.plants.values()].filter(({ kind }) => kind === 'not_a_decimal').length;
    expect(malformed).toBeGreaterThan(0);
    expect(new Set(found).size).toBe(found.length);
    expect(found.length).toBeGreaterThan(expected.length - 2 * malformed - 1);
    expect(found.length).toBeLessThan(expected.length);
  });

  it('are asked for in periods of 31 days at most, without a gap, in whole days', async () => {
    sandbox.requests.clear();
    await walk(orders, connection, {
      window: { from: '2026-02-03T23:59:59.000Z', to: '2026-05-01T00:00:01.000Z' },
      pageSize: 100,
    });
    const asked = sandbox.requests
      .last(200)
      .filter(({ path }) => path.startsWith(root))
      .map(({ path }) => new URL(path, 'http://x').searchParams.get('$filter') ?? '');
    expect([...new Set(asked)].toSorted()).toEqual([
      `startDate eq '2026-02-03' and endDate eq '2026-03-05'`,
      `startDate eq '2026-03-06' and endDate eq '2026-04-05'`,
      `startDate eq '2026-04-06' and endDate eq '2026-05-01'`,
    ]);
  });

  it('begin on the day that is configured, and not in the time of no day', async () => {
    sandbox.requests.clear();
    const late = streamsOf(ariba, { ...aribaNetworkDeclared, since: '2027-01-01' })[
      'network_purchase_orders'
    ] as Stream;
    await walk(late, connection, { window: { from: null, to: '2026-06-01T12:00:00.000Z' }, pageSize: 100 });
    const [asked] = sandbox.requests.last(1);
    expect(decodeURIComponent(asked?.path ?? '')).toContain(
      `startDate eq '2026-06-01' and endDate eq '2026-06-01'`,
    );
  });

  it('are refused to the application of another API, and to another buyer', async () => {
    const auth = { ...aribaNetworkResolved.auth, applicationKey: aribaNetworkResolved.auth.clientSecret };
    for (const wrong of [{ auth }, { network: { id: 'AN01000000001' } }]) {
      const settings = { ...aribaNetworkResolved, ...wrong };
      const other = openAgainst(sandbox, { connector: ariba, vendor, settings });
      const error = await failure(orders.readPage(other, window, null, {}), 'ERR_SOURCE_FORBIDDEN');
      expect(error.retryable).toBe(false);
      other.close();
    }
  });

  it('are settings of their own: views need a realm, and something must be read', () => {
    const { auth, network } = aribaNetworkDeclared;
    const { realm, views } = aribaDeclared;
    const problems = (settings: unknown) =>
      ariba.connection.safeParse(settings).error?.issues.map(({ message }) => message) ?? [];
    expect(problems({ auth, network })).toEqual([]);
    expect(problems({ auth, realm, views, network })).toEqual([]);
    expect(problems({ auth, views })).toEqual(['must be named where views are']);
    expect(problems({ auth, realm })).toEqual([expect.stringContaining('neither views')]);
    expect(problems({ auth, network: { id: 'nobody' } })).toEqual([expect.stringContaining('AN0')]);
    expect(Object.keys(streamsOf(ariba, { auth, realm, views, network }))).toEqual([
      'purchase_orders',
      'purchase_order_totals',
      'network_purchase_orders',
      'network_purchase_order_items',
    ]);
  });
});
