import type { Column, Mapped } from '../../domain/columns.js';
import { mapRecord } from '../record.js';
import { moneyCurrency } from './purchase-order.js';

export const totalsColumns = [
  { name: 'po_id', type: 'text' },
  { name: 'header_total', type: 'numeric', description: 'the total as the order’s header gives it' },
  { name: 'currency', type: 'text', nullable: true },
  { name: 'updated_at', type: 'timestamp' },
] as const satisfies readonly Column[];

export function mapPurchaseOrderTotal(record: Buffer): Mapped {
  return mapRecord(record, 'UniqueName', (order, reader) => {
    const total = reader.object(order, 'TotalCost');
    return {
      kind: 'row',
      row: {
        po_id: reader.id(order, 'UniqueName'),
        header_total: total && reader.decimal(total, 'Amount', 'TotalCost.'),
        currency: total && moneyCurrency(total, reader, 'TotalCost.'),
        updated_at: reader.instant(order, 'TimeUpdated'),
      },
    };
  });
}
