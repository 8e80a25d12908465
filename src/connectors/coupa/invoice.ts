import type { Column, Mapped } from '../../domain/columns.js';
import { type Fields, mapRecord, type RecordReader } from '../record.js';

export const invoiceColumns = [
  { name: 'invoice_id', type: 'text' },
  { name: 'invoice_number', type: 'text', nullable: true },
  { name: 'document_type', type: 'text', description: 'Invoice or Credit Note' },
  { name: 'status', type: 'text', description: 'in Coupa’s words' },
  { name: 'canceled', type: 'boolean', nullable: true },
  { name: 'currency', type: 'text' },
  { name: 'supplier_id', type: 'text', nullable: true },
  { name: 'gross_total', type: 'numeric', nullable: true },
  {
    name: 'lines',
    type: 'json',
    description:
      'array of {line_id, po_number, order_line_id, order_id, quantity, price, total}, decimals as text',
  },
  { name: 'updated_at', type: 'timestamp' },
] as const satisfies readonly Column[];

export interface InvoiceLine {
  readonly line_id: string;
  readonly po_number: string | null;
  readonly order_line_id: string | null;
  readonly order_id: string | null;
  readonly quantity: string | null;
  readonly price: string | null;
  /** As the document gives it: negative on credit notes. */
  readonly total: string | null;
}

export function mapInvoice(record: Buffer): Mapped {
  return mapRecord(record, 'id', (invoice, reader) => {
    const currency = reader.object(invoice, 'currency');
    const supplier = reader.optionalObject(invoice, 'supplier');
    const lines = reader
      .objects(invoice, 'invoice-lines')
      .map((line, index) => mapLine(line, reader, `invoice-lines.${index}.`));
    return {
      kind: 'row',
      row: {
        invoice_id: reader.id(invoice, 'id'),
        invoice_number: reader.optionalId(invoice, 'invoice-number'),
        document_type: documentType(invoice, reader),
        status: reader.text(invoice, 'status'),
        canceled: reader.optionalBoolean(invoice, 'canceled'),
        currency: currency && reader.currency(currency, 'code', 'currency.'),
        supplier_id: supplier && reader.optionalId(supplier, 'id', 'supplier.'),
        gross_total: reader.optionalDecimal(invoice, 'gross-total'),
        lines: JSON.stringify(lines),
        updated_at: reader.instant(invoice, 'updated-at'),
      },
    };
  });
}

function documentType(invoice: Fields, reader: RecordReader): string | null {
  const type = reader.text(invoice, 'document-type');
  if (type === null || type === 'Invoice' || type === 'Credit Note') return type;
  return reader.report('unknown_document_type', 'document-type', 'is neither Invoice nor Credit Note', type);
}

function mapLine(line: Fields, reader: RecordReader, at: string): InvoiceLine {
  return {
    line_id: reader.id(line, 'id', at) ?? '',
    po_number: reader.optionalId(line, 'po-number', at),
    order_line_id: reader.optionalId(line, 'order-line-id', at),
    order_id: reader.optionalId(line, 'order-header-id', at),
    quantity: reader.optionalDecimal(line, 'quantity', at),
    price: reader.optionalDecimal(line, 'price', at),
    total: reader.optionalDecimal(line, 'total', at),
  };
}
