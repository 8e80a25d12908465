import { isoSeconds, type SandboxClock } from '../clock.js';
import type { Journal } from '../journal.js';
import { laterIdBase } from '../seed/frame.js';
import type { CoupaRecord } from '../seed/suppliers.js';
import { isObject } from '../wire.js';
import { type CoupaStore, type Resource, rowOf } from './store.js';

interface Upsert {
  readonly resource: Resource;
  readonly record: CoupaRecord;
}

/** Every way in which Coupa's records change; each goes through the journal. */
export interface CoupaChanges {
  /**
   * Changes the record of this id, or adds one (without `id`: the next free one). Keys given replace whole
   * values; `updated-at` becomes now unless given; a `version` that rises resets `exported`.
   */
  patch(resource: Resource, patch: CoupaRecord): CoupaRecord;
  remove(resource: Resource, id: number): boolean;
  markExported(resource: Resource, id: number): void;
  /** Makes an order's lines, header and supplier agree again. Null when there is no such order. */
  mend(id: number): CoupaRecord | null;
  nextId(resource: Resource): number;
}

export function createCoupaChanges(store: CoupaStore, journal: Journal, clock: SandboxClock): CoupaChanges {
  const upsert = journal.register<Upsert>('coupa.upsert', ({ resource, record }) => {
    store[resource].upsert(rowOf(record), record);
  });
  const remove = journal.register<{ resource: Resource; id: number }>('coupa.remove', ({ resource, id }) => {
    store[resource].remove(id);
  });
  const exported = journal.register<{ resource: Resource; id: number; at: string }>(
    'coupa.exported',
    ({ resource, id, at }) => store[resource].markExported(id, at),
  );

  function nextId(resource: Resource): number {
    return store[resource].ids.reduce((highest, id) => Math.max(highest, id + 1), laterIdBase);
  }

  function patch(resource: Resource, given: CoupaRecord): CoupaRecord {
    const now = isoSeconds(clock.ms());
    const id = given['id'] === undefined ? nextId(resource) : Number(given['id']);
    const before = store[resource].find(id) ?? blank(resource, id, now);
    const merged = { ...before, 'updated-at': now, ...given, id };
    const record = resource === 'purchase_orders' ? withHeaderTotal(merged, given) : merged;
    upsert({ resource, record });
    return store[resource].find(id) ?? record;
  }

  return {
    patch,
    nextId,
    remove(resource, id) {
      if (store[resource].find(id) === undefined) return false;
      remove({ resource, id });
      return true;
    },
    markExported: (resource, id) => exported({ resource, id, at: isoSeconds(clock.ms()) }),
    mend(id) {
      const order = store.purchase_orders.find(id);
      if (order === undefined) return null;
      const lines = linesOf(order).map((line) => mendLine(line));
      return patch('purchase_orders', { id, 'order-lines': lines, total: sumOf(lines) });
    },
  };
}

function blank(resource: Resource, id: number, now: string): CoupaRecord {
  const common = { id, 'created-at': now, 'updated-at': now };
  if (resource === 'suppliers')
    return { ...common, name: `Supplier ${id}`, number: `S-${id}`, status: 'active', 'on-hold': false };
  if (resource === 'invoices') {
    return {
      ...common,
      'invoice-number': `INV-${id}`,
      'document-type': 'Invoice',
      status: 'approved',
      'invoice-lines': [],
    };
  }
  if (resource === 'exchange_rates') return common;
  return {
    ...common,
    'po-number': `PO-${id}`,
    status: 'issued',
    version: 1,
    type: 'ExternalOrderHeader',
    exported: false,
    'last-exported-at': null,
    currency: { id: 1, code: 'USD', decimals: 2 },
    'order-lines': [],
    total: '0.00',
  };
}

function linesOf(order: CoupaRecord): readonly CoupaRecord[] {
  const lines = order['order-lines'];
  return Array.isArray(lines) ? lines.filter(isObject) : [];
}

/** Decimal text as whole units of the given scale, rounded half up; 0 for anything that is no number. */
function unitsOf(text: unknown, scale: number): bigint {
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(String(text ?? ''));
  if (match === null) return 0n;
  const [, sign, whole = '0', fraction = ''] = match;
  const digits = `${whole}${fraction.padEnd(scale + 1, '0').slice(0, scale + 1)}`;
  const units = (BigInt(digits) + 5n) / 10n;
  return sign === '-' ? -units : units;
}

function textOf(units: bigint, scale: number): string {
  const digits = String(units < 0n ? -units : units).padStart(scale + 1, '0');
  const sign = units < 0n ? '-' : '';
  return scale === 0 ? sign + digits : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

function scaleOf(text: unknown): number {
  return /\.(\d+)$/.exec(String(text ?? ''))?.[1]?.length ?? 0;
}

function sumOf(lines: readonly CoupaRecord[]): string {
  const scale = Math.max(0, ...lines.map((line) => scaleOf(line['total'])));
  return textOf(
    lines.reduce((sum, line) => sum + unitsOf(line['total'], scale), 0n),
    scale,
  );
}

/** Price × quantity at the scale of the line's total; the price itself where there is no quantity. */
function mendLine(line: CoupaRecord): CoupaRecord {
  const scale = scaleOf(line['total']);
  const quantity = line['quantity'] ?? '1';
  const product = unitsOf(line['price'], 6) * unitsOf(quantity, 6);
  const total = textOf(unitsOf(textOf(product, 12), scale), scale);
  return { ...line, total, 'accounting-total': total };
}

function withHeaderTotal(record: CoupaRecord, given: CoupaRecord): CoupaRecord {
  if (given['total'] !== undefined || given['order-lines'] === undefined) return record;
  return { ...record, total: sumOf(linesOf(record)) };
}
