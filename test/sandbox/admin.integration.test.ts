import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Sandbox } from '../../src/sandbox/sandbox.js';
import { coupaHeaders, getJson, type Reply, raw, start, ticketBody, zendeskHeaders } from './client.js';

interface Order {
  id: number;
  version: number;
  total: string;
  'updated-at': string;
  'order-lines': { total: string; price: string; quantity: string | null }[];
}

let sandbox: Sandbox;
let nowMs: number;
beforeEach(async () => {
  nowMs = Date.parse('2026-06-16T00:00:00Z');
  sandbox = await start({ clock: () => new Date(nowMs) });
});
afterEach(() => sandbox.close());

const post = (path: string, body: object): Promise<Reply> =>
  raw(`${sandbox.url}/_admin/${path}`, { method: 'POST', body: JSON.stringify(body) });
const order = (id: number): Promise<Order> => getJson<Order>(`${sandbox.url}/_admin/orders/${id}`);

describe('orders', () => {
  test('a change bumps updated-at and keeps the rest', async () => {
    const before = await order(100_010);
    const after = JSON.parse((await post('orders', { id: 100_010, status: 'closed' })).body);
    expect(after).toEqual({ ...before, status: 'closed', 'updated-at': '2026-06-16T00:00:00Z' });
  });

  test('a new one gets the next id and the header total of its lines', async () => {
    const lines = [
      { id: 1, price: '10.00', quantity: '2.0', total: '20.00' },
      { id: 2, price: '0.50', quantity: '3.0', total: '1.50' },
    ];
    const made = JSON.parse((await post('orders', { 'order-lines': lines })).body) as Order;
    expect([made.id, made.total, made.version]).toEqual([5_000_001, '21.50', 1]);
    const headers = await coupaHeaders(sandbox);
    const seen = await getJson<Order[]>(`${sandbox.url}/coupa/api/purchase_orders?id[gt]=103000`, headers);
    expect(seen.map(({ id }) => id)).toEqual([5_000_001]);
  });

  test('mend makes lines and header agree', async () => {
    const { header_total_mismatch: headers, line_total_mismatch: lines } = sandbox.truth().discrepant;
    for (const planted of [headers[0], lines[0]]) {
      const id = planted?.id ?? 0;
      await post(`orders/${id}/mend`, {});
      const mended = await order(id);
      const sum = mended['order-lines'].reduce((total, line) => total + Number(line.total), 0);
      expect(Number(mended.total)).toBeCloseTo(sum, 3);
      for (const line of mended['order-lines']) {
        expect(Math.abs(Number(line.price) * Number(line.quantity ?? 1) - Number(line.total))).toBeLessThan(
          0.51,
        );
      }
    }
    expect((await order(lines[0]?.id ?? 0))['order-lines'][0]?.total).toBe(lines[0]?.expected);
  });

  test('an unlisted supplier can be listed, and a record removed', async () => {
    const headers = await coupaHeaders(sandbox);
    await post('suppliers', { id: 9001, name: 'Now listed' });
    expect((await raw(`${sandbox.url}/coupa/api/suppliers/9001`, { headers })).status).toBe(200);
    await raw(`${sandbox.url}/_admin/suppliers/9001`, { method: 'DELETE' });
    expect((await raw(`${sandbox.url}/coupa/api/suppliers/9001`, { headers })).status).toBe(404);
    expect((await post('orders', { id: 'x' })).status).toBe(400);
  });
});

test('clock and settings can be moved; unknown settings are refused', async () => {
  await post('clock', { now: '2026-07-01T00:00:00Z' });
  expect((await getJson<{ now: string }>(`${sandbox.url}/_admin/health`)).now).toBe(
    '2026-07-01T00:00:00.000Z',
  );
  await post('settings', { duplicates: false });
  expect(sandbox.settings.duplicates).toBe(false);
  expect((await post('settings', { nonsense: 1 })).status).toBe(400);
  expect((await post('clock', {})).status).toBe(400);
});

test('the page for people shows tickets with a link, and the faults in force', async () => {
  const body = ticketBody('home-1', 'Summe <weicht> ab');
  await raw(`${sandbox.url}/zendesk/api/v2/tickets.json`, {
    method: 'POST',
    headers: zendeskHeaders(),
    body,
  });
  sandbox.faults.add({ vendor: 'slack', kind: 'hang' });
  const page = (await raw(sandbox.url)).body;
  expect(page).toContain('/zendesk/agent/tickets/1001');
  expect(page).toContain('Summe &lt;weicht&gt; ab');
  expect(page).toContain('hang');
  expect(page).not.toMatch(/(src|href)="http/);
});

describe('live', () => {
  test('the same ticks do the same; discrepancies come and are mended', async () => {
    const run = async (): Promise<{ ids: number[]; texts: string }> => {
      const other = await start({ clock: () => new Date('2026-06-16T00:00:00Z') });
      for (let tick = 0; tick < 100; tick++) other.live.tick(tick);
      const { purchase_orders: orders } = other.coupa.store;
      const changed = orders
        .ordered('id')
        .filter((at) => (orders.updated[at] ?? 0) >= Date.parse('2026-06-16T00:00:00Z'));
      const texts = changed.map((at) => JSON.stringify(orders.record(at))).join('\n');
      await other.close();
      return { ids: changed.map((at) => orders.ids[at] ?? 0), texts };
    };
    const first = await run();
    expect(await run()).toEqual(first);
    expect(first.ids.filter((id) => id >= 5_000_001).length).toBeGreaterThan(40);
    expect(first.ids.filter((id) => id < 5_000_001).length).toBeGreaterThan(15);
    const planted = new Set(sandbox.truth().malformed.map(({ id }) => id));
    expect(first.ids.some((id) => planted.has(id))).toBe(false);
  });

  test('a planted discrepancy is mended eight ticks later', async () => {
    sandbox.live.tick(3);
    const mismatch = (one: Order): boolean =>
      one['order-lines'].some(
        (line) => Math.abs(Number(line.price) * Number(line.quantity ?? 1) - Number(line.total)) > 1,
      );
    expect(mismatch(await order(5_000_001))).toBe(true);
    nowMs += 96_000;
    sandbox.live.tick(11);
    const mended = await order(5_000_001);
    expect(mismatch(mended)).toBe(false);
    expect(mended['updated-at']).toBe('2026-06-16T00:01:36Z');
  });
});
