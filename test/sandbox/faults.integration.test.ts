import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Sandbox } from '../../src/sandbox/sandbox.js';
import {
  coupaHeaders,
  getJson,
  type Reply,
  raw,
  readAll,
  salesforceHeaders,
  start,
  ticketBody,
  zendeskHeaders,
} from './client.js';

/** Each fault as a client meets it: over a raw connection, with nothing smoothed over. */

let sandbox: Sandbox;
let headers: Record<string, string>;
beforeEach(async () => {
  sandbox = await start();
  headers = await coupaHeaders(sandbox);
});
afterEach(() => sandbox.close());

async function fault(body: Record<string, unknown>): Promise<void> {
  const reply = await raw(`${sandbox.url}/_admin/faults`, { method: 'POST', body: JSON.stringify(body) });
  expect(reply.status).toBe(201);
}

const orders = (query = 'limit=5'): Promise<Reply> =>
  raw(`${sandbox.url}/coupa/api/purchase_orders?${query}`, { headers });
const create = (id: string, key?: string): Promise<Reply> =>
  raw(`${sandbox.url}/zendesk/api/v2/tickets.json`, {
    method: 'POST',
    headers: zendeskHeaders(key),
    body: ticketBody(id),
  });
const tickets = (): number => sandbox.tickets.all().length;

describe('answers made up', () => {
  test.each<[object, string | undefined]>([
    [{ retryAfter: 7 }, '7'],
    [{ retryAfter: 'date', seconds: 60 }, 'Tue, 16 Jun 2026 00:01:00 GMT'],
    [{ retryAfter: 'absurd' }, '99999999999'],
    [{ retryAfter: 'missing' }, undefined],
  ])('rate_limit %j', async (params, expected) => {
    await fault({ vendor: 'coupa', kind: 'rate_limit', params });
    const reply = await orders();
    expect([reply.status, reply.headers['retry-after']]).toEqual([429, expected]);
    expect((await orders()).status).toBe(200);
  });

  test('status, with the body given', async () => {
    await fault({ vendor: 'coupa', kind: 'status', params: { status: 503, body: 'down' } });
    const reply = await orders();
    expect([reply.status, reply.body]).toEqual([503, 'down']);
  });

  test('html, not_json and empty_body come with 200', async () => {
    for (const kind of ['html', 'not_json', 'empty_body']) await fault({ vendor: 'coupa', kind });
    const [page, broken, empty] = [await orders(), await orders(), await orders()];
    expect(page.headers['content-type']).toContain('text/html');
    expect(page.body).toContain('sign in');
    expect(() => JSON.parse(broken.body)).toThrow();
    expect([empty.status, empty.body]).toEqual([200, '']);
  });
});

describe('connections broken', () => {
  test('reset: no answer at all', async () => {
    await fault({ vendor: 'coupa', kind: 'reset' });
    const reply = await orders();
    expect(reply.status).toBeNull();
    expect(reply.error).toMatch(/ECONNRESET|hang up/);
  });

  test('hang: nothing until the client gives up', async () => {
    await fault({ vendor: 'coupa', kind: 'hang' });
    const url = `${sandbox.url}/coupa/api/purchase_orders`;
    expect((await raw(url, { headers, timeoutMs: 200 })).error).toBe('client gave up');
  });

  test('truncate: the whole length is announced, half of it comes', async () => {
    await fault({ vendor: 'coupa', kind: 'truncate' });
    const reply = await orders();
    expect(reply.status).toBe(200);
    expect(reply.error).not.toBeNull();
    const length = Number(reply.headers['content-length']);
    expect(Buffer.byteLength(reply.body)).toBeGreaterThan(0);
    expect(Buffer.byteLength(reply.body)).toBeLessThan(length);
  });

  test('slow_body: whole, but in its own time', async () => {
    await fault({ vendor: 'coupa', kind: 'slow_body', params: { durationMs: 500 } });
    const began = performance.now();
    const reply = await orders();
    expect(performance.now() - began).toBeGreaterThan(400);
    expect(JSON.parse(reply.body)).toHaveLength(5);
  });
});

