import type { Column, Mapped } from '../../domain/columns.js';
import { mapRecord } from '../record.js';
import { currencyOf, networkInstant, networkMoney } from './network-values.js';

export const networkOrderColumns = [
  { name: 'order_key', type: 'text', description: 'payload id and revision' },
  { name: 'document_number', type: 'text' },
  { name: 'revision', type: 'text', nullable: true },
  { name: 'payload_id', type: 'text' },
  { name: 'order_date', type: 'timestamp', nullable: true },
  { name: 'created_at', type: 'timestamp' },
  { name: 'status', type: 'text', nullable: true, description: 'the state of the order at the supplier' },
  { name: 'document_status', type: 'text', nullable: true },
  { name: 'supplier_name', type: 'text', nullable: true },
  { name: 'supplier_network_id', type: 'text', nullable: true },
  { name: 'buyer_network_id', type: 'text', nullable: true },
  { name: 'customer_name', type: 'text', nullable: true },
  { name: 'system_id', type: 'text', nullable: true },
  { name: 'company_code', type: 'text', nullable: true },
  { name: 'amount', type: 'numeric', nullable: true },
  { name: 'currency', type: 'text', nullable: true },
  { name: 'invoice_count', type: 'integer', nullable: true },
  { name: 'invoiced_amount', type: 'numeric', nullable: true },
] as const satisfies readonly Column[];

/** An order as suppliers get it over the Network; each of its revisions is a row. */
export function mapNetworkOrder(record: Buffer): Mapped {
  return mapRecord(record, 'payloadId', (order, reader) => {
    const payload = reader.id(order, 'payloadId');
    const revision = reader.optionalId(order, 'revision');
    const total = networkMoney(order, reader, ['amount', 'poAmount']);
    const invoiced = networkMoney(order, reader, ['invoicedAmount']);
    return {
      kind: 'row',
      row: {
        order_key: payload === null || revision === null ? payload : `${payload} ${revision}`,
        document_number: reader.id(order, 'documentNumber'),
        revision,
        payload_id: payload,
        order_date: networkInstant(order, reader, 'orderDate'),
        created_at: reader.text(order, 'created') === null ? null : networkInstant(order, reader, 'created'),
        status: reader.optionalText(order, 'status'),
        document_status: reader.optionalText(order, 'documentStatus'),
        supplier_name: reader.optionalText(order, 'supplierName'),
        supplier_network_id: reader.optionalId(order, 'supplierANID'),
        buyer_network_id: reader.optionalId(order, 'buyerANID'),
        customer_name: reader.optionalText(order, 'customerName'),
        system_id: reader.optionalId(order, 'systemId'),
        company_code: reader.optionalId(order, 'companyCode'),
        amount: total.amount,
        currency: total.currency ?? invoiced.currency ?? currencyOf(order, reader),
        invoice_count: reader.optionalInteger(order, 'numberOfInvoices'),
        invoiced_amount: invoiced.amount,
      },
    };
  });
}
