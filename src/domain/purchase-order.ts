import type { Column } from './columns.js';

/**
 * Baton's own vocabulary of purchase-order states, whatever the vendor calls them.
 * Drafts are filtered before they are loaded.
 */
export const orderStatuses = ['pending_approval', 'on_hold', 'open', 'error', 'closed', 'cancelled'] as const;
export type OrderStatus = (typeof orderStatuses)[number];

/** The canonical order: what each procurement connector's mapper yields, and what the warehouse stages. */
export const purchaseOrderColumns = [
  { name: 'po_id', type: 'text', description: 'the vendor’s id of the order' },
  { name: 'po_number', type: 'text' },
  { name: 'status', type: 'text', description: 'one of orderStatuses' },
  { name: 'vendor_status', type: 'text', description: 'the status in the vendor’s own words' },
  { name: 'version', type: 'integer', nullable: true },
  { name: 'supplier_id', type: 'text', nullable: true },
  { name: 'supplier_name', type: 'text', nullable: true, description: 'as written on the order' },
  { name: 'customer_account_id', type: 'text', nullable: true },
  { name: 'currency', type: 'text', description: 'ISO 4217' },
  { name: 'total', type: 'numeric', description: 'sum of the line totals, in the order’s currency' },
  { name: 'line_count', type: 'integer' },
  { name: 'created_at', type: 'timestamp' },
  { name: 'updated_at', type: 'timestamp' },
] as const satisfies readonly Column[];

/** A line of an order. Its id is unique within the order. */
export const orderLineColumns = [
  { name: 'line_id', type: 'text' },
  { name: 'line_num', type: 'text', nullable: true },
  { name: 'type', type: 'text', description: 'quantity or amount' },
  { name: 'description', type: 'text', nullable: true },
  { name: 'price', type: 'numeric', nullable: true },
  { name: 'quantity', type: 'numeric', nullable: true },
  {
    name: 'total',
    type: 'numeric',
    description: 'the vendor’s line total where it gives one, else price × quantity',
  },
  { name: 'invoiced', type: 'numeric', nullable: true },
  {
    name: 'accounts',
    type: 'json',
    description:
      'array of {code, amount, pct}, decimals as text: one entry per account; empty when none is named',
  },
  { name: 'created_at', type: 'timestamp', nullable: true },
  { name: 'updated_at', type: 'timestamp', nullable: true },
] as const satisfies readonly Column[];

export type OrderLine = Readonly<Record<(typeof orderLineColumns)[number]['name'], string | null>> & {
  readonly line_id: string;
  readonly total: string;
};
