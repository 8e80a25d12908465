import type { Mapped } from '../../domain/columns.js';
import type { OrderLine, OrderStatus } from '../../domain/purchase-order.js';
import { product, sum } from '../decimal-text.js';
import type { Parameters } from '../port.js';
import { type Fields, mapRecord, type RecordReader } from '../record.js';

/** The custom field that names our customer, unless the pipeline binds `customerField` to another. */
const defaultCustomerField = 'cus_CustomerAccountId';

/** Ariba's states in Baton's words; what is being composed is not an order yet. */
const statuses: Statuses = {
  Composing: 'draft',
  Submitted: 'pending_approval',
  Approved: 'pending_approval',
  Ordering: 'open',
  Ordered: 'open',
  Receiving: 'open',
  Received: 'closed',
  Invoiced: 'closed',
  Closed: 'closed',
  Canceling: 'open',
  Canceled: 'cancelled',
  Denied: 'cancelled',
  Failed: 'error',
};

export type Statuses = Readonly<Record<string, OrderStatus | 'draft'>>;

/** Maps an order; `more` are states of the realm's own, and what they mean. */
export function orderMapper(more: Statuses = {}): (record: Buffer, parameters?: Parameters) => Mapped {
  const known = new Map(Object.entries({ ...statuses, ...more }));
  return (record, parameters) =>
    mapRecord(record, 'UniqueName', (order, reader) => {
      const word = reader.text(order, 'StatusString');
      const status =
        word === null
          ? null
          : (known.get(word) ??
            reader.report('unknown_status', 'StatusString', 'is none of the states that are mapped', word));
      const id = reader.id(order, 'UniqueName');
      if (status === 'draft' && id !== null) return { kind: 'filtered', reason: 'draft', id };
      const currency = currencyOf(order, reader);
      const lines = reader
        .objects(order, 'LineItems')
        .map((line, index) => mapLine(line, reader, `LineItems.${index}.`, currency));
      reportDoubledLines(lines, reader);
      const supplier = reader.optionalObject(order, 'Supplier');
      return {
        kind: 'row',
        row: {
          po_id: id,
          po_number: id,
          status,
          vendor_status: word,
          version: reader.optionalInteger(order, 'VersionNumber'),
          supplier_id: supplier && reader.optionalId(supplier, 'UniqueName', 'Supplier.'),
          supplier_name: supplier && reader.optionalText(supplier, 'Name', 'Supplier.'),
          customer_account_id: reader.optionalId(
            order,
            parameters?.['customerField'] ?? defaultCustomerField,
          ),
          currency,
          total: sum(lines.map((line) => line.total)),
          line_count: String(lines.length),
          created_at: reader.instant(order, 'TimeCreated'),
          updated_at: reader.instant(order, 'TimeUpdated'),
        },
        lines,
      };
    });
}

/** Of the order's total; where the view leaves that out, of its first line. */
function currencyOf(order: Fields, reader: RecordReader): string | null {
  const total = reader.optionalObject(order, 'TotalCost');
  if (total !== null) return moneyCurrency(total, reader, 'TotalCost.');
  const [line] = reader.optionalObjects(order, 'LineItems');
  const amount = line === undefined ? null : reader.optionalObject(line, 'Amount', 'LineItems.0.');
  if (amount !== null) return moneyCurrency(amount, reader, 'LineItems.0.Amount.');
  return reader.report('missing_key', 'TotalCost', 'is missing, and so is the first line’s Amount', null);
}

export function moneyCurrency(money: Fields, reader: RecordReader, at: string): string | null {
  const currency = reader.object(money, 'Currency', at);
  return currency && reader.currency(currency, 'UniqueName', `${at}Currency.`);
}

function mapLine(line: Fields, reader: RecordReader, at: string, currency: string | null): OrderLine {
  const described = reader.optionalObject(line, 'Description', at);
  const price = described && reader.optionalObject(described, 'Price', `${at}Description.`);
  const amount = reader.optionalObject(line, 'Amount', at);
  const unitPrice = price && reader.decimal(price, 'Amount', `${at}Description.Price.`);
  const quantity = reader.optionalDecimal(line, 'Quantity', at);
  if (price !== null) reportOtherCurrency(price, reader, `${at}Description.Price.`, currency);
  if (amount !== null) reportOtherCurrency(amount, reader, `${at}Amount.`, currency);
  const number = reader.id(line, 'NumberInCollection', at) ?? '';
  return {
    line_id: number,
    line_num: number,
    type: quantity === null ? 'amount' : 'quantity',
    description: described && reader.optionalText(described, 'Description', `${at}Description.`),
    price: unitPrice,
    quantity,
    total: lineTotal(amount, reader, at, unitPrice, quantity),
    invoiced: null,
    accounts: '[]',
    created_at: null,
    updated_at: null,
  };
}

/** Ariba's own amount of the line where the view has it, else price × quantity. */
function lineTotal(
  amount: Fields | null,
  reader: RecordReader,
  at: string,
  price: string | null,
  quantity: string | null,
): string {
  if (amount !== null) return reader.decimal(amount, 'Amount', `${at}Amount.`) ?? '0';
  if (price !== null && quantity !== null) return product(price, quantity);
  reader.report('missing_key', `${at}Amount`, 'is missing, and so is the price or the quantity', null);
  return '0';
}

/** Amounts of two currencies cannot be added up. */
function reportOtherCurrency(money: Fields, reader: RecordReader, at: string, currency: string | null): void {
  const own = reader.optionalObject(money, 'Currency', at);
  const code = own && reader.currency(own, 'UniqueName', `${at}Currency.`);
  if (code === null || currency === null || code === currency) return;
  reader.report('mixed_currencies', `${at}Currency`, `is not the order’s currency, ${currency}`, code);
}

/** A line is known by its number within the order. One without a number is reported already. */
function reportDoubledLines(lines: readonly OrderLine[], reader: RecordReader): void {
  const ids = lines.map(({ line_id: id }) => id).filter((id) => id !== '');
  const doubled = ids.find((id, index) => ids.indexOf(id) !== index);
  if (doubled === undefined) return;
  reader.report('doubled_line', 'LineItems', `has more than one line with the number ${doubled}`, doubled);
}
