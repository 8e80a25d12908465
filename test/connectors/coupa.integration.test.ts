import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { coupa } from '../../src/connectors/coupa/index.js';
import type { OpenConnection, Stream } from '../../src/connectors/port.js';
import { Secret } from '../../src/domain/secret.js';
import type { Sandbox } from '../../src/sandbox/sandbox.js';
import { orderIdBase } from '../../src/sandbox/seed/frame.js';
import { describeConnector, type StreamFixture } from './contract.js';
import { canary, expectNoSecret, lines, openAgainst, sandboxForTests, walk } from './support.js';

const window = { from: '2020-01-01T00:00:00.000Z', to: '2030-01-01T00:00:00.000Z' };

function list(path: string, pageSize: number): StreamFixture {
  return { window, pageSize, path, recordsUnder: null, canBeEndless: true };
}

describeConnector(coupa, {
  vendor: 'coupa',
  settings: { auth: { clientId: 'baton-demo', clientSecret: new Secret(canary.coupaClientSecret) } },
  hasTokens: true,
  streams: {
    purchase_orders: list('/api/purchase_orders', 50),
    purchase_order_totals: list('/api/purchase_orders', 50),
    purchase_order_lines: list('/api/purchase_order_lines', 50),
    suppliers: list('/api/suppliers', 20),
    invoices: list('/api/invoices', 50),
    exchange_rates: list('/api/exchange_rates', 10),
  },
});

describe('Coupa', () => {
  let sandbox: Sandbox;
  let connection: OpenConnection;
  const settings = { auth: { clientId: 'baton-demo', clientSecret: new Secret(canary.coupaClientSecret) } };

  beforeAll(async () => {
    sandbox = await sandboxForTests(3_000);
    connection = openAgainst(sandbox, { connector: coupa, vendor: 'coupa', settings });
  });
  afterAll(async () => {
    connection.close();
    await sandbox.close();
  });

  const orders = coupa.streams['purchase_orders'] as Stream;

  it('finds each malformed order that was planted, by its rule, and quarantines no other', async () => {
    const records = (await walk(orders, connection, { window, pageSize: 50 })).flatMap(
      (page) => page.records,
    );
    const malformed = new Set(['unknown_status', 'not_a_decimal', 'missing_key', 'impossible_date']);
    const planted = new Map(
      [...sandbox.seed.plants]
        .filter(([, { kind }]) => malformed.has(kind))
        .map(([index, { kind }]) => [String(orderIdBase + index), kind]),
    );
    const found = new Map<string, string>();
    for (const record of records) {
      const mapped = orders.map(record);
      if (mapped.kind !== 'quarantined') continue;
      expect(mapped.violations).toHaveLength(1);
      found.set(mapped.id ?? '', mapped.violations[0]?.rule ?? '');
    }
    expect(planted.size).toBeGreaterThan(8);
    expect([...found].sort()).toEqual([...planted].sort());
  });

  it('lists each line of each order by itself, with a change of its order', async () => {
    const stream = coupa.streams['purchase_order_lines'] as Stream;
    const read = async (from: string | null) => {
      const pages = await walk(stream, connection, { window: { from, to: window.to }, pageSize: 50 });
      return pages.flatMap((page) => page.records).map((record) => JSON.parse(record.toString()));
    };
    const { store, changes } = sandbox.coupa;
    const orders = store.purchase_orders.ordered('id').map((at) => store.purchase_orders.record(at));
    const expected = orders.flatMap((order) => order['order-lines'] ?? []) as { id: number }[];
    const ids = (some: readonly { id: number }[]) => some.map(({ id }) => id);
    expect(ids(await read(null))).toEqual(ids(expected).sort((a, b) => a - b));
    const changed = orders.find((order) => (order['order-lines'] as unknown[] | undefined)?.length === 2);
    const since = new Date(sandbox.clock.ms() - 1_000).toISOString();
    changes.patch('purchase_orders', { id: changed?.['id'] });
    expect(ids(await read(since))).toEqual(ids(changed?.['order-lines'] as { id: number }[]));
  });

  it('reads only the window, and no record twice while records move between pages', async () => {
    const to = new Date(sandbox.clock.ms() - 1_000).toISOString();
    sandbox.faults.add({
      vendor: 'coupa',
      kind: 'moving_records',
      count: 6,
      match: { path: '/api/purchase_orders' },
    });
    sandbox.settings.duplicates = false;
    const from = '2026-01-01T00:00:00.000Z';
    const expected = new Set(sandbox.coupa.store.purchase_orders.ids.map(String));
    const pages = await walk(orders, connection, { window: { from, to }, pageSize: 50 });
    const read = lines(pages).map((line) => String(JSON.parse(line).id));
    expect(new Set(read).size).toBe(read.length);
    // What moved out of this window is in the next one: together they are everything.
    const rest = await walk(orders, connection, {
      window: { from: to, to: '2030-01-01T00:00:00.000Z' },
      pageSize: 50,
    });
    const later = lines(rest).map((line) => String(JSON.parse(line).id));
    expect(new Set([...read, ...later])).toEqual(expected);
  });

  it('names the scope that is missing, and where to grant it', async () => {
    sandbox.settings.coupaScopes = ['core.purchase_order.read'];
    const name = { auth: { ...settings.auth, scope: 'core.purchase_order.read' } };
    const narrow = openAgainst(sandbox, { connector: coupa, vendor: 'coupa', settings: name });
    const ticks = [];
    for await (const tick of narrow.check()) ticks.push(tick);
    narrow.close();
    expect(ticks.at(-1)).toMatchObject({ step: 'scope', state: 'failed' });
    expect(ticks.at(-1)?.detail).toContain('core.supplier.read');
    expect(ticks.at(-1)?.fix).toMatch(/OAuth2.*core\.supplier\.read/);
  });

  it('says at the auth step that the secret is wrong, without showing it', async () => {
    const wrong = { auth: { clientId: 'baton-demo', clientSecret: new Secret('canary-coupa-4f1d9c-wrong') } };
    const refused = openAgainst(sandbox, { connector: coupa, vendor: 'coupa', settings: wrong });
    const ticks = [];
    for await (const tick of refused.check()) ticks.push(tick);
    refused.close();
    expectNoSecret(ticks);
    expect(ticks.at(-1)).toMatchObject({ step: 'auth', state: 'failed' });
    expect(ticks.at(-1)?.detail).toContain('invalid_client');
  });
});
