import type { Column, Mapped } from '../../domain/columns.js';
import { type OrderLine, orderLineColumns } from '../../domain/purchase-order.js';
import { product } from '../decimal-text.js';
import { type Fields, mapRecord, type RecordReader } from '../record.js';

/** A line that is read by itself. */
export const purchaseOrderLineColumns = [
  { name: 'line_id', type: 'text', description: 'Coupa’s id of the line' },
  { name: 'po_id', type: 'text' },
  { name: 'po_number', type: 'text', nullable: true },
  { name: 'status', type: 'text', nullable: true },
  ...orderLineColumns.filter(({ name }) => name !== 'line_id' && name !== 'updated_at'),
  { name: 'currency', type: 'text', nullable: true },
  { name: 'received', type: 'numeric', nullable: true, description: 'quantity' },
  { name: 'need_by', type: 'timestamp', nullable: true },
  { name: 'updated_at', type: 'timestamp' },
] as const satisfies readonly Column[];

/** https://compass.coupa.com/en-us/products/product-documentation/integration-technical-documentation/the-coupa-core-api/resources/transactional-resources/purchase-order-lines-api-(purchase_order_lines) */
export function mapPurchaseOrderLine(record: Buffer): Mapped {
  return mapRecord(record, 'id', (line, reader) => {
    const currency = reader.optionalObject(line, 'currency');
    const { line_id: _, updated_at: __, ...values } = mapLine(line, reader, '');
    return {
      kind: 'row',
      row: {
        line_id: reader.id(line, 'id'),
        po_id: reader.id(line, 'order-header-id'),
        po_number: reader.optionalId(line, 'order-header-number'),
        status: reader.optionalText(line, 'status'),
        ...values,
        currency: currency && reader.currency(currency, 'code', 'currency.'),
        received: reader.optionalDecimal(line, 'received'),
        need_by: reader.optionalInstant(line, 'need-by-date'),
        updated_at: reader.instant(line, 'updated-at'),
      },
    };
  });
}

/** A line, of which `at` says where it stands in the record that is read. */
export function mapLine(line: Fields, reader: RecordReader, at: string): OrderLine {
  const type = lineType(line, reader, at);
  const price =
    type === 'amount' ? reader.optionalDecimal(line, 'price', at) : reader.decimal(line, 'price', at);
  const quantity = type === 'amount' ? null : reader.decimal(line, 'quantity', at);
  const total = lineTotal(line, reader, at, price, quantity);
  return {
    line_id: reader.id(line, 'id', at) ?? '',
    line_num: reader.id(line, 'line-num', at) ?? '',
    type,
    description: reader.optionalText(line, 'description', at),
    price,
    quantity,
    total,
    invoiced: reader.optionalDecimal(line, 'invoiced', at),
    accounts: JSON.stringify(accountsOf(line, reader, at, total)),
    created_at: reader.optionalInstant(line, 'created-at', at),
    updated_at: reader.optionalInstant(line, 'updated-at', at),
  };
}

function lineType(line: Fields, reader: RecordReader, at: string): 'quantity' | 'amount' {
  const type = reader.optionalText(line, 'type', at);
  if (type === 'OrderAmountLine') return 'amount';
  if (type !== null && type !== 'OrderQuantityLine') {
    reader.report('unknown_line_type', `${at}type`, 'is neither OrderQuantityLine nor OrderAmountLine', type);
  }
  return 'quantity';
}

/** Coupa's own line total where it gives one, else price × quantity; an amount line's price is its total. */
function lineTotal(
  line: Fields,
  reader: RecordReader,
  at: string,
  price: string | null,
  quantity: string | null,
): string {
  const given = reader.optionalDecimal(line, 'total', at);
  if (given !== null) return given;
  if (price !== null) return quantity === null ? price : product(price, quantity);
  // A quantity line without a price has been reported already.
  if (line['type'] === 'OrderAmountLine') {
    reader.report('missing_key', `${at}total`, 'is missing, and so is the price', null);
  }
  return '0';
}

interface Account {
  readonly code: string | null;
  readonly amount: string | null;
  readonly pct: string | null;
}

/** Split billing where there is any, else the line's one account with the whole amount. */
function accountsOf(line: Fields, reader: RecordReader, at: string, total: string): readonly Account[] {
  const allocations = reader.optionalObjects(line, 'account-allocations', at);
  if (allocations.length > 0) {
    return allocations.map((part, index) => {
      const path = `${at}account-allocations.${index}.`;
      const account = reader.optionalObject(part, 'account', path);
      return {
        code: account && reader.optionalText(account, 'code', `${path}account.`),
        amount: reader.optionalDecimal(part, 'amount', path),
        pct: reader.optionalDecimal(part, 'pct', path),
      };
    });
  }
  const account = reader.optionalObject(line, 'account', at);
  if (account === null) return [];
  return [{ code: reader.optionalText(account, 'code', `${at}account.`), amount: total, pct: '100' }];
}
