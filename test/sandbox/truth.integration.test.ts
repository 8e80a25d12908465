import Big from 'big.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Sandbox } from '../../src/sandbox/sandbox.js';
import type { Truth } from '../../src/sandbox/seed/truth.js';
import { coupaHeaders, getJson, readAll, salesforceHeaders, start } from './client.js';

/** Recomputes from what the vendors' own APIs say, without the sandbox's code, what the truth claims. */

interface Line {
  id: number;
  type: string;
  price: string;
  quantity: string | null;
  total: string;
  invoiced: string;
}
interface Order {
  id: number;
  'po-number'?: string;
  status: string;
  'created-at': string;
  currency?: { code: string };
  supplier: { id: number };
  'order-lines'?: Line[];
  'customer-account-id'?: string | null;
}
interface Invoice {
  id: number;
  status: string;
  'invoice-lines': { 'order-line-id': number; total: string }[];
}

const statuses = [
  'buyer_hold',
  'cancelled',
  'closed',
  'currency_hold',
  'draft',
  'error',
  'expensed',
  'issued',
  'supplier_hold',
  'supplier_window_hold',
];

let sandbox: Sandbox;
let truth: Truth;
let orders: Order[];
let sound: Order[];
let headerTotals: Map<number, string>;
let suppliers: Set<number>;
let invoiced: Map<number, Big>;
let high: Set<string>;
let toUsd: (amount: Big, currency: string, day: string) => Big | null;

/** A calendar day that exists, with a time that exists. */
function isInstant(text: string): boolean {
  const [, year, month, day] = /^(\d{4})-(\d\d)-(\d\d)T/.exec(text) ?? [];
  const days = new Date(Number(year), Number(month), 0).getDate();
  return Number(month) <= 12 && Number(day) <= days && !Number.isNaN(Date.parse(text));
}

function isSound(order: Order): boolean {
  if (order['po-number'] === undefined || order.currency === undefined || order['order-lines'] === undefined)
    return false;
  if (!statuses.includes(order.status) || !isInstant(order['created-at'])) return false;
  return order['order-lines'].every(({ price }) => /^-?\d+(\.\d+)?$/.test(price));
}

function beyond(expected: Big, actual: Big): boolean {
  const tolerance = expected.abs().times('0.005');
  return actual
    .minus(expected)
    .abs()
    .gt(tolerance.lt('0.01') ? '0.01' : tolerance);
}

const sumOf = (order: Order): Big =>
  (order['order-lines'] ?? []).reduce((sum, line) => sum.plus(line.total), new Big(0));
const idsOf = (list: readonly { id: number }[]): number[] => list.map(({ id }) => id).sort((a, b) => a - b);

beforeAll(async () => {
  sandbox = await start();
  const headers = await coupaHeaders(sandbox);
  truth = await getJson<Truth>(`${sandbox.url}/_admin/truth`);
  const read = await readAll<Order>(sandbox, 'purchase_orders', headers);
  orders = [...new Map(read.map((order) => [order.id, order])).values()];
  sound = orders.filter((order) => isSound(order) && order.status !== 'draft');
  const totals = await readAll<{ id: number; total: string }>(
    sandbox,
    'purchase_orders?fields=["id","total"]',
    headers,
  );
  headerTotals = new Map(totals.map(({ id, total }) => [id, total]));
  suppliers = new Set((await readAll<{ id: number }>(sandbox, 'suppliers', headers)).map(({ id }) => id));
  invoiced = new Map();
  for (const invoice of await readAll<Invoice>(sandbox, 'invoices', headers)) {
    for (const line of invoice.status === 'voided' ? [] : invoice['invoice-lines']) {
      const id = line['order-line-id'];
      invoiced.set(id, (invoiced.get(id) ?? new Big(0)).plus(line.total));
    }
  }
  const query = encodeURIComponent("SELECT Id FROM Account WHERE Priority__c = 'High'");
  const url = `${sandbox.url}/salesforce/services/data/v62.0/query?q=${query}`;
  const accounts = await getJson<{ records: { Id: string }[] }>(url, await salesforceHeaders(sandbox));
  high = new Set(accounts.records.map(({ Id }) => Id));
  const series = await getJson<{ rates: Record<string, Record<string, number>> }>(
    `${sandbox.url}/rates/v1/2026-05-25..2026-06-15`,
  );
  toUsd = (amount, currency, day) => {
    const quoted =
      Object.keys(series.rates)
        .sort()
        .filter((one) => one <= day)
        .at(-1) ?? '';
    const rates: Record<string, number> = { ...series.rates[quoted], EUR: 1 };
    const [from, usd] = [rates[currency], rates['USD']];
    return from === undefined || usd === undefined ? null : amount.times(usd).div(from);
  };
});
afterAll(() => sandbox.close());

