import type { CoupaRecord } from '../seed/suppliers.js';
import { isObject } from '../wire.js';
import { Collection } from './collection.js';

/**
 * The lines of all orders as a list of their own, in which an order's change is a change of each of its lines. Made when
 * it is first asked for, and anew when an order has changed.
 */
export function linesOf(orders: Collection): () => Collection {
  let made: { readonly revision: number; readonly lines: Collection } | null = null;
  return () => {
    if (made?.revision !== orders.revision) made = { revision: orders.revision, lines: collect(orders) };
    return made.lines;
  };
}

function collect(orders: Collection): Collection {
  const lines = new Collection({ rows: [], record: () => ({}) });
  for (const at of orders.ordered('id')) {
    const { 'order-lines': found, currency } = orders.record(at);
    for (const line of Array.isArray(found) ? found : []) {
      if (!isObject(line)) continue;
      const record: CoupaRecord = { ...line, currency };
      lines.upsert(
        {
          id: Number(record['id']),
          createdMs: orders.created[at] ?? 0,
          updatedMs: orders.updated[at] ?? 0,
          status: String(record['status']),
          supplierId: orders.supplier[at] ?? 0,
        },
        record,
      );
    }
  }
  return lines;
}
