import { dayText, isBusinessDay, quotedCodes, ratesOf } from '../rates/rates.js';
import { anchorMs, dayMs, fromMs, invoiceIdBase, supplierCount, supplierIdBase } from '../seed/frame.js';
import { invoiceRecord, invoiceStatus, invoiceUpdatedMs } from '../seed/invoices.js';
import { currencyReference, orderRecord } from '../seed/order-record.js';
import { headers, indexInvoices, type Seed } from '../seed/seed.js';
import { type CoupaRecord, supplierRecord, supplierTimes } from '../seed/suppliers.js';
import { isObject } from '../wire.js';
import { Collection, type Row, type Seeded } from './collection.js';

export const resources = ['purchase_orders', 'suppliers', 'invoices', 'exchange_rates'] as const;
export type Resource = (typeof resources)[number];

export type CoupaStore = Readonly<Record<Resource, Collection>>;

function* orderRows(seed: Seed): Generator<Row> {
  for (const { id, createdMs, updatedMs, status, supplierId } of headers(seed)) {
    yield { id, createdMs, updatedMs, status, supplierId };
  }
}

function seededOrders(seed: Seed): Seeded {
  return { rows: orderRows(seed), record: (id) => orderRecord(seed.seed, seed.headerOf(id)) };
}

function seededSuppliers(seed: Seed): Seeded {
  const rows = Array.from({ length: supplierCount }, (_, index) => {
    const { createdMs, updatedMs } = supplierTimes(seed.seed, index);
    const status = String(supplierRecord(seed.seed, index)['status']);
    return { id: supplierIdBase + index, createdMs, updatedMs, status, supplierId: 0 };
  });
  return { rows, record: (id) => supplierRecord(seed.seed, id - supplierIdBase) };
}

function seededInvoices(seed: Seed): Seeded {
  const index = indexInvoices(seed);
  function* rows(): Generator<Row> {
    for (let at = 0; at < index.count; at++) {
      const spec = index.spec(at);
      const updatedMs = invoiceUpdatedMs(seed.seed, spec);
      const { supplierId } = spec.order;
      yield { id: spec.id, createdMs: updatedMs, updatedMs, status: invoiceStatus(spec), supplierId };
    }
  }
  return { rows: rows(), record: (id) => invoiceRecord(seed.seed, index.spec(id - invoiceIdBase)) };
}

/** One-way rates to US dollars for the business days of the seeded time. */
function seededExchangeRates(): Seeded {
  const days = Array.from(
    { length: Math.round((anchorMs - fromMs) / dayMs) },
    (_, day) => fromMs + day * dayMs,
  );
  const records = days.filter(isBusinessDay).flatMap((day) =>
    quotedCodes()
      .filter(
        (code) => code !== 'USD' && ['EUR', 'GBP', 'JPY', 'CHF', 'SEK', 'PLN', 'KWD', 'INR'].includes(code),
      )
      .map((code) => ({ day, code, rate: ratesOf(code, day, ['USD'])?.['USD'] ?? 0 })),
  );
  const record = (id: number): CoupaRecord => {
    const { day, code, rate } = records[id - 1] ?? { day: fromMs, code: 'EUR', rate: 0 };
    const at = `${dayText(day)}T15:00:00+00:00`;
    return {
      id,
      'created-at': at,
      'updated-at': at,
      'from-currency': currencyReference(code),
      'to-currency': currencyReference('USD'),
      rate: String(rate),
      'rate-date': `${dayText(day)}T00:00:00+00:00`,
    };
  };
  const rows = records.map(({ day }, at) => {
    const ms = day + 15 * 3_600_000;
    return { id: at + 1, createdMs: ms, updatedMs: ms, status: '', supplierId: 0 };
  });
  return { rows, record };
}

export function createCoupaStore(seed: Seed): CoupaStore {
  return {
    purchase_orders: new Collection(seededOrders(seed), 'total'),
    suppliers: new Collection(seededSuppliers(seed)),
    invoices: new Collection(seededInvoices(seed)),
    exchange_rates: new Collection(seededExchangeRates()),
  };
}

/** The columns of a record that was put in by hand or by a live change. */
export function rowOf(record: CoupaRecord): Row {
  const supplier = record['supplier'];
  const updatedMs = Date.parse(String(record['updated-at']));
  const createdMs = Date.parse(String(record['created-at']));
  return {
    id: Number(record['id']),
    updatedMs,
    createdMs: Number.isNaN(createdMs) ? updatedMs : createdMs,
    status: String(record['status'] ?? ''),
    supplierId: isObject(supplier) ? Number(supplier['id']) : 0,
  };
}
