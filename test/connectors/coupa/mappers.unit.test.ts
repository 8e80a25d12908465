import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { mapExchangeRate } from '../../../src/connectors/coupa/exchange-rate.js';
import { mapInvoice } from '../../../src/connectors/coupa/invoice.js';
import { mapPurchaseOrder } from '../../../src/connectors/coupa/purchase-order.js';
import { mapPurchaseOrderTotal } from '../../../src/connectors/coupa/purchase-order-totals.js';
import { mapSupplier } from '../../../src/connectors/coupa/supplier.js';
import type { Mapped } from '../../../src/domain/columns.js';

function fixture(name: string): Record<string, unknown> {
  return JSON.parse(readFileSync(new URL(`../../fixtures/coupa/${name}.json`, import.meta.url), 'utf8'));
}

const order = fixture('purchase-order');
const bytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

function rowOf(mapped: Mapped): Readonly<Record<string, string | null>> {
  if (mapped.kind !== 'row') throw new Error(JSON.stringify(mapped));
  return mapped.row;
}

/** The lines, their accounts parsed. */
function linesOf(mapped: Mapped): Record<string, unknown>[] {
  if (mapped.kind !== 'row') throw new Error(JSON.stringify(mapped));
  return (mapped.lines ?? []).map((line) => ({ ...line, accounts: JSON.parse(line['accounts'] ?? '') }));
}

function rulesOf(mapped: Mapped): string[] {
  return mapped.kind === 'quarantined'
    ? mapped.violations.map(({ rule, path }) => `${rule} ${path}`)
    : [mapped.kind];
}

/** The order with changes to its first line. */
function withLine(change: Record<string, unknown>): Record<string, unknown> {
  const [first, ...rest] = order['order-lines'] as Record<string, unknown>[];
  return { ...order, 'order-lines': [{ ...first, ...change }, ...rest] };
}

