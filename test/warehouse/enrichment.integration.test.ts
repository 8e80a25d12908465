import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Bench, openBench, order, rate, supplier } from './bench.js';

let bench: Bench;

beforeEach(async () => {
  bench = await openBench();
  await bench.prepareAll();
  await bench.load('suppliers', [supplier]);
});
afterEach(() => bench?.close());

const days = (from: string, count: number) =>
  Array.from({ length: count }, (_, index) =>
    new Date(Date.parse(`${from}T00:00:00Z`) + index * 86_400_000).toISOString().slice(0, 10),
  );

/** How many rows of the rates table have been read so far, by whatever plan. */
async function ratesRead(): Promise<number> {
  await bench.rows('SELECT pg_stat_force_next_flush()');
  await sleep(1_200); // the server writes its counters at most once a second
  const [row] = await bench.rows<{ n: string }>(
    `SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) AS n FROM pg_stat_user_tables WHERE relid = 'raw.rates_fx'::regclass`,
  );
  return Number(row?.n);
}

describe('the lines of orders', () => {
  it('carry every character through staging unharmed', async () => {
    let id = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 4 }), async (lines) => {
        id += 1;
        const drawn = lines.map(([description, code], index) => ({
          id: index + 1,
          'line-num': String(index + 1),
          type: 'OrderQuantityLine',
          description,
          price: '1.50',
          quantity: '2',
          total: '3.00',
          account: { code },
        }));
        const { counts } = await bench.load('orders', [order(id, 0, { 'order-lines': drawn })]);
        expect(counts.loaded).toBe(1);
        const stored = await bench.rows<{ description: string; code: string }>(
          `SELECT description, accounts -> 0 ->> 'code' AS code FROM analytics.po_line_fact WHERE po_id = '${id}' ORDER BY line_id`,
        );
        expect(stored).toEqual(lines.map(([description, code]) => ({ description, code })));
      }),
      { numRuns: 40 },
    );
  });
});

/** Everything that means something to COPY, to an array, to a composite value or to JSON, and any script. */
const text = fc
  .array(
    fc.oneof(
      fc.constantFrom('"', '\\', ',', '(', ')', '{', '}', '\t', '\n', '\r', "'", 'NULL', '\\N', '\\.', ' '),
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 3 }),
    ),
    { minLength: 1, maxLength: 8 },
  )
  .map((pieces) => `x${pieces.join('')}`);

describe('the conversion of orders', () => {
  it('reads a few rates for each order, however many days there are', async () => {
    const quoted = days('2024-06-05', 700);
    const manyRates = Object.fromEntries(
      Array.from({ length: 30 }, (_, index) => [`A${String.fromCharCode(65 + (index % 26))}B`, index + 1]),
    );
    await bench.load(
      'rates',
      quoted.map((date) => rate(date, { ...manyRates, USD: 1.1 })),
    );
    const before = await ratesRead();
    const orders = quoted
      .slice(0, 500)
      .map((day, index) =>
        order(index + 1, 0, { currency: { code: 'EUR' }, 'created-at': `${day}T08:00:00Z` }),
      );
    expect((await bench.load('orders', orders)).counts.loaded).toBe(500);
    expect((await ratesRead()) - before).toBeLessThan(500 * 10);
    const [row] = await bench.rows<{ n: number }>(
      'SELECT count(*)::int AS n FROM analytics.po_fact WHERE total_usd = 110.00',
    );
    expect(row?.n).toBe(500);
  });

  it('makes up for a rate that arrives late, when the order is read again', async () => {
    const euros = order(1, 0, { currency: { code: 'EUR' } });
    const fact = () =>
      bench.rows("SELECT total_usd::text, fx_date::text, flags FROM analytics.po_fact WHERE po_id = '1'");
    await bench.load('orders', [euros]);
    expect(await fact()).toEqual([{ total_usd: null, fx_date: null, flags: ['no_rate'] }]);
    expect((await bench.load('orders', [euros])).counts).toMatchObject({ loaded: 0, unchanged: 1 });

    await bench.load('rates', [rate('2026-05-04', { USD: 1.1 })]);
    expect((await bench.load('orders', [euros])).counts).toMatchObject({ loaded: 1, unchanged: 0 });
    expect(await fact()).toEqual([{ total_usd: '110.00', fx_date: '2026-05-04', flags: [] }]);
    expect((await bench.load('orders', [euros])).counts).toMatchObject({ loaded: 0, unchanged: 1 });
    expect(await bench.rows('SELECT count(*)::int AS n FROM analytics.po_line_fact')).toEqual([{ n: 1 }]);
  });

  it('leaves an order of an absurd date without a rate, and out of the range of rates', async () => {
    await bench.load('rates', [rate('2026-05-04', { USD: 1.1 })]);
    const dated = (id: number, day: string) =>
      order(id, 0, { currency: { code: 'EUR' }, 'created-at': `${day}T08:00:00Z` });
    const orders = [dated(1, '0202-01-01'), dated(2, '1970-01-01'), dated(3, '2026-05-04')];
    const { counts } = await bench.load('orders', [...orders, dated(4, '2099-01-01')]);
    expect(counts).toMatchObject({ loaded: 4, quarantined: 0 });
    expect(await bench.rows('SELECT po_id, flags FROM analytics.po_fact ORDER BY 1')).toEqual([
      { po_id: '1', flags: ['no_rate'] },
      { po_id: '2', flags: ['no_rate'] },
      { po_id: '3', flags: [] },
      { po_id: '4', flags: ['no_rate'] },
    ]);
    const [staged] = await bench.rows<{ name: string }>(
      `SELECT max(tableoid::regclass::text) AS name FROM staging.po_temp`,
    );
    const range = await bench.warehouse.stagedRange(staged?.name.split('.')[1] ?? '', 'created_at', 4);
    expect(range).toEqual({ from: '2026-05-04', to: '2099-01-01' });
  });

  it('converts anew, when the order is read again, into a reporting currency that was changed', async () => {
    await bench.load('rates', [rate('2026-05-04', { USD: 1.25 })]);
    await bench.load('orders', [order(1)]);
    const inEuros = { reportingCurrency: 'EUR' };
    expect((await bench.load('orders', [order(1)], inEuros)).counts).toMatchObject({ loaded: 1 });
    expect(await bench.rows('SELECT total_usd::text FROM analytics.po_fact')).toEqual([
      { total_usd: '80.00' },
    ]);
    expect((await bench.load('orders', [order(1)], inEuros)).counts).toMatchObject({ unchanged: 1 });
  });
});
