import type { Column, Mapped } from '../../domain/columns.js';
import { mapRecord } from '../record.js';

export const supplierColumns = [
  { name: 'supplier_id', type: 'text' },
  { name: 'name', type: 'text' },
  { name: 'number', type: 'text', nullable: true },
  { name: 'status', type: 'text', nullable: true, description: 'active or inactive, in Coupa’s words' },
  { name: 'on_hold', type: 'boolean', nullable: true },
  { name: 'updated_at', type: 'timestamp' },
] as const satisfies readonly Column[];

export function mapSupplier(record: Buffer): Mapped {
  return mapRecord(record, 'id', (supplier, reader) => ({
    kind: 'row',
    row: {
      supplier_id: reader.id(supplier, 'id'),
      name: reader.text(supplier, 'name'),
      number: reader.optionalId(supplier, 'number'),
      status: reader.optionalText(supplier, 'status'),
      on_hold: reader.optionalBoolean(supplier, 'on-hold'),
      updated_at: reader.instant(supplier, 'updated-at'),
    },
  }));
}
