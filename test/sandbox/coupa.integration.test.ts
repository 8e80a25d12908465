import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Sandbox } from '../../src/sandbox/sandbox.js';
import { coupaHeaders, getJson, type Reply, raw, readAll, secrets, start } from './client.js';

interface Order {
  id: number;
  'updated-at': string;
  'created-at': string;
  'po-number'?: string;
  status: string;
  version: number;
  exported: boolean;
  total?: string;
  currency?: { code: string };
  supplier: { id: number; name: string };
  'order-lines'?: { price: string; quantity: string | null; total: string }[];
}

let sandbox: Sandbox;
let headers: Record<string, string>;

beforeAll(async () => {
  sandbox = await start();
  headers = await coupaHeaders(sandbox);
});
afterAll(() => sandbox.close());

const get = (query: string): Promise<Order[]> =>
  getJson(`${sandbox.url}/coupa/api/purchase_orders?${query}`, headers);
const ask = (path: string, more: Record<string, string> = {}): Promise<Reply> =>
  raw(`${sandbox.url}/coupa${path}`, { headers: { ...headers, ...more } });

function token(parameters: Record<string, string>): Promise<Reply> {
  const body = String(new URLSearchParams(parameters));
  const type = { 'content-type': 'application/x-www-form-urlencoded' };
  return raw(`${sandbox.url}/coupa/oauth2/token`, { method: 'POST', headers: type, body });
}

describe('token', () => {
  const good = {
    client_id: 'baton-demo',
    client_secret: secrets.coupaClientSecret,
    grant_type: 'client_credentials',
  };

  test('grants the scopes asked for and says how long the token lives', async () => {
    const reply = await token({ ...good, scope: 'core.supplier.read core.invoice.read' });
    const body = JSON.parse(reply.body);
    expect(body).toMatchObject({
      expires_in: 86_399,
      token_type: 'bearer',
      scope: 'core.supplier.read core.invoice.read',
    });
  });

  test('refuses a wrong secret, and a scope that the client does not have', async () => {
    expect((await token({ ...good, client_secret: 'wrong' })).status).toBe(401);
    const refused = await token({ ...good, scope: 'core.supplier.read core.user.write' });
    expect([refused.status, JSON.parse(refused.body).error]).toEqual([400, 'invalid_scope']);
  });

  test('a call without a token is 401, one without the scope 403, and an expired token 401', async () => {
    const path = `${sandbox.url}/coupa/api/purchase_orders`;
    expect((await raw(path, { headers: { accept: 'application/json' } })).status).toBe(401);
    const narrow = await coupaHeaders(sandbox, 'core.supplier.read');
    const refused = await raw(path, { headers: narrow });
    expect(refused.status).toBe(403);
    expect(refused.body).toContain('core.purchase_order.read');
    const before = sandbox.clock.offsetMs;
    sandbox.clock.shiftTo(86_400_000);
    expect((await raw(path, { headers })).status).toBe(401);
    sandbox.clock.shiftTo(before);
  });
});

