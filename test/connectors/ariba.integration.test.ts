import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ariba } from '../../src/connectors/ariba/index.js';
import { type OpenConnection, type Stream, streamsOf } from '../../src/connectors/port.js';
import { Secret } from '../../src/domain/secret.js';
import { aribaApplicationKey, aribaClientSecret, aribaOrderView } from '../../src/sandbox/ariba/vendor.js';
import type { Sandbox } from '../../src/sandbox/sandbox.js';
import { aribaDeclared, aribaResolved } from './ariba-settings.js';
import { describeConnector } from './contract.js';
import { failure, lines, openAgainst, sandboxForTests, walk } from './support.js';

const [declared, settings] = [aribaDeclared, aribaResolved];
const streams = streamsOf(ariba, declared);
const orders = streams['purchase_orders'] as Stream;
const path = `/procurement-reporting-details/v2/prod/views/${aribaOrderView}`;
/** Of a year, as far as one query reaches: the seeded time lies in it. */
const window = { from: '2026-01-01T00:00:00.000Z', to: '2026-12-31T00:00:00.000Z' };
const reading = { window, pageSize: 50, path, recordsUnder: 'Records', canBeEndless: true } as const;

describeConnector(
  { ...ariba, streams },
  {
    vendor: 'ariba',
    settings,
    hasTokens: true,
    prepare(sandbox) {
      sandbox.settings.aribaLimited = false;
    },
    streams: { purchase_orders: reading, purchase_order_totals: reading },
  },
);

