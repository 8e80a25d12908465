import { unquotedCurrency } from '../rates/currencies.js';
import { Draw } from '../rng.js';
import {
  accountCount,
  anchorMs,
  bulkEditMs,
  dayMs,
  fromMs,
  highPriorityAccounts,
  orderIdBase,
  streams,
  supplierCount,
  supplierIdBase,
  unknownSupplierBase,
} from './frame.js';
import type { Plant } from './plan.js';
import { currencyShares, offsets, statusShares } from './vocabulary.js';

/** How an order was invoiced so far. `credited`: too much, then a credit note; `voided`: too much, then voided. */
export type Invoicing = 'none' | 'half' | 'full' | 'over' | 'credited' | 'voided';

/** What an index needs to know of its order: cheap to draw, and kept for every order. */
export interface OrderHeader {
  readonly index: number;
  readonly id: number;
  readonly plant: Plant | null;
  readonly createdMs: number;
  readonly updatedMs: number;
  readonly status: string;
  readonly supplierId: number;
  readonly currency: string;
  /** Index of the customer's account; null = the custom field is null, undefined = it is not there at all. */
  readonly account: number | null | undefined;
  readonly offsetMinutes: number;
  readonly invoicing: Invoicing;
}

const plantedCurrencies = ['USD', 'EUR', 'JPY', 'KWD', 'GBP'] as const;
const unknownStatuses = ['in_limbo', 'half_issued', 'teleported'] as const;

function createdAt(index: number, records: number, draw: Draw): number {
  const span = 14 * dayMs - 3_600_000;
  const ms = fromMs + ((index + draw.next() * 0.9) * span) / records;
  return Math.floor(ms / 1000) * 1000;
}

function updatedAt(index: number, createdMs: number, draw: Draw): number {
  if (index % 25 === 7 && createdMs < bulkEditMs) return bulkEditMs;
  const withinSeconds = draw.weighted([
    [6 * 3600, 60],
    [3 * 86_400, 33],
    [12 * 86_400, 7],
  ]);
  const updated = createdMs + draw.int(0, withinSeconds) * 1000;
  if (updated < anchorMs) return updated;
  return Math.max(createdMs, anchorMs - draw.int(1, 6 * 3600) * 1000);
}

function currency(plant: Plant | null, draw: Draw): string {
  const drawn = draw.weighted(currencyShares);
  if (plant?.kind === 'no_rate') return unquotedCurrency.code;
  if (plant?.kind === 'large_in_yen_only') return 'JPY';
  if (plant?.kind === 'over_threshold') return plantedCurrencies[plant.ordinal % 5] ?? drawn;
  return drawn;
}

function status(plant: Plant | null, draw: Draw): string {
  const drawn = draw.weighted(statusShares);
  if (plant === null) return drawn;
  return plant.kind === 'unknown_status' ? (unknownStatuses[plant.ordinal] ?? 'in_limbo') : 'issued';
}

function account(plant: Plant | null, draw: Draw): number | null | undefined {
  const drawn = draw.int(highPriorityAccounts, accountCount - 1);
  const shape = draw.next();
  if (plant?.kind === 'high_priority') return plant.ordinal % highPriorityAccounts;
  if (shape < 0.06) return null;
  return shape < 0.12 ? undefined : drawn;
}

function invoicing(plant: Plant | null, orderStatus: string, draw: Draw): Invoicing {
  const drawn = draw.weighted<Invoicing>([
    ['none', 60],
    ['half', 20],
    ['full', 20],
  ]);
  if (plant?.kind === 'invoiced_beyond_ordered') return 'over';
  if (plant?.kind === 'credited_back') return 'credited';
  if (plant?.kind === 'voided_invoice') return 'voided';
  if (plant !== null && plant.kind !== 'duplicate') return 'none';
  return ['issued', 'closed', 'expensed'].includes(orderStatus) ? drawn : 'none';
}

export function orderHeader(seed: number, records: number, index: number, plant: Plant | null): OrderHeader {
  const draw = new Draw(seed, streams.header, index);
  const createdMs = createdAt(index, records, draw);
  const updatedMs = updatedAt(index, createdMs, draw);
  const orderStatus = status(plant, draw);
  const supplierId = supplierIdBase + draw.int(0, supplierCount - 1);
  return {
    index,
    id: orderIdBase + index,
    plant,
    createdMs,
    updatedMs,
    status: orderStatus,
    supplierId: plant?.kind === 'unknown_supplier' ? unknownSupplierBase + plant.ordinal : supplierId,
    currency: currency(plant, draw),
    account: account(plant, draw),
    offsetMinutes: draw.weighted(offsets),
    invoicing: invoicing(plant, orderStatus, draw),
  };
}
