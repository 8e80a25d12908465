import { orderIdBase } from './frame.js';
import { type InvoiceSpec, invoiceCount, invoiceId } from './invoices.js';
import { type OrderHeader, orderHeader } from './orders.js';
import { type Plant, plantsFor } from './plan.js';

/** The seeded world: every record is a function of (seed, records, index) and made only when asked for. */
export interface Seed {
  readonly seed: number;
  readonly records: number;
  readonly plants: ReadonlyMap<number, Plant>;
  header(index: number): OrderHeader;
  /** The header behind an order's id. */
  headerOf(id: number): OrderHeader;
}

export function createSeed(seed: number, records: number): Seed {
  const plants = plantsFor(records);
  const header = (index: number): OrderHeader => orderHeader(seed, records, index, plants.get(index) ?? null);
  return { seed, records, plants, header, headerOf: (id) => header(id - orderIdBase) };
}

export function* headers(seed: Seed): Generator<OrderHeader> {
  for (let index = 0; index < seed.records; index++) yield seed.header(index);
}

/** Which invoice belongs to which order, as two columns of numbers. */
export interface InvoiceIndex {
  readonly count: number;
  spec(index: number): InvoiceSpec;
}

export function indexInvoices(seed: Seed): InvoiceIndex {
  const orders: number[] = [];
  const ordinals: number[] = [];
  for (const { index, invoicing } of headers(seed)) {
    for (let ordinal = 0; ordinal < invoiceCount(invoicing); ordinal++) {
      orders.push(index);
      ordinals.push(ordinal);
    }
  }
  return {
    count: orders.length,
    spec: (index) => ({
      id: invoiceId(index),
      order: seed.header(orders[index] ?? 0),
      ordinal: ordinals[index] ?? 0,
    }),
  };
}