describe('mapPurchaseOrder', () => {
  it('maps an order to Baton’s columns: decimals as sent, times in UTC, what is missing computed', () => {
    expect(rowOf(mapPurchaseOrder(bytes(order)))).toEqual({
      po_id: '4711',
      po_number: 'PO-4711',
      status: 'open',
      vendor_status: 'issued',
      version: '3',
      supplier_id: '88',
      supplier_name: 'Müller & Söhne GmbH',
      customer_account_id: '001Hs00000ABCDEFGH',
      currency: 'EUR',
      // 37.50 + 99.990000 + 0.1 × 0.2
      total: '137.51',
      line_count: '3',
      created_at: '2026-03-29T06:30:00.000Z',
      updated_at: '2026-04-02T07:15:30.000Z',
    });
    expect(linesOf(mapPurchaseOrder(bytes(order)))).toEqual([
      {
        line_id: '47110',
        line_num: '1',
        type: 'quantity',
        description: 'Schrauben, 5 mm "verzinkt"',
        price: '12.500000',
        quantity: '3.000000',
        total: '37.50',
        invoiced: '12.500000',
        accounts: [{ code: '10-4100-100', amount: '37.50', pct: '100' }],
        created_at: '2026-03-29T06:30:00.000Z',
        updated_at: '2026-04-02T07:15:30.000Z',
      },
      {
        line_id: '47111',
        line_num: '2',
        type: 'amount',
        description: 'Wartung',
        price: '99.990000',
        quantity: null,
        total: '99.990000',
        invoiced: null,
        accounts: [
          { code: '20-4100-100', amount: '59.99', pct: '60.0' },
          { code: '30-4100-100', amount: '40.00', pct: '40.0' },
        ],
        created_at: null,
        updated_at: null,
      },
      {
        line_id: '47112',
        line_num: '3',
        type: 'quantity',
        description: null,
        price: '0.100000',
        quantity: '0.2',
        total: '0.02',
        invoiced: null,
        accounts: [],
        created_at: null,
        updated_at: null,
      },
    ]);
  });

  it.each([
    ['buyer_hold', 'on_hold'],
    ['supplier_hold', 'on_hold'],
    ['supplier_window_hold', 'on_hold'],
    ['currency_hold', 'on_hold'],
    ['issued', 'open'],
    ['error', 'error'],
    ['closed', 'closed'],
    ['expensed', 'closed'],
    ['cancelled', 'cancelled'],
  ])('maps the state %s to %s', (vendor, canonical) => {
    expect(rowOf(mapPurchaseOrder(bytes({ ...order, status: vendor })))).toMatchObject({
      status: canonical,
      vendor_status: vendor,
    });
  });

  it('filters a draft, whatever else is wrong with it', () => {
    const draft = { id: 5, status: 'draft' };
    expect(mapPurchaseOrder(bytes(draft))).toEqual({ kind: 'filtered', reason: 'draft', id: '5' });
  });

  it('reads the customer from the field that the pipeline names', () => {
    const renamed = { ...order, 'client-ref': 'C-1' };
    expect(
      rowOf(mapPurchaseOrder(bytes(renamed), { customerField: 'client-ref' }))['customer_account_id'],
    ).toBe('C-1');
    expect(
      rowOf(mapPurchaseOrder(bytes({ ...order, 'customer-account-id': null })))['customer_account_id'],
    ).toBeNull();
  });

  it('reports every violation of a record at once, with rule, path, reason and raw value', () => {
    const { currency: _, ...bad } = withLine({ price: '12,50', quantity: 'N/A' });
    const mapped = mapPurchaseOrder(
      bytes({ ...bad, status: 'mystery', 'created-at': '2026-02-30T08:15:00+00:00' }),
    );
    expect(mapped).toEqual({
      parsed: expect.anything(),
      kind: 'quarantined',
      id: '4711',
      violations: expect.arrayContaining([
        { rule: 'unknown_status', path: 'status', reason: expect.any(String), value: '"mystery"' },
        { rule: 'missing_key', path: 'currency', reason: 'currency is missing', value: null },
        { rule: 'not_a_decimal', path: 'order-lines.0.price', reason: expect.any(String), value: '"12,50"' },
        { rule: 'not_a_decimal', path: 'order-lines.0.quantity', reason: expect.any(String), value: '"N/A"' },
        {
          rule: 'impossible_date',
          path: 'created-at',
          reason: expect.any(String),
          value: '"2026-02-30T08:15:00+00:00"',
        },
      ]),
    });
    expect(rulesOf(mapped)).toHaveLength(5);
  });

  it.each([
    ['po-number', 'missing_key po-number'],
    ['currency', 'missing_key currency'],
    ['order-lines', 'missing_key order-lines'],
    ['id', 'missing_key id'],
    ['status', 'missing_key status'],
    ['updated-at', 'missing_key updated-at'],
  ])('misses %s', (key, expected) => {
    const { [key]: _, ...rest } = order;
    expect(rulesOf(mapPurchaseOrder(bytes(rest)))).toEqual([expected]);
  });

  it.each([
    [{ ...order, status: 'constructor' }, 'unknown_status status'],
    [{ ...order, 'po-number': 12 }, 'wrong_type po-number'],
    [{ ...order, 'po-number': 'a\u0000b' }, 'unstorable_text po-number'],
    [{ ...order, 'order-lines': {} }, 'wrong_type order-lines'],
    [{ ...order, 'order-lines': [7] }, 'wrong_type order-lines.0'],
    [{ ...order, currency: { code: 'euro' } }, 'not_a_currency currency.code'],
    [{ ...order, version: 'three' }, 'not_an_integer version'],
    [withLine({ type: 'OrderSomethingLine' }), 'unknown_line_type order-lines.0.type'],
    [withLine({ price: 1234567890.1234567 }), 'not_exact order-lines.0.price'],
    [withLine({ price: '1e999999999' }), 'not_a_decimal order-lines.0.price'],
    [withLine({ type: 'OrderAmountLine', price: null, total: null }), 'missing_key order-lines.0.total'],
    [{ ...order, 'po-number': 'P'.repeat(256) }, 'too_long po-number'],
    [{ ...order, id: 'x'.repeat(9_000) }, 'too_long id'],
    [{ ...order, supplier: { id: '8'.repeat(256), name: 'long' } }, 'too_long supplier.id'],
    [{ ...order, 'customer-account-id': 'c'.repeat(256) }, 'too_long customer-account-id'],
    [withLine({ id: 'x'.repeat(256) }), 'too_long order-lines.0.id'],
    [withLine({ id: (order['order-lines'] as { id: number }[])[1]?.id }), 'doubled_line order-lines'],
    [withLine({ id: String((order['order-lines'] as { id: number }[])[1]?.id) }), 'doubled_line order-lines'],
  ])('quarantines %#', (record, expected) => {
    expect(rulesOf(mapPurchaseOrder(bytes(record)))).toEqual([expected]);
  });

  it('takes a number of 255 characters, and does not name a record by a longer id', () => {
    const number = 'P'.repeat(255);
    expect(rowOf(mapPurchaseOrder(bytes({ ...order, 'po-number': number })))['po_number']).toBe(number);
    expect(mapPurchaseOrder(bytes({ ...order, id: 'x'.repeat(256) }))).toMatchObject({ id: null });
  });

  it('takes decimals that come as JSON numbers, as long as a float holds them', () => {
    const mapped = mapPurchaseOrder(bytes(withLine({ price: 0.1, quantity: 3, total: 0.3 })));
    expect(linesOf(mapped)[0]).toMatchObject({ price: '0.1', quantity: '3', total: '0.3' });
  });

  it('says of garbage what it is', () => {
    expect(rulesOf(mapPurchaseOrder(Buffer.from('{"id":1,')))).toEqual(['not_json ']);
    expect(rulesOf(mapPurchaseOrder(Buffer.from('[1]')))).toEqual(['wrong_type ']);
    expect(rulesOf(mapPurchaseOrder(Buffer.alloc(0)))).toEqual(['not_json ']);
  });

  it('costs little more than parsing the record does', () => {
    const record = bytes(order);
    const timed = (work: () => unknown): number => {
      const startedMs = performance.now();
      for (let n = 0; n < 1_000; n++) work();
      return performance.now() - startedMs;
    };
    // Beside one another, so that a busy machine slows both; the best of several rounds.
    const rounds = Array.from({ length: 20 }, () => {
      const parsing = timed(() => JSON.parse(record.toString('utf8')));
      return timed(() => mapPurchaseOrder(record)) / parsing;
    });
    expect(Math.min(...rounds)).toBeLessThan(5);
  });
});

