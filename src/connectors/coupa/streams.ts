import { purchaseOrderColumns } from '../../domain/purchase-order.js';
import { orderTotalColumns } from '../order-total.js';
import type { Stream } from '../port.js';
import { exchangeRateColumns, mapExchangeRate } from './exchange-rate.js';
import { invoiceColumns, mapInvoice } from './invoice.js';
import { mapPurchaseOrder } from './purchase-order.js';
import { mapPurchaseOrderLine, purchaseOrderLineColumns } from './purchase-order-line.js';
import { mapPurchaseOrderTotal, totalsFields } from './purchase-order-totals.js';
import { coupaStream } from './stream.js';
import { mapSupplier, supplierColumns } from './supplier.js';

const docs =
  'https://compass.coupa.com/en-us/products/product-documentation/integration-technical-documentation/the-coupa-core-api/resources';

const purchaseOrders = {
  docs: `${docs}/transactional-resources/purchase-orders-api-(purchase_orders)`,
  scope: 'core.purchase_order.read',
  mode: 'incremental',
  path: '/api/purchase_orders',
  versionColumn: 'updated_at',
} as const;

/** Streams whose flag `exported` may be ours to set, and the scope that it takes. */
export const flagged = {
  purchase_orders: 'core.purchase_order.write',
  invoices: 'core.invoice.write',
} as const;
export type Flagged = keyof typeof flagged;

/** Every stream; `marked` are those whose records are marked as exported when they were taken over. */
export function coupaStreams(marked: readonly Flagged[]) {
  return {
    purchase_orders: coupaStream({
      ...purchaseOrders,
      name: 'purchase_orders',
      columns: purchaseOrderColumns,
      leavesOut: { field: 'status', value: 'draft' },
      isMarked: marked.includes('purchase_orders'),
      map: mapPurchaseOrder,
    }),
    purchase_order_totals: coupaStream({
      ...purchaseOrders,
      name: 'purchase_order_totals',
      fields: totalsFields,
      columns: orderTotalColumns,
      map: mapPurchaseOrderTotal,
    }),
    purchase_order_lines: coupaStream({
      name: 'purchase_order_lines',
      docs: `${docs}/transactional-resources/purchase-order-lines-api-(purchase_order_lines)`,
      scope: 'core.purchase_order.read',
      mode: 'incremental',
      path: '/api/purchase_order_lines',
      columns: purchaseOrderLineColumns,
      versionColumn: 'updated_at',
      map: mapPurchaseOrderLine,
    }),
    suppliers: coupaStream({
      name: 'suppliers',
      docs: `${docs}/reference-data-resources/suppliers-api-(suppliers)`,
      scope: 'core.supplier.read',
      mode: 'incremental',
      path: '/api/suppliers',
      columns: supplierColumns,
      versionColumn: 'updated_at',
      map: mapSupplier,
    }),
    invoices: coupaStream({
      name: 'invoices',
      docs: `${docs}/transactional-resources/invoices-api-(invoices)`,
      scope: 'core.invoice.read',
      mode: 'incremental',
      path: '/api/invoices',
      columns: invoiceColumns,
      versionColumn: 'updated_at',
      isMarked: marked.includes('invoices'),
      map: mapInvoice,
    }),
    exchange_rates: coupaStream({
      name: 'exchange_rates',
      docs: `${docs}/reference-data-resources/exchange-rates-api-(exchange_rates)`,
      scope: 'core.common.read',
      mode: 'full',
      path: '/api/exchange_rates',
      columns: exchangeRateColumns,
      versionColumn: null,
      map: mapExchangeRate,
    }),
  } as const satisfies Record<string, Stream>;
}