describe('lists', () => {
  test('never hold more than 50, whatever the limit, and ascend by id', async () => {
    const page = await get('limit=500');
    expect(page).toHaveLength(50);
    const ids = page.map(({ id }) => id);
    expect(ids).toEqual([...ids].sort((a, b) => a - b));
    expect(await get('limit=3&offset=2')).toEqual(page.slice(2, 5));
  });

  test('end with [] in JSON and with 404 in XML', async () => {
    expect(await get('offset=999999')).toEqual([]);
    const xml = await ask('/api/purchase_orders?offset=999999', { accept: 'application/xml' });
    expect(xml.status).toBe(404);
    expect(xml.body).toContain('No results match your search criteria.');
  });

  test('write decimals as text, keys in kebab case, booleans as booleans, and no header total', async () => {
    const [order] = await get('limit=1');
    const line = order?.['order-lines']?.[0];
    expect([typeof line?.price, typeof line?.total, typeof order?.id, typeof order?.exported]).toEqual([
      'string',
      'string',
      'number',
      'boolean',
    ]);
    expect(order).not.toHaveProperty('total');
  });

  test('carry the sandbox’s time as Date', async () => {
    expect((await ask('/api/purchase_orders?limit=1')).headers.date).toBe('Tue, 16 Jun 2026 00:00:00 GMT');
  });

  test('show planted duplicates twice in a row, across a page border too, but not in a look-up', async () => {
    const id = sandbox.truth().duplicates[0] ?? 0;
    expect((await get(`id[gt_or_eq]=${id}&limit=3`)).map((order) => order.id)).toEqual([id, id, id + 1]);
    expect((await get(`id[gt_or_eq]=${id}&limit=1&offset=1`)).map((order) => order.id)).toEqual([id]);
    expect(await get(`id=${id}`)).toHaveLength(1);
  });
});

describe('filters', () => {
  let all: Order[];
  beforeAll(async () => {
    const unique = new Map<number, Order>();
    for (const order of await readAll<Order>(sandbox, 'purchase_orders', headers))
      unique.set(order.id, order);
    all = [...unique.values()];
  });

  const count = (keep: (order: Order) => boolean): number => all.filter(keep).length;
  async function found(query: string): Promise<number> {
    const seen = await readAll<Order>(sandbox, `purchase_orders?${query}`, headers);
    return new Set(seen.map(({ id }) => id)).size;
  }

  test('a window of updated-at holds exactly the orders of it, in whatever offset they write it', async () => {
    const [from, to] = ['2026-06-09T12:00:00+02:00', '2026-06-10T18:30:00Z'];
    const expected = count(
      (order) =>
        Date.parse(order['updated-at']) >= Date.parse(from) &&
        Date.parse(order['updated-at']) < Date.parse(to),
    );
    expect(expected).toBeGreaterThan(100);
    expect(await found(`updated-at[gt_or_eq]=${encodeURIComponent(from)}&updated-at[lt]=${to}`)).toBe(
      expected,
    );
    expect(await found(`updated_at[gt_or_eq]=${encodeURIComponent(from)}&updated_at[lt]=${to}`)).toBe(
      expected,
    );
  });

  test('a date without a zone is midnight UTC', async () => {
    expect(await found('created-at[lt]=2026-06-03')).toBe(await found('created-at[lt]=2026-06-03T00:00:00Z'));
  });

  test.each<[string, (order: Order) => boolean]>([
    ['status=closed', (order) => order.status === 'closed'],
    ['status[not_eq]=issued', (order) => order.status !== 'issued'],
    ['status[in]=closed,draft', (order) => ['closed', 'draft'].includes(order.status)],
    ['status[not_in]=closed,issued', (order) => !['closed', 'issued'].includes(order.status)],
    ['status[starts_with]=c', (order) => order.status.startsWith('c')],
    ['status[ends_with]=hold', (order) => order.status.endsWith('hold')],
    ['supplier[name][contains]=büro', (order) => order.supplier.name.toLowerCase().includes('büro')],
    ['supplier[id]=1007', (order) => order.supplier.id === 1007],
    ['exported=false', (order) => !order.exported],
    ['currency[code]=JPY', (order) => order.currency?.code === 'JPY'],
    [
      'customer-account-id[blank]=true',
      (order) => ((order as unknown as Record<string, unknown>)['customer-account-id'] ?? null) === null,
    ],
    ['version[gt]=1', (order) => order.version > 1],
    ['version[lt_or_eq]=2', (order) => order.version <= 2],
    [
      'order-lines[quantity][blank]=true',
      (order) => order['order-lines']?.some((line) => line.quantity === null) ?? true,
    ],
  ])('%s', async (query, keep) => {
    expect(count(keep)).toBeGreaterThan(0);
    expect(await found(query)).toBe(count(keep));
  });

  test('order_by and dir', async () => {
    const page = await get('order_by=updated-at&dir=desc&limit=50');
    const times = page.map((order) => Date.parse(order['updated-at']));
    expect(times).toEqual([...times].sort((a, b) => b - a));
    expect(times[0]).toBe(Math.max(...all.map((order) => Date.parse(order['updated-at']))));
  });

  test('one second holds more orders than a page (a bulk edit), so a cursor of time alone would lose some', async () => {
    expect(
      count((order) => Date.parse(order['updated-at']) === Date.parse('2026-06-10T03:00:00Z')),
    ).toBeGreaterThan(50);
  });

  test('what the instance does not know is 400', async () => {
    for (const query of [
      'flavour=x',
      'updated-at[gt]=yesterday',
      'updated-at[contains]=2026',
      'fields=id',
      'limit=x',
    ]) {
      expect([query, (await ask(`/api/purchase_orders?${query}`)).status]).toEqual([query, 400]);
    }
  });
});