describe('the truth agrees with the vendors’ own words', () => {
  test('counts', () => {
    expect(orders).toHaveLength(truth.counts.orders);
    expect(truth.malformed).toHaveLength(12);
  });

  test('malformed', () => {
    expect(idsOf(orders.filter((order) => !isSound(order)))).toEqual(idsOf(truth.malformed));
  });

  test('header total ≠ sum of lines', () => {
    const found = sound.filter((order) => beyond(sumOf(order), new Big(headerTotals.get(order.id) ?? '0')));
    expect(idsOf(found)).toEqual(idsOf(truth.discrepant.header_total_mismatch));
  });

  test('line total ≠ price × quantity', () => {
    const wrong = (line: Line): boolean =>
      beyond(new Big(line.price).times(line.quantity ?? '1'), new Big(line.total));
    const found = sound.filter((order) => order['order-lines']?.some(wrong));
    expect(idsOf(found)).toEqual(idsOf(truth.discrepant.line_total_mismatch));
  });

  test('invoiced beyond ordered: by the invoices, and by what the line says', () => {
    const over = (line: Line, amount: Big): boolean =>
      amount.gt(line.total) && beyond(new Big(line.total), amount);
    const byInvoices = sound.filter((order) =>
      order['order-lines']?.some((line) => over(line, invoiced.get(line.id) ?? new Big(0))),
    );
    const byLines = sound.filter((order) =>
      order['order-lines']?.some((line) => over(line, new Big(line.invoiced))),
    );
    expect(idsOf(byInvoices)).toEqual(idsOf(truth.discrepant.invoiced_beyond_ordered));
    expect(idsOf(byLines)).toEqual(idsOf(truth.discrepant.invoiced_beyond_ordered));
  });

  test('unknown supplier', () => {
    const found = sound.filter((order) => !suppliers.has(order.supplier.id));
    expect(idsOf(found)).toEqual(idsOf(truth.discrepant.unknown_supplier));
  });

  test('over the threshold in US dollars, by the rate of the creation day', () => {
    const worth = (order: Order): Big | null =>
      toUsd(
        sumOf(order),
        order.currency?.code ?? '',
        new Date(order['created-at']).toISOString().slice(0, 10),
      );
    expect(idsOf(sound.filter((order) => worth(order)?.gt(10_000)))).toEqual(idsOf(truth.overThreshold));
    expect(idsOf(sound.filter((order) => worth(order) === null))).toEqual([...truth.noRate.ids]);
  });

  test('customers of high priority', () => {
    expect([...high].sort()).toEqual([...truth.highPriorityAccounts].sort());
    const found = sound.filter((order) => high.has(order['customer-account-id'] ?? ''));
    expect(idsOf(found)).toEqual(idsOf(truth.highPriority));
  });

  test('drafts and cancelled', () => {
    expect(idsOf(orders.filter(({ status }) => status === 'draft'))).toEqual([...truth.drafts]);
    expect(idsOf(orders.filter(({ status }) => status === 'cancelled'))).toEqual([...truth.cancelled]);
  });

  test('no rule has 50 or more, so no summary ticket is due', () => {
    const sizes = [...Object.values(truth.discrepant), truth.overThreshold, truth.highPriority].map(
      (list) => list.length,
    );
    expect(Math.max(...sizes)).toBeLessThan(50);
    expect(Math.min(...sizes)).toBeGreaterThan(5);
  });

  test('near misses are there: cents off, credited back, voided, large only in yen', () => {
    expect(new Set(truth.nearMisses.map(({ why }) => why)).size).toBe(6);
  });

  test('amount lines, split billing, absent and empty custom fields, credit notes, JPY and KWD all occur', () => {
    const lines = sound.flatMap((order) => order['order-lines'] ?? []);
    expect(lines.some((line) => line.type === 'OrderAmountLine' && line.quantity === null)).toBe(true);
    expect(lines.some((line) => !('account' in line))).toBe(true);
    expect(orders.some((order) => !('customer-account-id' in order))).toBe(true);
    expect(orders.some((order) => order['customer-account-id'] === null)).toBe(true);
    expect([...invoiced.values()].length).toBeGreaterThan(500);
    for (const code of ['JPY', 'KWD'])
      expect(orders.some((order) => order.currency?.code === code)).toBe(true);
    const offsets = new Set(orders.map((order) => order['created-at'].slice(19)));
    expect(offsets.size).toBeGreaterThan(5);
  });
});
