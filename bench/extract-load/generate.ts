import { isoWithOffset } from '../../src/sandbox/clock.js';
import { currencyInfo } from '../../src/sandbox/rates/currencies.js';
import { Draw, hash32 } from '../../src/sandbox/rng.js';
import { anchorMs, dayMs, fromMs, supplierCount, supplierIdBase } from '../../src/sandbox/seed/frame.js';
import { decimal } from '../../src/sandbox/seed/order-lines.js';
import { supplierReference } from '../../src/sandbox/seed/suppliers.js';
import { goods, offsets, places, units } from '../../src/sandbox/seed/vocabulary.js';

/** What the pipeline makes of a record: a row, nothing (it is a draft), or a record in quarantine. */
export type Kind = 'valid' | 'draft' | 'malformed';

/** An order as it is in a round of changes; round 0 is as seeded. */
export interface OrderState {
  readonly id: number;
  readonly index: number;
  readonly kind: Kind;
  readonly round: number;
  readonly updatedMs: number;
}

const seed = 20_260_601;
const draws = { id: 1, kind: 2, body: 3, time: 4, change: 5 } as const;

const currencies: readonly (readonly [string, number])[] = [
  ['USD', 50],
  ['EUR', 30],
  ['GBP', 12],
  ['JPY', 8],
];
const statuses = ['issued', 'closed', 'buyer_hold', 'supplier_hold', 'cancelled'] as const;

/** The distance from the id before: mostly one, sometimes a gap. */
export function idStep(index: number): number {
  const drawn = hash32(seed, draws.id, index) % 16;
  return drawn < 12 ? 1 : drawn - 10;
}

/** Two in a thousand are malformed, one in a hundred is a draft. */
export function kindOf(index: number): Kind {
  const drawn = hash32(seed, draws.kind, index) % 1000;
  if (drawn < 2) return 'malformed';
  return drawn < 12 ? 'draft' : 'valid';
}

/** Whether the order changes in this round: one in ten does. */
export function changesIn(round: number, index: number): boolean {
  return hash32(seed, draws.change, round, index) % 10 === 0;
}

export function createdMs(index: number, records: number): number {
  return fromMs + Math.floor((index / records) * 13 * 86_400) * 1000;
}

export function seededUpdatedMs(index: number, records: number): number {
  const created = createdMs(index, records);
  return Math.min(created + (hash32(seed, draws.time, index) % 172_800) * 1000, anchorMs - 1000);
}

/** The order as JSON in Coupa's words, about 1.7 KB with its two to four lines. A function of its arguments alone. */
export function orderText(order: OrderState, records: number): string {
  const draw = new Draw(seed, draws.body, order.index);
  const created = createdMs(order.index, records);
  const offset = draw.weighted(offsets);
  const times = {
    created: isoWithOffset(created, offset),
    updated: isoWithOffset(order.updatedMs, offset),
    needed: isoWithOffset(created + 20 * dayMs, offset),
  };
  const currency = draw.weighted(currencies);
  const place = draw.pick(places);
  const supplier = supplierReference(supplierIdBase + draw.int(0, supplierCount - 1));
  const status = statuses[(draw.int(0, 40) < 34 ? 0 : draw.int(1, 4) + order.round) % statuses.length];
  const account = draw.int(100_000, 999_999);
  const buyer = draw.int(1, 30);
  const lines = Array.from({ length: draw.int(2, 4) }, (_, at) =>
    lineOf(order, at + 1, currency, times, draw),
  );
  const units = lines.reduce((sum, line) => sum + line.units, 0);
  const record = {
    id: order.id,
    'created-at': times.created,
    'updated-at': times.updated,
    'po-number': `PO-${order.id}`,
    status: order.kind === 'draft' ? 'draft' : status,
    version: 1 + order.round,
    type: 'ExternalOrderHeader',
    exported: false,
    currency: { id: 1, code: currency, decimals: currencyInfo(currency).decimals },
    supplier,
    'payment-term': { id: 3, code: 'NET30' },
    'ship-to-address': {
      id: buyer,
      street1: place.street,
      city: place.city,
      'postal-code': place.postalCode,
      country: { code: place.country, name: place.countryName },
    },
    'customer-account-id': `001Hs00000${account}IAA`,
    'order-lines': lines.map((line) => line.record),
    'created-by': { id: buyer },
    total: decimal(units, currencyInfo(currency).decimals),
  };
  return JSON.stringify(order.kind === 'malformed' ? spoiled(record, order.index) : record);
}

interface Line {
  readonly units: number;
  readonly record: Readonly<Record<string, unknown>>;
}

function lineOf(
  order: OrderState,
  number: number,
  currency: string,
  times: { readonly created: string; readonly updated: string; readonly needed: string },
  draw: Draw,
): Line {
  const { decimals } = currencyInfo(currency);
  const quantity = draw.int(1, 40);
  const price = draw.int(100, 20_000) + (number === 1 ? order.round * 10 : 0);
  const account = draw.int(10, 59);
  return {
    units: price * quantity,
    record: {
      id: order.id * 10 + number,
      'created-at': times.created,
      'updated-at': times.updated,
      'line-num': String(number),
      description: draw.pick(goods),
      price: decimal(price, decimals),
      quantity: `${quantity}.0`,
      total: decimal(price * quantity, decimals),
      invoiced: '0.00',
      type: 'OrderQuantityLine',
      'need-by-date': times.needed,
      account: { id: account, code: `${account}-4100-${draw.int(100, 140)}` },
      'account-allocations': [],
      uom: { id: 1, code: draw.pick(units) },
    },
  };
}

/** In ways that a table of typed columns still takes, so that a loader without validation gets through. */
function spoiled(
  record: Readonly<Record<string, unknown>>,
  index: number,
): Readonly<Record<string, unknown>> {
  if (index % 2 === 0) return { ...record, 'po-number': null };
  const [first, ...rest] = record['order-lines'] as Readonly<Record<string, unknown>>[];
  return { ...record, 'order-lines': [{ ...first, price: 'N/A' }, ...rest] };
}
