import { purchaseOrderColumns } from '../../domain/purchase-order.js';
import { type FreshworksStreamSpec, freshworksStream, since } from '../freshworks/stream.js';
import { mapTicket, ticketColumns } from '../freshworks/tickets.js';
import { pageNumberPaginator } from '../paging/counted.js';
import { listsPaginator } from '../paging/lists.js';
import type { Stream } from '../port.js';
import { assetColumns, mapAsset } from './asset.js';
import { mapPurchaseOrder } from './purchase-order.js';
import { mapVendor, vendorColumns } from './vendor.js';

const byNumber = { page: 'page', size: 'per_page' } as const;

/** Assets are filtered by the day, so a day more is read: `"updated_at:>'2026-06-01'"`. */
function changedSince(from: string | null): Readonly<Record<string, string>> {
  if (from === null) return {};
  const day = new Date(Date.parse(from) - 86_400_000).toISOString().slice(0, 10);
  return { filter: `"updated_at:>'${day}'"` };
}

/** Lists that know no time: each run reads all of it. */
function whole(
  spec: Pick<FreshworksStreamSpec, 'name' | 'docs' | 'path' | 'member' | 'scope' | 'columns' | 'map'>,
): Stream {
  const paginator = pageNumberPaginator(spec.name, byNumber);
  return freshworksStream({ ...spec, query: {}, since: null, paginator });
}

export const freshserviceStreams: Readonly<Record<string, Stream>> = {
  tickets: freshworksStream({
    name: 'tickets',
    docs: 'https://api.freshservice.com/#view_all_ticket',
    scope: 'view tickets',
    path: '/api/v2/tickets',
    member: 'tickets',
    query: { order_type: 'asc', include: 'stats' },
    since: since('updated_since'),
    // Deleted ones are in no list but their own.
    paginator: listsPaginator('tickets', pageNumberPaginator('tickets', byNumber), {
      lists: [{}, { filter: 'deleted' }],
    }),
    columns: ticketColumns,
    deletedColumn: 'is_deleted',
    map: mapTicket,
  }),
  assets: freshworksStream({
    name: 'assets',
    docs: 'https://api.freshservice.com/#list_all_assets',
    scope: 'view assets',
    path: '/api/v2/assets',
    member: 'assets',
    query: { include: 'type_fields' },
    since: changedSince,
    paginator: pageNumberPaginator('assets', byNumber),
    primaryKey: 'display_id',
    columns: assetColumns,
    map: mapAsset,
  }),
  purchase_orders: whole({
    name: 'purchase_orders',
    docs: 'https://api.freshservice.com/#list_all_purchase_order',
    scope: 'view purchase orders',
    path: '/api/v2/purchase_orders',
    member: 'purchase_orders',
    columns: purchaseOrderColumns,
    map: mapPurchaseOrder,
  }),
  suppliers: whole({
    name: 'suppliers',
    docs: 'https://api.freshservice.com/#list_all_vendors',
    scope: 'view vendors',
    path: '/api/v2/vendors',
    member: 'vendors',
    columns: vendorColumns,
    map: mapVendor,
  }),
};
