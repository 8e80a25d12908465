import type { Collection } from '../coupa/collection.js';
import type { CoupaRecord } from '../seed/suppliers.js';
import { type Answer, type Call, isObject, json, type Route } from '../wire.js';

/** The buyer, as the Business Network knows it. */
export const aribaNetworkId = 'AN01000000042';
export const aribaNetworkKey = 'ariba-sandbox-network-key';
export const networkRoot = '/purchase-orders-buyer/v1/prod';

const dayMs = 86_400_000;
const mostPerPage = 100;
const period = /^startDate eq '(\d{4}-\d\d-\d\d)' and endDate eq '(\d{4}-\d\d-\d\d)'$/;
const failed = (status: number, message: string): Answer => json(status, { message });

/** Ariba Network Purchase Orders Buyer API: the seeded orders that have been sent to a supplier. */
export function networkRoutes(orders: Collection): readonly Route[] {
  /** Ascending by the day on which they came into the Network; both ends included. */
  function within(call: Call): readonly CoupaRecord[] | Answer {
    if (call.headers['x-ariba-network-id'] !== aribaNetworkId)
      return failed(403, 'The application has no access to the Ariba Network ID');
    const [, first = '', last = ''] = period.exec(call.query.get('$filter') ?? '') ?? [];
    const [fromMs, toMs] = [Date.parse(first), Date.parse(last) + dayMs];
    if (!(fromMs < toMs)) return failed(400, 'The $filter is not valid');
    return orders
      .ordered('created-at')
      .filter((at) => (orders.created[at] ?? 0) >= fromMs && (orders.created[at] ?? 0) < toMs)
      .map((at) => orders.record(at))
      .filter(({ status }) => status !== 'draft');
  }

  function list(recordsOf: (order: CoupaRecord) => readonly unknown[]): Route['handle'] {
    return (call) => {
      const found = within(call);
      if ('status' in found) return found;
      const records = found.flatMap(recordsOf);
      const top = Number(call.query.get('$top') ?? mostPerPage);
      const skip = Number(call.query.get('$skip') ?? 0);
      if (!Number.isSafeInteger(top) || top < 1 || !Number.isSafeInteger(skip) || skip < 0)
        return failed(400, 'The $top or $skip is not valid');
      const content = records.slice(skip, skip + Math.min(top, mostPerPage));
      return json(200, {
        content,
        ...(call.query.get('$count') === 'true' ? { count: records.length } : {}),
        firstPage: skip === 0,
        lastPage: skip + content.length >= records.length,
      });
    };
  }

  return [
    { method: 'GET', path: `${networkRoot}/orders`, handle: list((order) => [networkOrder(order)]) },
    { method: 'GET', path: `${networkRoot}/items`, handle: list(networkItems) },
  ];
}

function networkOrder(order: CoupaRecord): Record<string, unknown> {
  const id = Number(order['id']);
  const supplier = isObject(order['supplier']) ? order['supplier'] : {};
  const invoiced = linesOf(order).some(({ invoiced: amount }) => Number(amount) > 0);
  return {
    documentNumber: order['po-number'] ?? null,
    orderDate: spoken(order['created-at'], id),
    supplierName: supplier['name'] ?? null,
    supplierANID: `AN02${String(supplier['number'] ?? '').padStart(9, '0')}`,
    buyerANID: aribaNetworkId,
    customerName: 'Sandbox AG',
    systemId: 'SANDBOX',
    payloadId: `${id}.${order['version'] ?? 1}@sandbox.ariba.com`,
    revision: Number(order['version'] ?? 1) > 1 ? 'Changed' : 'Original',
    endpointId: null,
    created: spoken(order['created-at'], id),
    status: order['status'] === 'issued' ? 'Confirmed' : 'New',
    documentStatus: order['status'] === 'cancelled' ? 'Obsoleted' : 'Sent',
    numberOfInvoices: invoiced ? 1 : 0,
    companyCode: '1000',
    ...total(order, id),
  };
}

/** As it is seen with different versions of the API: a number, a text, an object. */
function total(order: CoupaRecord, id: number): Record<string, unknown> {
  const currencyCode = isObject(order['currency']) ? (order['currency']['code'] ?? null) : null;
  const amount = order['total'];
  if (id % 3 === 0) return { amount: Number(amount), currencyCode };
  if (id % 3 === 1) return { amount, currencyCode };
  return { poAmount: { amount, currencyCode } };
}

function networkItems(order: CoupaRecord): readonly unknown[] {
  const currencyCode = isObject(order['currency']) ? (order['currency']['code'] ?? null) : null;
  return linesOf(order).map((line) => ({
    documentNumber: order['po-number'] ?? null,
    lineNumber: line['line-num'],
    description: line['description'],
    quantity: line['quantity'] ?? null,
    unitPrice: { amount: line['price'], currencyCode },
    amount: { amount: line['total'], currencyCode },
  }));
}

function linesOf(order: CoupaRecord): readonly CoupaRecord[] {
  const lines = order['order-lines'];
  return Array.isArray(lines) ? lines.filter(isObject) : [];
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `28 May 2019 5:46:45 AM`, in UTC; of every other order RFC 3339. A planted day that does not exist stays as it is. */
function spoken(value: unknown, id: number): unknown {
  const text = String(value);
  const at = new Date(text);
  const day = new Date(`${text.slice(0, 10)}T00:00:00Z`);
  const exists = !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text.slice(0, 10));
  if (!exists || Number.isNaN(at.getTime())) return value;
  if (id % 2 === 0) return at.toISOString().replace('.000Z', 'Z');
  const hour = at.getUTCHours();
  const two = (number: number): string => String(number).padStart(2, '0');
  const clock = `${hour % 12 === 0 ? 12 : hour % 12}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`;
  return `${at.getUTCDate()} ${months[at.getUTCMonth()]} ${at.getUTCFullYear()} ${clock} ${hour < 12 ? 'AM' : 'PM'}`;
}
