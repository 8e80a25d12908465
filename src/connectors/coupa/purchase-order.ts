import type { Mapped, Row } from '../../domain/columns.js';
import type { OrderLine, OrderStatus } from '../../domain/purchase-order.js';
import { sum } from '../decimal-text.js';
import type { Parameters } from '../port.js';
import { type Fields, mapRecord, type RecordReader } from '../record.js';
import { mapLine } from './purchase-order-line.js';

/** The custom field that names our customer, unless the pipeline binds `customerField` to another. */
export const defaultCustomerField = 'customer-account-id';

/** Coupa's states in Baton's words; a draft is not an order yet. */
const statuses: ReadonlyMap<string, OrderStatus | 'draft'> = new Map([
  ['draft', 'draft'],
  ['buyer_hold', 'on_hold'],
  ['supplier_hold', 'on_hold'],
  ['supplier_window_hold', 'on_hold'],
  ['currency_hold', 'on_hold'],
  ['issued', 'open'],
  ['exported', 'open'],
  ['error', 'error'],
  ['closed', 'closed'],
  ['expensed', 'closed'],
  ['cancelled', 'cancelled'],
]);

/** https://compass.coupa.com/en-us/products/product-documentation/integration-technical-documentation/the-coupa-core-api/resources/transactional-resources/purchase-orders-api-(purchase_orders) */
export function mapPurchaseOrder(record: Buffer, parameters?: Parameters): Mapped {
  return mapRecord(record, 'id', (order, reader) => {
    const vendorStatus = reader.text(order, 'status');
    const status = vendorStatus === null ? null : canonicalStatus(vendorStatus, reader);
    const id = reader.id(order, 'id');
    if (status === 'draft' && id !== null) return { kind: 'filtered', reason: 'draft', id };
    const lines = reader
      .objects(order, 'order-lines')
      .map((line, index) => mapLine(line, reader, `order-lines.${index}.`));
    return { kind: 'row', row: orderRow(order, reader, { id, status, lines }, parameters), lines };
  });
}

function canonicalStatus(vendorStatus: string, reader: RecordReader): OrderStatus | 'draft' | null {
  const known = statuses.get(vendorStatus);
  if (known !== undefined) return known;
  return reader.report('unknown_status', 'status', 'is none of Coupa’s documented states', vendorStatus);
}

function orderRow(
  order: Fields,
  reader: RecordReader,
  { id, status, lines }: { id: string | null; status: string | null; lines: readonly OrderLine[] },
  parameters: Parameters | undefined,
): Row {
  const currency = reader.object(order, 'currency');
  const supplier = reader.optionalObject(order, 'supplier');
  reportDoubledLines(lines, reader);
  return {
    po_id: id,
    po_number: reader.number(order, 'po-number'),
    status,
    vendor_status: reader.optionalText(order, 'status'),
    version: reader.optionalInteger(order, 'version'),
    supplier_id: supplier && reader.optionalId(supplier, 'id', 'supplier.'),
    supplier_name: supplier && reader.optionalText(supplier, 'name', 'supplier.'),
    customer_account_id: reader.optionalId(order, parameters?.['customerField'] ?? defaultCustomerField),
    currency: currency && reader.currency(currency, 'code', 'currency.'),
    total: sum(lines.map((line) => line.total)),
    line_count: String(lines.length),
    created_at: reader.instant(order, 'created-at'),
    updated_at: reader.instant(order, 'updated-at'),
  };
}

/** A line is known by its id within the order. One without an id is reported already. */
function reportDoubledLines(lines: readonly OrderLine[], reader: RecordReader): void {
  const seen = new Set<string>();
  for (const { line_id: id } of lines) {
    if (id !== '' && seen.has(id)) {
      reader.report('doubled_line', 'order-lines', `has more than one line with the id ${id}`, id);
      return;
    }
    seen.add(id);
  }
}
