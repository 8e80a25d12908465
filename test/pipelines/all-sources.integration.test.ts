import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectors } from '../../src/connectors/registry.js';
import type { Sandbox } from '../../src/sandbox/sandbox.js';
import type { VendorName } from '../../src/sandbox/wire.js';
import { canaries, startBaton, type TestBaton } from '../setup/baton.js';
import { aribaAt, freshworksAt } from '../setup/sandbox-connections.js';

/** How many different records each stream has, counted at the vendors and not by us. */
type Truth = Readonly<Record<string, (sandbox: Sandbox) => number | Promise<number>>>;

const zendeskHas = (path: string, member: string) => async (sandbox: Sandbox) => {
  const credentials = btoa(`baton@example.com/token:${canaries.ZENDESK_API_TOKEN}`);
  const url = `${sandbox.url}/zendesk/api/v2/incremental/${path}?start_time=0&per_page=1000`;
  const answer = await fetch(url, { headers: { authorization: `Basic ${credentials}` } });
  expect(answer.status).toBe(200);
  const body = (await answer.json()) as Readonly<Record<string, readonly { readonly id: number }[]>>;
  return new Set(body[member]?.map(({ id }) => id)).size;
};
const coupaHas =
  (list: 'purchase_orders' | 'suppliers' | 'invoices' | 'exchange_rates') => (sandbox: Sandbox) =>
    sandbox.coupa.store[list].ids.length;
const freshHas = (vendor: 'freshservice' | 'freshdesk', list: string) => (sandbox: Sandbox) =>
  sandbox[vendor].lists[list]?.length ?? 0;
const salesforceHas = (object: 'Account' | 'Contact' | 'Case' | 'CaseComment') => (sandbox: Sandbox) =>
  sandbox.salesforce.records(object).length;

const sources: Readonly<Record<string, Truth>> = {
  ariba: {
    purchase_orders: coupaHas('purchase_orders'),
    purchase_order_totals: coupaHas('purchase_orders'),
  },
  coupa: {
    purchase_orders: coupaHas('purchase_orders'),
    purchase_order_totals: coupaHas('purchase_orders'),
    purchase_order_lines: ({ coupa }) =>
      coupa.store.purchase_orders.ids
        .map((id) => coupa.store.purchase_orders.find(id) as unknown as { 'order-lines': readonly unknown[] })
        .reduce((sum, order) => sum + (order['order-lines']?.length ?? 0), 0),
    suppliers: coupaHas('suppliers'),
    invoices: coupaHas('invoices'),
    exchange_rates: coupaHas('exchange_rates'),
  },
  freshdesk: {
    tickets: ({ freshdesk }) => freshdesk.tickets.length,
    contacts: freshHas('freshdesk', 'contacts'),
  },
  freshservice: {
    tickets: ({ freshservice }) => freshservice.tickets.length,
    assets: freshHas('freshservice', 'assets'),
    purchase_orders: freshHas('freshservice', 'purchase_orders'),
    suppliers: freshHas('freshservice', 'vendors'),
  },
  salesforce: {
    accounts: salesforceHas('Account'),
    contacts: salesforceHas('Contact'),
    cases: salesforceHas('Case'),
    case_comments: salesforceHas('CaseComment'),
  },
  zendesk: {
    tickets: zendeskHas('tickets/cursor', 'tickets'),
    users: zendeskHas('users/cursor', 'users'),
    organizations: zendeskHas('organizations', 'organizations'),
    ticket_metrics: zendeskHas('tickets/cursor', 'tickets'),
    ticket_metric_events: zendeskHas('ticket_metric_events', 'ticket_metric_events'),
    chats: zendeskHas('../chat/incremental/chats', 'chats'),
  },
};

/** Whose streams each installation declares itself, and the rates, of which a run reads a range. */
const others = ['files', 'postgres', 'rest', 'frankfurter'];