describe('projection', () => {
  test('fields brings out exactly what is named, the header total too', async () => {
    const fields = encodeURIComponent('["id","total",{"supplier":["name"]},{"order-lines":["price"]}]');
    const [order] = await get(`limit=1&fields=${fields}`);
    expect(Object.keys(order ?? {}).sort()).toEqual(['id', 'order-lines', 'supplier', 'total']);
    expect(Object.keys(order?.supplier ?? {})).toEqual(['name']);
    expect(order?.total).toMatch(/^\d+(\.\d+)?$/);
  });

  test('return_object=limited is the id alone', async () => {
    expect(await get('limit=1&return_object=limited')).toEqual([{ id: 100_001 }]);
  });
});

describe('one order', () => {
  test('is found by id, else 404', async () => {
    expect((await ask('/api/purchase_orders/100001')).status).toBe(200);
    expect((await ask('/api/purchase_orders/1')).status).toBe(404);
  });

  test('PUT takes the export flag only; a new version resets it', async () => {
    const put = await raw(`${sandbox.url}/coupa/api/purchase_orders/100003?exported=true`, {
      method: 'PUT',
      headers,
      body: JSON.stringify({ status: 'cancelled' }),
    });
    const flagged = JSON.parse(put.body) as Order;
    expect([flagged.exported, flagged.status]).toEqual([true, (await get('id=100003'))[0]?.status]);
    expect((await get('exported=true')).map(({ id }) => id)).toEqual([100_003]);
    sandbox.coupa.changes.patch('purchase_orders', { id: 100_003, version: flagged.version + 1 });
    expect(await get('exported=true')).toEqual([]);
  });
});

test('suppliers, invoices and exchange rates are lists of the same kind', async () => {
  expect(await readAll(sandbox, 'suppliers', headers)).toHaveLength(200);
  expect(await readAll(sandbox, 'invoices', headers)).toHaveLength(sandbox.truth().counts.invoices);
  const rates = await readAll<{ id: number; rate: string }>(sandbox, 'exchange_rates', headers);
  expect(rates.every(({ rate }) => Number(rate) > 0)).toBe(true);
});

test('the leaky bucket lets a burst of 20 pass, then refuses, then drains 25 a second', async () => {
  const limited = await start({ coupaLimit: { perSecond: 25, burst: 20 } });
  const credentials = await coupaHeaders(limited);
  const call = async (): Promise<number | null> =>
    (await raw(`${limited.url}/coupa/api/suppliers/1001`, { headers: credentials })).status;
  const burst = await Promise.all(Array.from({ length: 60 }, call));
  const passed = burst.filter((status) => status === 200).length;
  expect(passed).toBeGreaterThanOrEqual(20);
  expect(burst.filter((status) => status === 429).length).toBe(60 - passed);
  expect(passed).toBeLessThan(45);
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(await call()).toBe(200);
  await limited.close();
});
