import type { Mapped } from '../../domain/columns.js';
import type { OrderLine, OrderStatus } from '../../domain/purchase-order.js';
import { product, sum } from '../decimal-text.js';
import type { Parameters } from '../port.js';
import { type Fields, mapRecord, type RecordReader } from '../record.js';

/** Freshservice's states in Baton's words: what else an account has is quarantined, and told by its number. */
const statuses: ReadonlyMap<string, OrderStatus> = new Map([
  ['20', 'open'],
  ['25', 'open'],
  ['30', 'closed'],
]);

/** The custom field that names our customer, unless the pipeline binds `customerField` to another. */
const defaultCustomerField = 'customer_account_id';

/**
 * An order's total is the sum of its items, as everywhere: discount, tax and shipping of the header stay in `raw`.
 * https://api.freshservice.com/#purchase_orders
 */
export function mapPurchaseOrder(record: Buffer, parameters?: Parameters): Mapped {
  return mapRecord(record, 'id', (order, reader) => {
    const code = reader.id(order, 'status');
    const status =
      code === null
        ? null
        : (statuses.get(code) ??
          reader.report('unknown_status', 'status', 'is none of the documented states 20, 25, 30', code));
    const lines = reader
      .objects(order, 'purchase_items')
      .map((item, index) => mapItem(item, reader, index, `purchase_items.${index}.`));
    const custom = reader.optionalObject(order, 'custom_fields');
    const field = (parameters?.['customerField'] ?? defaultCustomerField).replaceAll('-', '_');
    return {
      kind: 'row',
      row: {
        po_id: reader.id(order, 'id'),
        po_number: reader.number(order, 'po_number'),
        status,
        vendor_status: code,
        version: null,
        supplier_id: reader.optionalId(order, 'vendor_id'),
        supplier_name: null,
        customer_account_id: custom && reader.optionalId(custom, field, 'custom_fields.'),
        currency: reader.currency(order, 'currency_code'),
        total: sum(lines.map((line) => line.total)),
        line_count: String(lines.length),
        created_at: reader.instant(order, 'created_at'),
        updated_at: reader.instant(order, 'updated_at'),
      },
      lines,
    };
  });
}

/** Items have no ids of their own: they are known by their place in the order. */
function mapItem(item: Fields, reader: RecordReader, index: number, at: string): OrderLine {
  const price = reader.decimal(item, 'cost', at);
  const quantity = reader.decimal(item, 'quantity', at);
  const place = String(index + 1);
  const name = reader.optionalText(item, 'item_name', at);
  return {
    line_id: place,
    line_num: place,
    type: 'quantity',
    description: name ?? reader.optionalText(item, 'description', at),
    price,
    quantity,
    total: price === null || quantity === null ? '0' : product(price, quantity),
    invoiced: null,
    accounts: '[]',
    created_at: null,
    updated_at: null,
  };
}
