import { isoWithOffset } from '../clock.js';
import { currencyInfo } from '../rates/currencies.js';
import { Draw } from '../rng.js';
import { accountId } from './accounts.js';
import { dayMs, streams } from './frame.js';
import { decimal, headerTotal, type LineSpec, orderLines } from './order-lines.js';
import type { OrderHeader } from './orders.js';
import { type CoupaRecord, supplierReference } from './suppliers.js';
import { commodities, goods, places, services, units } from './vocabulary.js';

export function poNumber(id: number): string {
  return `PO-${id}`;
}

export function lineId(orderId: number, number: number): number {
  return orderId * 10 + number;
}

const currencyIds: Readonly<Record<string, number>> = {
  USD: 1,
  EUR: 2,
  GBP: 3,
  JPY: 4,
  CHF: 5,
  SEK: 6,
  PLN: 7,
  KWD: 8,
  INR: 9,
};

export function currencyReference(code: string): CoupaRecord {
  return { id: currencyIds[code] ?? 99, code, decimals: currencyInfo(code).decimals };
}

function billing(spec: LineSpec, decimals: number, draw: Draw): CoupaRecord {
  const centre = draw.int(10, 59);
  const code = `${centre}-4100-${draw.int(100, 140)}`;
  if (!spec.split) {
    const account = {
      id: centre,
      code,
      name: `Betrieb ${centre}`,
      'segment-1': String(centre),
      'segment-2': '4100',
    };
    return { account, 'account-allocations': [] };
  }
  const first = Math.floor((spec.statedTotal * 6) / 10);
  const part = (amount: number, pct: string, centreCode: string): CoupaRecord => ({
    amount: decimal(amount, decimals),
    pct,
    account: { code: centreCode },
  });
  return {
    'account-allocations': [
      part(first, '60.0', code),
      part(spec.statedTotal - first, '40.0', `60-4100-${centre}`),
    ],
  };
}

function lineRecord(
  header: OrderHeader,
  spec: LineSpec,
  draw: Draw,
  written: (ms: number) => string,
): CoupaRecord {
  const { decimals } = currencyInfo(header.currency);
  const quantity = spec.quantityTenths === null ? null : decimal(spec.quantityTenths, 1);
  const total = decimal(spec.statedTotal, decimals);
  return {
    id: lineId(header.id, spec.number),
    'created-at': written(header.createdMs),
    'updated-at': written(header.updatedMs),
    'line-num': String(spec.number),
    'order-header-id': header.id,
    'order-header-number': poNumber(header.id),
    description: draw.pick(spec.kind === 'amount' ? services : goods),
    price: decimal(spec.price, spec.priceScale),
    quantity,
    total,
    'accounting-total': total,
    invoiced: decimal(spec.invoiced, decimals),
    received: header.status === 'closed' ? quantity : null,
    status: 'created',
    type: spec.kind === 'amount' ? 'OrderAmountLine' : 'OrderQuantityLine',
    'need-by-date': written(header.createdMs + draw.int(5, 40) * dayMs),
    'match-type': draw.pick(['2-way', '3-way']),
    ...billing(spec, decimals, draw),
    commodity: { id: draw.int(1, 6), name: draw.pick(commodities) },
    uom: spec.kind === 'amount' ? null : { id: 1, code: draw.pick(units) },
    'supp-aux-part-num': null,
    'source-part-num': draw.chance(0.5) ? `P-${draw.int(10_000, 99_999)}` : null,
  };
}

function shipTo(draw: Draw): CoupaRecord {
  const place = draw.pick(places);
  return {
    id: draw.int(1, 40),
    street1: place.street,
    city: place.city,
    'postal-code': place.postalCode,
    country: { id: draw.int(1, 200), code: place.country, name: place.countryName },
  };
}

/** Spoils a record in the way that was planted. */
function spoil(record: CoupaRecord, header: OrderHeader): CoupaRecord {
  const { kind, ordinal } = header.plant ?? { kind: null, ordinal: 0 };
  if (kind === 'not_a_decimal') {
    const [first, ...rest] = record['order-lines'] as CoupaRecord[];
    return {
      ...record,
      'order-lines': [{ ...first, price: ['12,50', 'N/A', '1.2.3'][ordinal] ?? '' }, ...rest],
    };
  }
  if (kind === 'missing_key') {
    const missing = ['po-number', 'currency', 'order-lines'][ordinal] ?? 'po-number';
    return Object.fromEntries(Object.entries(record).filter(([key]) => key !== missing));
  }
  if (kind === 'impossible_date') {
    const dates = ['2026-06-31T10:00:00-07:00', '2026-02-30T08:15:00+00:00', '2026-13-05T25:61:00+02:00'];
    return { ...record, 'created-at': dates[ordinal] };
  }
  return record;
}

/** Writes times with this offset; the same few times come up again and again within an order. */
function writer(offsetMinutes: number): (ms: number) => string {
  const known = new Map<number, string>();
  return (ms) => {
    const text = known.get(ms) ?? isoWithOffset(ms, offsetMinutes);
    known.set(ms, text);
    return text;
  };
}

/** The whole order in Coupa's words, `total` (the header's own) included. */
export function orderRecord(seed: number, header: OrderHeader): CoupaRecord {
  const draw = new Draw(seed, streams.body, header.index, 1);
  const { decimals } = currencyInfo(header.currency);
  const lines = orderLines(seed, header);
  const written = writer(header.offsetMinutes);
  const sent = !['draft', 'buyer_hold', 'currency_hold'].includes(header.status);
  const customer =
    header.account === undefined
      ? {}
      : { 'customer-account-id': header.account === null ? null : accountId(seed, header.account) };
  const record: CoupaRecord = {
    id: header.id,
    'created-at': written(header.createdMs),
    'updated-at': written(header.updatedMs),
    'po-number': poNumber(header.id),
    status: header.status,
    version: draw.weighted([
      [1, 80],
      [2, 15],
      [3, 5],
    ]),
    'internal-revision': 0,
    type: 'ExternalOrderHeader',
    exported: false,
    'last-exported-at': null,
    'acknowledged-flag': false,
    'acknowledged-at': null,
    'confirmation-status': null,
    currency: currencyReference(header.currency),
    supplier: supplierReference(header.supplierId),
    'payment-term': { id: 3, code: draw.pick(['NET30', 'NET60']) },
    'shipping-term': { id: 1, code: 'DAP' },
    'ship-to-address': shipTo(draw),
    'requisition-header': { id: header.id + 300_000 },
    'transmission-status': sent ? 'sent_via_email' : 'pending_manual_send',
    'transmission-method-override': 'supplier_default',
    ...customer,
    'order-lines': lines.map((line) => lineRecord(header, line, draw, written)),
    'created-by': { id: draw.int(1, 30) },
    'updated-by': { id: draw.int(1, 30) },
    total: decimal(headerTotal(header, lines), decimals),
  };
  return spoil(record, header);
}
