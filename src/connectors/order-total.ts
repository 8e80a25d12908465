import type { Column, Mapped, Row } from '../domain/columns.js';
import { type Fields, mapRecord, type RecordReader } from './record.js';

export const orderTotalColumns = [
  { name: 'po_id', type: 'text' },
  { name: 'header_total', type: 'numeric', description: 'the total as the order’s header gives it' },
  { name: 'currency', type: 'text', nullable: true },
  { name: 'updated_at', type: 'timestamp' },
] as const satisfies readonly Column[];

type OrderTotal = Pick<Row, 'header_total' | 'currency' | 'updated_at'>;

/** Maps an order to what its header says of its total; `key`: the name of its id. */
export function orderTotalMapper(key: string, read: (order: Fields, reader: RecordReader) => OrderTotal) {
  return (record: Buffer): Mapped =>
    mapRecord(record, key, (order, reader) => ({
      kind: 'row',
      row: { po_id: reader.id(order, key), ...read(order, reader) },
    }));
}
