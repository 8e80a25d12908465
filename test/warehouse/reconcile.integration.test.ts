import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Bench, headerOf, line, openBench, order, rate, supplier } from './bench.js';

let bench: Bench;

beforeEach(async () => {
  bench = await openBench();
  await bench.prepareAll();
  await bench.load('suppliers', [supplier]);
});
afterEach(() => bench?.close());

const discrepancies = () =>
  bench.rows<{ po_id: string; rule: string; state: string; episode: number }>(
    'SELECT po_id, rule, state, episode FROM analytics.po_discrepancy ORDER BY po_id, rule',
  );
const flags = async (id: string) =>
  (await bench.rows<{ flags: string[] }>(`SELECT flags FROM analytics.po_fact WHERE po_id = '${id}'`))[0]
    ?.flags;

describe('a rule that cannot judge an order', () => {
  it('leaves a header total as it is while the two reads saw different versions of the order', async () => {
    await bench.load('orders', [order(1, 0)]);
    await bench.load('totals', [headerOf(1, 0, '150')]);
    await bench.reconcile('run/1');
    const open = [{ po_id: '1', rule: 'header_total', state: 'open', episode: 1 }];
    expect(await discrepancies()).toEqual(open);

    // Changed between the two reads of the next run: the orders have version 5, the totals still version 0.
    await bench.load('orders', [order(1, 5)]);
    await bench.reconcile('run/2');
    expect(await discrepancies()).toEqual(open);
    expect(await flags('1')).toEqual(['header_total']);

    await bench.load('totals', [headerOf(1, 5, '150')]);
    await bench.reconcile('run/3');
    expect(await discrepancies()).toEqual(open);

    await bench.load('totals', [headerOf(1, 7, '100')]);
    await bench.reconcile('run/4');
    expect(await discrepancies()).toEqual(open);
    await bench.load('orders', [order(1, 7)]);
    await bench.reconcile('run/5');
    expect(await discrepancies()).toMatchObject([{ state: 'resolved', episode: 1 }]);
    expect(await flags('1')).toEqual([]);
  });

  it('finds a new mismatch as soon as the header of the same version is there', async () => {
    await bench.load('orders', [order(1, 5)]);
    await bench.load('totals', [headerOf(1, 0, '100')]);
    await bench.reconcile('run/1');
    expect(await discrepancies()).toEqual([]);
    await bench.load('totals', [headerOf(1, 5, '150')]);
    await bench.reconcile('run/2');
    expect(await discrepancies()).toMatchObject([{ rule: 'header_total', state: 'open' }]);
  });

  it('leaves an order over the threshold as it is while it has no rate', async () => {
    const large = (second: number, more: object) =>
      order(1, second, { 'order-lines': [line(10, { price: '90000', total: '90000' })], ...more });
    await bench.load('rates', [rate('2026-05-04', { USD: 1.1 })]);
    await bench.load('orders', [large(0, { currency: { code: 'EUR' } })]);
    await bench.reconcile('run/1');
    await bench.load('orders', [large(1, { currency: { code: 'XAU' } })]);
    await bench.reconcile('run/2');
    expect(await discrepancies()).toEqual([
      { po_id: '1', rule: 'over_threshold', state: 'open', episode: 1 },
    ]);
    expect(await flags('1')).toEqual(['no_rate', 'over_threshold']);
  });

  it('still resolves what is open when the order is cancelled', async () => {
    await bench.load('orders', [order(1, 0)]);
    await bench.load('totals', [headerOf(1, 0, '150')]);
    await bench.reconcile('run/1');
    await bench.load('orders', [order(1, 5, { status: 'cancelled' })]);
    await bench.reconcile('run/2');
    expect(await discrepancies()).toMatchObject([{ state: 'resolved' }]);
    expect(await flags('1')).toEqual([]);
  });
});

describe('two sources of one tenant', () => {
  const other = { source: 'coupa-eu' };
  const account = (priority: string, second: number) => ({
    Id: 'A1',
    Name: 'Kunde',
    Priority__c: priority,
    SystemModstamp: new Date(Date.UTC(2026, 4, 4, 8, 0, second)).toISOString(),
  });
  const unknown = { supplier: { id: 99, name: 'Unbekannt' } };
  const found = () =>
    bench.rows<{ source: string; rule: string; state: string }>(
      'SELECT source, rule, state FROM analytics.po_discrepancy ORDER BY source, rule',
    );

  beforeEach(async () => {
    await bench.prepareAll(other);
    await bench.load('suppliers', [supplier], other);
  });

  it('do not take each other’s loads for reconciled', async () => {
    await bench.load('orders', [order(1, 0, unknown)]);
    await bench.load('orders', [order(1, 0, unknown)], other);
    expect(await bench.reconcile('run/1')).toMatchObject({ checked: 1, opened: 1 });
    expect(await bench.reconcile('run/2', other)).toMatchObject({ checked: 1, opened: 1 });
    expect(await bench.reconcile('run/3')).toMatchObject({ checked: 1, opened: 0, still_open: 1 });
    expect((await found()).map((row) => row.source)).toEqual(['coupa', 'coupa-eu']);
  });

  it('both look at a change of the customers that they share, and each once', async () => {
    const mine = { 'customer-account-id': 'A1' };
    await bench.load('customers', [account('Low', 0)]);
    await bench.load('orders', [order(1, 0, mine)]);
    await bench.load('orders', [order(1, 0, mine)], other);
    await bench.reconcile('run/1');
    await bench.reconcile('run/2', other);
    expect(await found()).toEqual([]);
    await bench.load('customers', [account('High', 1)]);
    expect(await bench.reconcile('run/3')).toMatchObject({ opened: 1 });
    expect(await bench.reconcile('run/4', other)).toMatchObject({ opened: 1 });
    await bench.load('customers', [account('Low', 2)]);
    await bench.reconcile('run/5');
    await bench.reconcile('run/6', other);
    expect((await found()).map((row) => row.state)).toEqual(['resolved', 'resolved']);
    expect(await bench.reconcile('run/7')).toMatchObject({ checked: 0 });
    expect(await bench.reconcile('run/8', other)).toMatchObject({ checked: 0 });
  });
});