describe('SAP Ariba', () => {
  let sandbox: Sandbox;
  let connection: OpenConnection;
  beforeAll(async () => {
    sandbox = await sandboxForTests();
    connection = open();
  });
  afterAll(async () => {
    connection.close();
    await sandbox.close();
  });

  function open(more: Readonly<Record<string, unknown>> = {}): OpenConnection {
    return openAgainst(sandbox, { connector: ariba, vendor: 'ariba', settings: { ...settings, ...more } });
  }
  const numbersOf = (read: readonly string[]) => read.map((line) => JSON.parse(line).InternalId as string);

  it('reads a window of many years in queries of a year at most, each order once', async () => {
    sandbox.settings.aribaLimited = false;
    const many = { from: '2016-03-01T12:00:00.000Z', to: '2030-01-01T00:00:00.000Z' };
    const pages = await walk(orders, connection, { window: many, pageSize: 50 });
    const read = numbersOf(lines(pages));
    expect(read.toSorted()).toEqual(sandbox.coupa.store.purchase_orders.ids.map(String).toSorted());
    const asked = new Set(
      sandbox.requests
        .last(100)
        .filter((request) => request.path.startsWith(path))
        .map((request) => new URL(request.path, 'http://x').searchParams.get('filters') ?? ''),
    );
    expect(asked.size).toBe(14);
    for (const filters of asked) {
      const { updatedDateFrom: from, updatedDateTo: to } = JSON.parse(filters);
      expect(Date.parse(to) - Date.parse(from)).toBeLessThanOrEqual(31_536_000_000);
    }
  });

  it('reads what changed in the window, its ends included, and nothing else', async () => {
    const { updated, ids } = sandbox.coupa.store.purchase_orders;
    const [fromMs = 0, toMs = 0] = [100, 200].map((at) => updated.toSorted((a, b) => a - b)[at]);
    const part = { from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString() };
    const expected = ids.filter((_, at) => (updated[at] ?? 0) >= fromMs && (updated[at] ?? 0) <= toMs);
    const read = numbersOf(lines(await walk(orders, connection, { window: part, pageSize: 50 })));
    expect(expected.length).toBeGreaterThan(90);
    expect(read.toSorted()).toEqual(expected.map(String).toSorted());
  });

  it('begins a read from the beginning on the day that is configured', async () => {
    const late = streamsOf(ariba, { ...declared, since: '2026-01-01' })['purchase_orders'] as Stream;
    const page = await late.readPage(connection, { ...window, from: null }, null, {});
    expect(page.records.length).toBe(50);
  });

  it('quarantines each malformed order that was planted, and no other', async () => {
    const kinds = new Set(['unknown_status', 'not_a_decimal', 'missing_key', 'impossible_date']);
    const planted = [...sandbox.seed.plants].filter(([, { kind }]) => kinds.has(kind));
    const read = (await walk(orders, connection, { window, pageSize: 50 })).flatMap((page) => page.records);
    const found = read.filter((record) => orders.map(record).kind === 'quarantined');
    expect(numbersOf(found.map(String)).toSorted()).toEqual(
      planted.map(([index]) => String(sandbox.seed.header(index).id)).toSorted(),
    );
  });

  it('waits as Ariba’s own header says when its limit is reached, and asks again afterwards', async () => {
    const read = () => orders.readPage(connection, window, null, {});
    await read();
    // From an hour's beginning, and a second on after each call: three a minute, of which none two in a second.
    let nowMs = Math.ceil(sandbox.clock.ms() / 3_600_000) * 3_600_000 + 100;
    const wait = (ms: number) => {
      nowMs += ms;
      sandbox.clock.shiftTo(sandbox.clock.offsetMs + nowMs - sandbox.clock.ms());
    };
    wait(0);
    sandbox.settings.aribaLimited = true;
    try {
      await read();
      expect((await failure(read(), 'ERR_SOURCE_RATE_LIMITED')).options.retryAfterMs).toBe(1_000);
      for (const _ of [2, 3]) {
        wait(1_000);
        await read();
      }
      wait(1_000);
      const refused = await failure(read(), 'ERR_SOURCE_RATE_LIMITED');
      expect(refused.options.retryAfterMs).toBe(57_000);
      wait(57_000);
      expect((await read()).records.length).toBe(50);
    } finally {
      sandbox.settings.aribaLimited = false;
    }
  });

  it.each([
    ['the realm', { realm: 'elsewhere-T' }],
    [
      'the application key',
      { auth: { ...settings.auth, applicationKey: new Secret('canary-ariba-key-91') } },
    ],
  ])('says what is wrong with %s, and where to mend it, without showing a secret', async (_what, wrong) => {
    const refused = open(wrong);
    const ticks = [];
    for await (const tick of refused.check()) ticks.push(tick);
    refused.close();
    expect(ticks.at(-1)).toMatchObject({ step: 'scope', state: 'failed' });
    expect(ticks.at(-1)?.fix).toMatch(/developer portal.*baton_purchase_orders/);
    expect(JSON.stringify(ticks)).not.toMatch(/canary-ariba-key|ariba-sandbox-client-secret/);
  });

  it('is read with secrets that were exchanged meanwhile, its clock too', async () => {
    const wrong = { ...settings, auth: { ...settings.auth, clientSecret: new Secret('exchanged-since') } };
    const old = ariba.open({
      name: 'ariba-old',
      type: 'ariba',
      baseUrl: `${sandbox.url}/ariba`,
      settings: wrong,
      limits: { timeoutMs: 5_000, maxResponseBytes: 20_000_000, requestsPerSecond: 10_000 },
      renewed: async () => connection,
    });
    expect(Math.abs((await old.vendorNow()).getTime() - sandbox.clock.ms())).toBeLessThan(5_000);
    expect((await orders.readPage(old, window, null, {})).records.length).toBe(50);
    old.close();
    const alone = open(wrong);
    await failure(alone.vendorNow(), 'ERR_SOURCE_AUTH');
    alone.close();
  });

  it('shows neither secret nor key when the vendor echoes them', async () => {
    for (const secret of [aribaClientSecret, aribaApplicationKey]) {
      const body = JSON.stringify({ message: `${secret} is unknown` });
      sandbox.faults.add({ vendor: 'ariba', kind: 'status', match: { path }, params: { status: 400, body } });
      const error = await failure(orders.readPage(connection, window, null, {}), 'ERR_SOURCE_BAD_REQUEST');
      expect(error.message).not.toContain(secret);
    }
  });

  it('refuses a view template that the realm does not have', async () => {
    const views = { purchase_orders: 'no_such_view' };
    const lost = streamsOf(ariba, { ...declared, views })['purchase_orders'] as Stream;
    const error = await failure(lost.readPage(connection, window, null, {}), 'ERR_SOURCE_BAD_REQUEST');
    expect(error.message).toContain('no_such_view does not exist');
  });
});
