import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Sandbox } from '../../src/sandbox/sandbox.js';
import { getJson, type Reply, raw, start, ticketBody, zendeskHeaders } from './client.js';

let sandbox: Sandbox;
let nowMs = Date.parse('2026-06-16T00:00:00Z');

beforeAll(async () => {
  sandbox = await start({ clock: () => new Date(nowMs) });
});
afterAll(() => sandbox.close());

const url = (path: string): string => `${sandbox.url}/zendesk/api/v2/${path}`;
const send = (method: string, path: string, body: string, key?: string): Promise<Reply> =>
  raw(url(path), { method, headers: zendeskHeaders(key), body });
const idOf = (reply: Reply): number => (JSON.parse(reply.body) as { ticket: { id: number } }).ticket.id;
const put = (id: number, ticket: Record<string, unknown>): Promise<Reply> =>
  send('PUT', `tickets/${id}.json`, JSON.stringify({ ticket }));

interface TicketList {
  tickets: { id: number; status: string; updated_at: string }[];
  after_cursor: string;
  end_of_stream: boolean;
  count: number;
}
const list = (path: string): Promise<TicketList> => getJson(url(path), zendeskHeaders());

describe('credentials', () => {
  test('any address with the right token may come in; anything else is 401', async () => {
    const of = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` });
    expect(
      (await raw(url('users/me.json'), { headers: of('someone@example.org/token:test-zendesk') })).status,
    ).toBe(200);
    for (const wrong of ['baton@example.com/token:nope', 'baton@example.com:test-zendesk']) {
      expect((await raw(url('users/me.json'), { headers: of(wrong) })).status).toBe(401);
    }
    expect((await raw(url('tickets.json'))).status).toBe(401);
  });
});

describe('create', () => {
  test('answers 201 with Location and the ticket; the first comment is the description', async () => {
    const reply = await send('POST', 'tickets.json', ticketBody('create-1', 'Größe ≠ Summe'));
    const { ticket } = JSON.parse(reply.body);
    expect(reply.status).toBe(201);
    expect(reply.headers.location).toBe(url(`tickets/${ticket.id}.json`));
    expect(ticket).toMatchObject({
      subject: 'Größe ≠ Summe',
      description: 'what was found',
      status: 'new',
      external_id: 'create-1',
    });
  });

  test('the same key and body is the same ticket; another body is refused; two hours later it is forgotten', async () => {
    const first = await send('POST', 'tickets.json', ticketBody('key-1'), 'key-1');
    const again = await send('POST', 'tickets.json', ticketBody('key-1'), 'key-1');
    expect([first.headers['x-idempotency-lookup'], again.headers['x-idempotency-lookup']]).toEqual([
      'miss',
      'hit',
    ]);
    expect(idOf(again)).toBe(idOf(first));
    const other = await send('POST', 'tickets.json', ticketBody('key-1', 'another'), 'key-1');
    expect([other.status, JSON.parse(other.body).error]).toEqual([400, 'IdempotentRequestError']);
    nowMs += 2 * 3_600_000;
    const later = await send('POST', 'tickets.json', ticketBody('key-1'), 'key-1');
    expect(idOf(later)).not.toBe(idOf(first));
    expect((await list('tickets.json?external_id=key-1')).tickets).toHaveLength(2);
  });

  test('a ticket without a comment or with an unknown status is 422 in the vendor’s shape', async () => {
    const bare = await send('POST', 'tickets.json', JSON.stringify({ ticket: { subject: 'x' } }));
    expect(bare.status).toBe(422);
    expect(JSON.parse(bare.body).details.description[0].error).toBe('BlankValue');
    const odd = await send(
      'POST',
      'tickets.json',
      JSON.stringify({ ticket: { comment: { body: 'x' }, status: 'lost' } }),
    );
    expect(JSON.parse(odd.body).error).toBe('RecordInvalid');
  });
});

describe('update', () => {
  test('comments and sets the status; the comments are listed in order', async () => {
    const id = idOf(await send('POST', 'tickets.json', ticketBody('update-1')));
    await put(id, { comment: { body: 'mended', public: false }, status: 'solved' });
    const { comments } = await getJson<{ comments: { body: string; public: boolean }[] }>(
      url(`tickets/${id}/comments.json`),
      zendeskHeaders(),
    );
    expect(comments.map((one) => [one.body, one.public])).toEqual([
      ['what was found', true],
      ['mended', false],
    ]);
    expect((await list('tickets.json?external_id=update-1')).tickets[0]?.status).toBe('solved');
  });

  test('safe_update is refused when the ticket moved on', async () => {
    const created = await send('POST', 'tickets.json', ticketBody('safe-1'));
    const { id, updated_at } = JSON.parse(created.body).ticket;
    nowMs += 5_000;
    expect((await put(id, { safe_update: true, updated_stamp: updated_at, priority: 'high' })).status).toBe(
      200,
    );
    const stale = await put(id, { safe_update: true, updated_stamp: updated_at, priority: 'low' });
    expect([stale.status, JSON.parse(stale.body).error]).toEqual([409, 'UpdateConflict']);
  });

  test('a closed ticket cannot change, an unknown one is 404', async () => {
    const id = idOf(await send('POST', 'tickets.json', ticketBody('closed-1')));
    await put(id, { status: 'closed' });
    expect((await put(id, { status: 'open' })).status).toBe(422);
    expect((await put(999_999, { status: 'open' })).status).toBe(404);
  });
});

describe('reads', () => {
  test('search is behind, the list by external_id is not', async () => {
    await send('POST', 'tickets.json', ticketBody('search-1'));
    const search = url(`search.json?query=${encodeURIComponent('type:ticket external_id:search-1')}`);
    const count = async (): Promise<number> => (await getJson<TicketList>(search, zendeskHeaders())).count;
    expect((await list('tickets.json?external_id=search-1')).tickets).toHaveLength(1);
    expect(await count()).toBe(0);
    nowMs += 61_000;
    expect(await count()).toBe(1);
  });

  test('the cursor export walks all changes once, ends, and goes on from its last cursor', async () => {
    const start_time = Math.floor(nowMs / 1000) - 86_400;
    const seen: number[] = [];
    let page = await list(`incremental/tickets/cursor.json?start_time=${start_time}&per_page=3`);
    for (;;) {
      seen.push(...page.tickets.map(({ id }) => id));
      if (page.end_of_stream) break;
      page = await list(
        `incremental/tickets/cursor.json?cursor=${encodeURIComponent(page.after_cursor)}&per_page=3`,
      );
    }
    expect(seen.sort()).toEqual(sandbox.tickets.all().map(({ id }) => id));
    const id = idOf(await send('POST', 'tickets.json', ticketBody('after-export')));
    await raw(url(`tickets/${id}`), { method: 'DELETE', headers: zendeskHeaders() });
    nowMs += 1_000;
    const more = await list(
      `incremental/tickets/cursor.json?cursor=${encodeURIComponent(page.after_cursor)}`,
    );
    expect(more.tickets.map((one) => [one.id, one.status])).toEqual([[id, 'deleted']]);
  });

  test('an export that would begin in the last minute is 422', async () => {
    const recent = Math.floor(nowMs / 1000) - 30;
    const reply = await raw(url(`incremental/tickets/cursor.json?start_time=${recent}`), {
      headers: zendeskHeaders(),
    });
    expect(reply.status).toBe(422);
  });

  test('lists page by cursor and by number', async () => {
    const total = (await list('tickets.json')).count;
    const first = await getJson<{ meta: { has_more: boolean; after_cursor: string }; tickets: unknown[] }>(
      url('tickets.json?page[size]=2'),
      zendeskHeaders(),
    );
    expect([first.tickets.length, first.meta.has_more]).toEqual([2, true]);
    const second = await list(`tickets.json?page[size]=2&page[after]=${first.meta.after_cursor}`);
    expect(second.tickets[0]?.id).toBeGreaterThan(1002);
    expect(
      (await list(`tickets.json?per_page=2&page=${Math.ceil(total / 2)}`)).tickets.length,
    ).toBeGreaterThan(0);
  });

  test('the agent’s page shows subject and comments, escaped', async () => {
    const id = idOf(await send('POST', 'tickets.json', ticketBody('page-1', '<script>alert(1)</script>')));
    const page = await raw(`${sandbox.url}/zendesk/agent/tickets/${id}`);
    expect(page.headers['content-type']).toContain('text/html');
    expect(page.body).toContain('what was found');
    expect(page.body).not.toContain('<script>');
  });
});

test('over the limit of a minute: 429 with Retry-After and the rate headers', async () => {
  sandbox.settings.zendeskPerMinute = 0;
  const reply = await raw(url('tickets.json'), { headers: zendeskHeaders() });
  sandbox.settings.zendeskPerMinute = 700;
  expect(reply.status).toBe(429);
  expect(Number(reply.headers['retry-after'])).toBeGreaterThan(0);
  expect(reply.headers['x-rate-limit-remaining']).toBe('0');
});