describe('Coupa’s other mappers', () => {
  it('maps a credit note with negative amounts, to the last place', () => {
    const { lines, ...row } = rowOf(mapInvoice(bytes(fixture('invoice'))));
    expect(row).toEqual({
      invoice_id: '900',
      invoice_number: 'INV-900',
      document_type: 'Credit Note',
      status: 'approved',
      canceled: 'false',
      currency: 'KWD',
      supplier_id: '88',
      gross_total: '-12.345',
      updated_at: '2026-04-03T04:30:00.250Z',
    });
    expect(JSON.parse(lines ?? '')).toEqual([
      {
        line_id: '9001',
        po_number: 'PO-4711',
        order_line_id: '47110',
        order_id: '4711',
        quantity: '1',
        price: '-12.345',
        total: '-12.345',
      },
    ]);
  });

  it('maps a header total', () => {
    const total = {
      id: 4711,
      'updated-at': '2026-04-02T09:15:30+02:00',
      currency: { code: 'EUR' },
      total: '150.00',
    };
    expect(rowOf(mapPurchaseOrderTotal(bytes(total)))).toEqual({
      po_id: '4711',
      header_total: '150.00',
      currency: 'EUR',
      updated_at: '2026-04-02T07:15:30.000Z',
    });
  });

  it('maps a supplier', () => {
    const supplier = {
      id: 88,
      name: 'Müller & Söhne GmbH',
      number: 'S-88',
      status: 'active',
      'on-hold': true,
      'updated-at': '2026-01-01T00:00:00-08:00',
    };
    expect(rowOf(mapSupplier(bytes(supplier)))).toEqual({
      supplier_id: '88',
      name: 'Müller & Söhne GmbH',
      number: 'S-88',
      status: 'active',
      on_hold: 'true',
      updated_at: '2026-01-01T08:00:00.000Z',
    });
  });

  it('maps a one-way rate', () => {
    const rate = {
      id: 1,
      'from-currency': { code: 'EUR' },
      'to-currency': { code: 'USD' },
      rate: '1.089000000',
      'rate-date': '2026-06-01T00:00:00-07:00',
    };
    expect(rowOf(mapExchangeRate(bytes(rate)))).toEqual({
      rate_id: '1',
      from_currency: 'EUR',
      to_currency: 'USD',
      rate: '1.089000000',
      rate_date: '2026-06-01',
      updated_at: null,
    });
  });
});
