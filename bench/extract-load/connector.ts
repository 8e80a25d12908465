import { coupa } from '../../src/connectors/coupa/index.js';
import { mapPurchaseOrder } from '../../src/connectors/coupa/purchase-order.js';
import { type CoupaStreamSpec, coupaStream } from '../../src/connectors/coupa/stream.js';
import { mapSupplier, supplierColumns } from '../../src/connectors/coupa/supplier.js';
import { type Connector, defineConnector } from '../../src/connectors/port.js';
import { purchaseOrderColumns } from '../../src/domain/purchase-order.js';

/** The `type` of the bench's connection. */
export const benchType = 'coupa-bench';

/** Coupa in every part but the size of its pages: Coupa itself gives 50 at most. */
export function benchConnector(pageSize: number): Connector {
  const list: Pick<CoupaStreamSpec, 'mode' | 'versionColumn' | 'docs' | 'pageSize'> = {
    mode: 'incremental',
    versionColumn: 'updated_at',
    docs: coupa.streams['purchase_orders']?.docs ?? '',
    pageSize,
  };
  return defineConnector({
    ...coupa,
    type: benchType,
    streams: {
      purchase_orders: coupaStream({
        ...list,
        name: 'purchase_orders',
        scope: 'core.purchase_order.read',
        path: '/api/purchase_orders',
        columns: purchaseOrderColumns,
        map: mapPurchaseOrder,
      }),
      suppliers: coupaStream({
        ...list,
        name: 'suppliers',
        scope: 'core.supplier.read',
        path: '/api/suppliers',
        columns: supplierColumns,
        map: mapSupplier,
      }),
    },
  });
}
