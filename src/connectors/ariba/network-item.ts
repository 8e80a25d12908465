import type { Column, Mapped } from '../../domain/columns.js';
import { mapRecord } from '../record.js';
import { currencyOf, networkMoney } from './network-values.js';

export const networkItemColumns = [
  { name: 'item_key', type: 'text', description: 'document number and line number' },
  { name: 'document_number', type: 'text' },
  { name: 'line_number', type: 'text' },
  { name: 'description', type: 'text', nullable: true },
  { name: 'quantity', type: 'numeric', nullable: true },
  { name: 'unit_price', type: 'numeric', nullable: true },
  { name: 'amount', type: 'numeric', nullable: true },
  { name: 'currency', type: 'text', nullable: true },
] as const satisfies readonly Column[];

/** A line of an order, as its latest revision has it. */
export function mapNetworkItem(record: Buffer): Mapped {
  return mapRecord(record, 'documentNumber', (item, reader) => {
    const order = reader.id(item, 'documentNumber');
    const line = reader.id(item, 'lineNumber');
    const price = networkMoney(item, reader, ['unitPrice']);
    const total = networkMoney(item, reader, ['amount', 'subTotal']);
    return {
      kind: 'row',
      row: {
        item_key: order === null || line === null ? null : `${order} ${line}`,
        document_number: order,
        line_number: line,
        description: reader.optionalText(item, 'description'),
        quantity: reader.optionalDecimal(item, 'quantity'),
        unit_price: price.amount,
        amount: total.amount,
        currency: total.currency ?? price.currency ?? currencyOf(item, reader),
      },
    };
  });
}