describe('accepted, and not said so', () => {
  test('accept_then_reset: the ticket is there, the answer is not', async () => {
    await fault({ vendor: 'zendesk', kind: 'accept_then_reset', match: { method: 'POST' } });
    expect((await create('a')).status).toBeNull();
    expect(tickets()).toBe(1);
  });

  test('accept_then_500', async () => {
    await fault({ vendor: 'zendesk', kind: 'accept_then_500', match: { method: 'POST' } });
    expect((await create('a')).status).toBe(500);
    expect(tickets()).toBe(1);
  });

  test('accept_late_then_reset: absent at first, 409 for the same key meanwhile, then there and a hit', async () => {
    await fault({
      vendor: 'zendesk',
      kind: 'accept_late_then_reset',
      match: { method: 'POST' },
      params: { seconds: 0.4 },
    });
    expect((await create('a', 'key-a')).status).toBeNull();
    expect(tickets()).toBe(0);
    expect((await create('a', 'key-a')).status).toBe(409);
    await expect.poll(tickets, { timeout: 3_000 }).toBe(1);
    const again = await create('a', 'key-a');
    expect([again.status, again.headers['x-idempotency-lookup'], tickets()]).toEqual([201, 'hit', 1]);
  });

  test('with a probability, by a draw that repeats: about 30 % of 200', async () => {
    const struck = async (): Promise<number[]> => {
      const other = await start();
      other.faults.add({ vendor: 'zendesk', kind: 'accept_then_reset', count: null, probability: 0.3 });
      const url = `${other.url}/zendesk/api/v2/tickets.json`;
      const lost: number[] = [];
      for (let at = 0; at < 200; at++) {
        const ask = { method: 'POST', headers: zendeskHeaders(), body: ticketBody(`t${at}`) };
        if ((await raw(url, ask)).status === null) lost.push(at);
      }
      expect(other.tickets.all()).toHaveLength(200);
      await other.close();
      return lost;
    };
    const lost = await struck();
    expect(lost.length).toBeGreaterThan(40);
    expect(lost.length).toBeLessThan(80);
    expect(await struck()).toEqual(lost);
  });
});

test('a fault strikes the requests whose decoded query holds the text, and no others', async () => {
  await fault({
    vendor: 'coupa',
    kind: 'status',
    params: { status: 500 },
    match: { query: 'id[gt]' },
    count: null,
  });
  expect((await orders('limit=50')).status).toBe(200);
  expect((await orders('id%5Bgt%5D=1&limit=50')).status).toBe(500);
  expect((await orders('id[gt]=1&limit=50')).status).toBe(500);
});

describe('credentials', () => {
  test('token_expired: any old token is 401 until a new one is fetched', async () => {
    await fault({ vendor: 'coupa', kind: 'token_expired', skip: 1, match: { path: '/api/' } });
    expect([(await orders()).status, (await orders()).status, (await orders()).status]).toEqual([
      200, 401, 401,
    ]);
    headers = await coupaHeaders(sandbox);
    expect((await orders()).status).toBe(200);
  });

  test('auth_dead: everything is 401 until cleared, the token endpoint too', async () => {
    await fault({ vendor: 'coupa', kind: 'auth_dead' });
    expect((await orders()).status).toBe(401);
    const token = await raw(`${sandbox.url}/coupa/oauth2/token`, { method: 'POST', body: '' });
    expect([token.status, JSON.parse(token.body).error]).toEqual([401, 'invalid_client']);
    await raw(`${sandbox.url}/_admin/faults`, { method: 'DELETE' });
    expect((await orders()).status).toBe(200);
  });
});

