import type { CoupaRecord } from '../seed/suppliers.js';
import { isObject } from '../wire.js';

/** Ariba's words for the states of the seeded orders; what the seed made up stays as it is. */
const statuses: Readonly<Record<string, string>> = {
  draft: 'Composing',
  buyer_hold: 'Submitted',
  supplier_hold: 'Submitted',
  supplier_window_hold: 'Submitted',
  currency_hold: 'Submitted',
  issued: 'Ordered',
  closed: 'Received',
  expensed: 'Invoiced',
  cancelled: 'Canceled',
  error: 'Failed',
};

/** The seeded order as Ariba's reporting shows it: nested objects in PascalCase, numbers as numbers, nulls written out. */
export function aribaOrder(order: CoupaRecord): Record<string, unknown> {
  const currency = isObject(order['currency']) ? order['currency']['code'] : null;
  const supplier = isObject(order['supplier']) ? order['supplier'] : null;
  const money = (amount: unknown) => ({
    Amount: numberOf(amount),
    Currency: currency === null ? null : { UniqueName: currency },
  });
  const lines = order['order-lines'];
  return {
    UniqueName: order['po-number'] ?? null,
    InternalId: String(order['id']),
    VersionNumber: order['version'] ?? null,
    StatusString: statuses[String(order['status'])] ?? order['status'],
    TimeCreated: utc(order['created-at']),
    TimeUpdated: utc(order['updated-at']),
    Supplier: supplier && { UniqueName: supplier['number'], Name: supplier['name'] },
    Requester: { UniqueName: 'requester1' },
    TotalCost: money(order['total']),
    cus_CustomerAccountId: order['customer-account-id'] ?? null,
    LineItems: Array.isArray(lines)
      ? lines.filter(isObject).map((line) => ({
          NumberInCollection: Number(line['line-num']),
          // What is ordered by amount is one piece of it.
          Quantity: numberOf(line['quantity'] ?? '1'),
          Description: { Description: line['description'], Price: money(line['price']) },
          Amount: money(line['total']),
        }))
      : null,
  };
}

/** A number where it is one; what was planted as none stays as it is. */
function numberOf(value: unknown): unknown {
  return typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : (value ?? null);
}

/** In UTC; a planted day that does not exist stays as it is, also one that JavaScript takes for another. */
function utc(value: unknown): unknown {
  const text = String(value);
  const day = new Date(`${text.slice(0, 10)}T00:00:00Z`);
  const exists = !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text.slice(0, 10));
  return exists ? new Date(text).toISOString().replace('.000Z', 'Z') : value;
}
