import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { coupaHeaders, getJson, raw, secrets, start, ticketBody, zendeskHeaders } from './client.js';

let stateDir: string;
beforeEach(() => {
  stateDir = mkdtempSync(path.join(tmpdir(), 'sandbox-'));
});
afterEach(() => rmSync(stateDir, { recursive: true, force: true }));

test('a restart forgets nothing: tickets, comments, keys, messages, flags, changes, clock; tokens still count', async () => {
  const first = await start({ stateDir });
  const headers = await coupaHeaders(first);
  const create = (url: string) =>
    raw(`${url}/zendesk/api/v2/tickets.json`, {
      method: 'POST',
      headers: zendeskHeaders('key-1'),
      body: ticketBody('e-1'),
    });
  const made = JSON.parse((await create(first.url)).body).ticket;
  const comment = JSON.stringify({ ticket: { comment: { body: 'again' }, status: 'solved' } });
  await raw(`${first.url}/zendesk/api/v2/tickets/${made.id}`, {
    method: 'PUT',
    headers: zendeskHeaders(),
    body: comment,
  });
  const said = JSON.stringify({ channel: '#data-alerts', text: 'hello' });
  const slack = {
    authorization: `Bearer ${secrets.slackBotToken}`,
    'content-type': 'application/json; charset=utf-8',
  };
  await raw(`${first.url}/slack/api/chat.postMessage`, { method: 'POST', headers: slack, body: said });
  await raw(`${first.url}/coupa/api/purchase_orders/100005?exported=true`, { method: 'PUT', headers });
  const patched = { id: 100_006, status: 'cancelled', 'customer-account-id': 'späte Änderung' };
  await raw(`${first.url}/_admin/orders`, { method: 'POST', body: JSON.stringify(patched) });
  await raw(`${first.url}/_admin/suppliers/1001`, { method: 'DELETE' });
  await raw(`${first.url}/_admin/clock`, { method: 'POST', body: '{"advanceMs":5000}' });
  for (let tick = 0; tick < 20; tick++) first.live.tick(tick);
  const state = async (url: string): Promise<unknown> => ({
    tickets: await getJson(`${url}/_admin/tickets`),
    messages: await getJson(`${url}/_admin/messages`),
    exported: await getJson(`${url}/coupa/api/purchase_orders?exported=true`, headers),
    changed: await getJson(
      `${url}/coupa/api/purchase_orders?updated-at[gt_or_eq]=2026-06-16T00:00:00Z`,
      headers,
    ),
    supplier: (await raw(`${url}/coupa/api/suppliers/1001`, { headers })).status,
    clock: await getJson(`${url}/_admin/clock`),
    counts: await getJson(`${url}/_admin/counts`),
  });
  const before = JSON.parse(JSON.stringify(await state(first.url)).replaceAll(first.url, ''));
  await first.close();

  appendFileSync(path.join(stateDir, 'journal.ndjson'), '{"kind":"zendesk.ticket","da'); // cut off by a kill
  const second = await start({ stateDir });
  expect(JSON.parse(JSON.stringify(await state(second.url)).replaceAll(second.url, ''))).toEqual(before);
  expect(before.supplier).toBe(404);
  expect(before.exported).toHaveLength(1);
  expect(before.changed.length).toBeGreaterThan(10);
  const again = await create(second.url);
  expect([again.headers['x-idempotency-lookup'], JSON.parse(again.body).ticket.id]).toEqual(['hit', made.id]);
  second.live.tick(23); // written after the line that was cut off
  const orders = second.coupa.store.purchase_orders.size;
  await second.close();
  const third = await start({ stateDir });
  expect([third.coupa.store.purchase_orders.size, orders]).toEqual([
    before.counts.orders + 1,
    before.counts.orders + 1,
  ]);
  await third.close();
});