describe('lists that misbehave', () => {
  test('endless_cursor: Coupa gives the same page for ever', async () => {
    await fault({ vendor: 'coupa', kind: 'endless_cursor', match: { path: '/api/purchase_orders' } });
    const first = await orders('limit=50');
    expect((await orders('id[gt]=102000&limit=50')).body).toBe(first.body);
    expect(JSON.parse((await orders('dir=desc&limit=1')).body)).toHaveLength(1);
    expect((await orders('id[gt]=102000&limit=50')).body).toBe(first.body);
    await raw(`${sandbox.url}/_admin/faults`, { method: 'DELETE' });
    expect((await orders('id[gt]=102000&limit=50')).body).not.toBe(first.body);
  });

  test('endless_cursor: Zendesk and Salesforce hand out the cursor they handed out before', async () => {
    await fault({ vendor: 'zendesk', kind: 'endless_cursor', match: { path: '/api/v2/incremental' } });
    const path = `${sandbox.url}/zendesk/api/v2/incremental/tickets/cursor.json`;
    type Export = { end_of_stream: boolean; after_cursor: string };
    const first = await getJson<Export>(`${path}?start_time=1`, zendeskHeaders());
    const next = await getJson<Export>(
      `${path}?cursor=${encodeURIComponent(first.after_cursor)}`,
      zendeskHeaders(),
    );
    expect([first.end_of_stream, next]).toEqual([false, first]);

    await fault({ vendor: 'salesforce', kind: 'endless_cursor' });
    const credentials = await salesforceHeaders(sandbox);
    const root = `${sandbox.url}/salesforce`;
    type Page = { done: boolean; nextRecordsUrl: string };
    const page = await getJson<Page>(
      `${root}/services/data/v62.0/query?q=SELECT+Id+FROM+Account`,
      credentials,
    );
    expect([page.done, await getJson<Page>(root + page.nextRecordsUrl, credentials)]).toEqual([false, page]);
  });

  test('moving_records: records leave a window while it is read, so offsets skip and keysets do not', async () => {
    const window = 'updated-at[lt]=2026-06-15T12:00:00Z';
    const ids = (await readAll<{ id: number }>(sandbox, `purchase_orders?${window}`, headers)).map(
      ({ id }) => id,
    );
    await fault({ vendor: 'coupa', kind: 'moving_records', params: { records: 5 } });
    const first = await getJson<{ id: number; 'updated-at': string }[]>(
      `${sandbox.url}/coupa/api/purchase_orders?${window}`,
      headers,
    );
    const byOffset = await getJson<{ id: number }[]>(
      `${sandbox.url}/coupa/api/purchase_orders?${window}&offset=50`,
      headers,
    );
    expect(first.map(({ id }) => id)).toEqual(ids.slice(0, 50));
    const seen = first.map((order) => Date.parse(order['updated-at']));
    expect(Math.max(...seen)).toBeLessThan(Date.parse('2026-06-15T00:00:00Z'));
    const last = first.at(-1)?.id ?? 0;
    const byKey = await getJson<{ id: number }[]>(
      `${sandbox.url}/coupa/api/purchase_orders?${window}&id[gt]=${last}`,
      headers,
    );
    expect(byKey[0]?.id).toBe(ids[50]);
    expect(byOffset[0]?.id).toBeGreaterThan(ids[50] ?? 0);
  });
});

describe('the book of faults', () => {
  test('a fault strikes only what it matches, as often as it is told', async () => {
    await fault({
      vendor: 'coupa',
      kind: 'status',
      count: 2,
      match: { method: 'GET', path: '/^\\/api\\/purchase_orders$/' },
    });
    expect((await raw(`${sandbox.url}/coupa/api/suppliers`, { headers })).status).toBe(200);
    expect([(await orders()).status, (await orders()).status, (await orders()).status]).toEqual([
      500, 500, 200,
    ]);
  });

  test('lists, clears by id, refuses what it does not know', async () => {
    await fault({ vendor: 'slack', kind: 'hang', count: 3 });
    const list = await getJson<{ id: number; left: number }[]>(`${sandbox.url}/_admin/faults`);
    expect(list).toMatchObject([{ vendor: 'slack', kind: 'hang', left: 3 }]);
    await raw(`${sandbox.url}/_admin/faults/${list[0]?.id}`, { method: 'DELETE' });
    expect(await getJson(`${sandbox.url}/_admin/faults`)).toEqual([]);
    for (const body of [
      '{"vendor":"nobody","kind":"hang"}',
      '{"vendor":"coupa","kind":"shrug"}',
      '{',
      '{"vendor":"zendesk","kind":"token_expired"}',
    ]) {
      expect((await raw(`${sandbox.url}/_admin/faults`, { method: 'POST', body })).status).toBe(400);
    }
  });

  test('requests are counted by route and outcome', async () => {
    await fault({ vendor: 'coupa', kind: 'reset' });
    await orders();
    await orders();
    const { counts, last } = await getJson<{ counts: object[]; last: object[] }>(
      `${sandbox.url}/_admin/requests`,
    );
    const common = { vendor: 'coupa', method: 'GET', path: '/api/purchase_orders', count: 1 };
    expect(counts).toEqual(
      expect.arrayContaining([
        { ...common, outcome: 'reset' },
        { ...common, outcome: '200' },
      ]),
    );
    expect(last.at(-1)).toMatchObject({ path: '/api/purchase_orders?limit=5', outcome: '200' });
  });
});