describe('a run over all sources at once', () => {
  let baton: TestBaton;
  beforeAll(async () => {
    baton = await startBaton({
      time: 'real',
      records: 200,
      tenants: ['default'],
      settings: (sandboxUrl) => ({
        ...freshworksAt(sandboxUrl, 'freshservice'),
        ...freshworksAt(sandboxUrl, 'freshdesk'),
        ...aribaAt(sandboxUrl),
        // With a smaller plan, exports would wait for their minute.
        BATON_CONNECTIONS__ZENDESK__PLAN: 'high_volume',
        BATON_CONNECTIONS__ZENDESK__CHAT: 'true',
        BATON_PIPELINES__INGEST_PIPELINE__RETRY_DELAY: '1s',
        BATON_PIPELINES__INGEST_PIPELINE__SOURCES: JSON.stringify(
          Object.entries(sources).map(([connection, truth]) => ({
            connection,
            streams: Object.keys(truth),
          })),
        ),
      }),
    });
    baton.sandbox.settings.aribaLimited = false;
    // What is counted here is asked for besides.
    baton.sandbox.settings.zendeskIncrementalPerMinute = null;
    // An hour ago: exports do not tell of the last minute.
    baton.sandbox.clock.shiftTo(-3_600_000);
    for (let n = 1; n <= 30; n += 1)
      baton.sandbox.tickets.create({ subject: `Ticket ${n}`, description: 'x' } as never, true, null);
    baton.sandbox.clock.shiftTo(0);
  }, 120_000);
  afterAll(() => baton?.stop());

  /** Records by stream, as the warehouse has them: loaded, and kept back with a reason. */
  async function found(tenant: string): Promise<Readonly<Record<string, number>>> {
    const { knex } = baton.warehouseDatabase;
    const entries = Object.entries(sources).flatMap(([connection, truth]) =>
      Object.keys(truth).map(async (stream) => {
        const sql = `SELECT (SELECT count(*) FROM raw.${connection}_${stream} WHERE _tenant = :tenant)::int AS loaded,
          (SELECT count(*) FROM quarantine.records
           WHERE tenant = :tenant AND target = :target AND state = 'waiting')::int AS waiting`;
        const { rows } = await knex.raw(sql, { tenant, target: `raw.${connection}_${stream}` });
        return [`${connection}.${stream}`, rows[0].loaded + rows[0].waiting] as const;
      }),
    );
    return Object.fromEntries(await Promise.all(entries));
  }
  /** The same as the vendors have them. */
  async function there(): Promise<Readonly<Record<string, number>>> {
    const entries = Object.entries(sources).flatMap(([connection, truth]) =>
      Object.entries(truth).map(
        async ([stream, count]) => [`${connection}.${stream}`, await count(baton.sandbox)] as const,
      ),
    );
    return Object.fromEntries(await Promise.all(entries));
  }

  it('is over all that there are', () => {
    const own = Object.entries(connectors)
      .filter(([, { streams, streamsOf }]) => Object.keys(streams).length > 0 || streamsOf !== undefined)
      .map(([type]) => type);
    expect(own.filter((type) => !others.includes(type))).toEqual(Object.keys(sources));
    for (const [type, truth] of Object.entries(sources)) {
      const declared = Object.keys(connectors[type]?.streams ?? {});
      // What is there by a setting besides, is here besides.
      expect(Object.keys(truth), type).toEqual(expect.arrayContaining(declared));
    }
  });

  it('has every record of each, though each stumbles: at a limit, an error, and an answer that is cut off', async () => {
    for (const vendor of Object.keys(sources) as VendorName[]) {
      const add = (kind: 'rate_limit' | 'status' | 'truncate', skip: number, params = {}) =>
        baton.sandbox.faults.add({ vendor, kind, match: { method: 'GET' }, skip, params });
      add('rate_limit', 1, { retryAfter: 1 });
      add('status', 2, { status: 503 });
      add('truncate', 3);
    }
    const run = await baton.start({ pipeline: 'ingest_pipeline' });
    expect(await baton.result(run)).toMatchObject({ state: 'succeeded' });
    expect(baton.sandbox.faults.list().filter(({ struck }) => struck === 0)).toEqual([]);
    baton.sandbox.faults.clear();
    const counts = await found('default');
    expect(counts).toEqual(await there());
    for (const [stream, count] of Object.entries(counts)) expect(count, stream).toBeGreaterThan(20);
  }, 120_000);
});
