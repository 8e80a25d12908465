import type { Column, Mapped } from '../../domain/columns.js';
import { mapRecord } from '../record.js';

/** Coupa leaves `total` out unless it is asked for by name. */
export const totalsFields = ['id', 'updated-at', { currency: ['code'] }, 'total'];

export const totalsColumns = [
  { name: 'po_id', type: 'text' },
  { name: 'header_total', type: 'numeric', description: 'the total as the order’s header gives it' },
  { name: 'currency', type: 'text', nullable: true },
  { name: 'updated_at', type: 'timestamp' },
] as const satisfies readonly Column[];

export function mapPurchaseOrderTotal(record: Buffer): Mapped {
  return mapRecord(record, 'id', (order, reader) => {
    const currency = reader.optionalObject(order, 'currency');
    return {
      kind: 'row',
      row: {
        po_id: reader.id(order, 'id'),
        header_total: reader.decimal(order, 'total'),
        currency: currency && reader.currency(currency, 'code', 'currency.'),
        updated_at: reader.instant(order, 'updated-at'),
      },
    };
  });
}
