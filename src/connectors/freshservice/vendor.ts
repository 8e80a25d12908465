import type { Column, Mapped } from '../../domain/columns.js';
import { mapRecord } from '../record.js';

/** What Freshservice calls vendors, as orders are checked against them. */
export const vendorColumns = [
  { name: 'supplier_id', type: 'text' },
  { name: 'name', type: 'text' },
  { name: 'updated_at', type: 'timestamp' },
] as const satisfies readonly Column[];

export function mapVendor(record: Buffer): Mapped {
  return mapRecord(record, 'id', (vendor, reader) => ({
    kind: 'row',
    row: {
      supplier_id: reader.id(vendor, 'id'),
      name: reader.text(vendor, 'name'),
      updated_at: reader.instant(vendor, 'updated_at'),
    },
  }));
}
