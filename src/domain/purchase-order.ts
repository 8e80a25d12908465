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
  {
    name: 'lines',
    type: 'json',
    description:
      'array of {line_id, line_num, type: quantity|amount, description, price, quantity, total, invoiced, accounts, created_at, updated_at}, decimals as text',
  },
] as const satisfies readonly Column[];

export interface OrderLine {
  readonly line_id: string;
  readonly line_num: string;
  readonly type: 'quantity' | 'amount';
  readonly description: string | null;
  readonly price: string | null;
  readonly quantity: string | null;
  /** The vendor's line total where it gives one, else price × quantity; decimal text. */
  readonly total: string;
  readonly invoiced: string | null;
  /** Split billing: one entry per account; empty when the vendor names none. */
  readonly accounts: readonly {
    readonly code: string | null;
    readonly amount: string | null;
    readonly pct: string | null;
  }[];
  readonly created_at: string | null;
  readonly updated_at: string | null;
}
