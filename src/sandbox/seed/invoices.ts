import { isoWithOffset } from '../clock.js';
import { currencyInfo } from '../rates/currencies.js';
import { Draw } from '../rng.js';
import { anchorMs, dayMs, invoiceIdBase, streams } from './frame.js';
import { decimal, excess, type LineSpec, orderLines } from './order-lines.js';
import { currencyReference, lineId, poNumber } from './order-record.js';
import type { Invoicing, OrderHeader } from './orders.js';
import { type CoupaRecord, supplierReference } from './suppliers.js';

/** One document of an order: which share of which line, in tenths of the line's total or as the excess. */
interface Part {
  readonly type: 'Invoice' | 'Credit Note';
  readonly status: 'approved' | 'voided';
  readonly share: 'half' | 'rest' | 'all' | 'excess' | 'minus_excess';
}

const approved = (share: Part['share']): Part => ({ type: 'Invoice', status: 'approved', share });

const partsOf: Readonly<Record<Invoicing, readonly Part[]>> = {
  none: [],
  half: [approved('half')],
  full: [approved('half'), approved('rest')],
  over: [approved('all'), approved('excess')],
  credited: [
    approved('all'),
    approved('excess'),
    { type: 'Credit Note', status: 'approved', share: 'minus_excess' },
  ],
  voided: [approved('all'), { type: 'Invoice', status: 'voided', share: 'excess' }],
};

export function invoiceCount(invoicing: Invoicing): number {
  return partsOf[invoicing].length;
}

export interface InvoiceSpec {
  readonly id: number;
  readonly order: OrderHeader;
  readonly ordinal: number;
}

export function invoiceId(index: number): number {
  return invoiceIdBase + index;
}

export function invoiceUpdatedMs(seed: number, spec: InvoiceSpec): number {
  const draw = new Draw(seed, streams.invoice, spec.id);
  const ms = spec.order.createdMs + (spec.ordinal + 1) * draw.int(3_600, 2 * 86_400) * 1000;
  return Math.min(ms, anchorMs - draw.int(1, 6 * 3600) * 1000);
}

export function invoiceStatus(spec: InvoiceSpec): string {
  return partsOf[spec.order.invoicing][spec.ordinal]?.status ?? 'approved';
}

function amountOf(line: LineSpec, share: Part['share']): number {
  const half = Math.floor(line.total / 2);
  if (share === 'half') return half;
  if (share === 'rest') return line.total - half;
  if (share === 'all') return line.total;
  if (line.number !== 1) return 0;
  return share === 'excess' ? excess(line.total) : -excess(line.total);
}

function invoiceLine(spec: InvoiceSpec, line: LineSpec, amount: number, decimals: number): CoupaRecord {
  return {
    id: spec.id * 10 + line.number,
    'line-num': line.number,
    'po-number': poNumber(spec.order.id),
    'order-header-num': poNumber(spec.order.id),
    'order-line-id': lineId(spec.order.id, line.number),
    type: 'InvoiceAmountLine',
    price: decimal(amount, decimals),
    quantity: null,
    total: decimal(amount, decimals),
  };
}

/** The invoice in Coupa's words. Credit notes carry negative amounts. */
export function invoiceRecord(seed: number, spec: InvoiceSpec): CoupaRecord {
  const part = partsOf[spec.order.invoicing][spec.ordinal] ?? approved('all');
  const { decimals } = currencyInfo(spec.order.currency);
  const amounts = orderLines(seed, spec.order).map((line) => ({ line, amount: amountOf(line, part.share) }));
  const billed = amounts.filter(({ amount }) => amount !== 0);
  const total = decimal(
    billed.reduce((sum, { amount }) => sum + amount, 0),
    decimals,
  );
  const updatedMs = invoiceUpdatedMs(seed, spec);
  const number = `INV-${spec.id}`;
  return {
    id: spec.id,
    'created-at': isoWithOffset(updatedMs, spec.order.offsetMinutes),
    'updated-at': isoWithOffset(updatedMs, spec.order.offsetMinutes),
    'invoice-number': number,
    'invoice-date': isoWithOffset(updatedMs - (updatedMs % dayMs), 0),
    'document-type': part.type,
    status: part.status,
    paid: false,
    'payment-date': null,
    exported: false,
    'last-exported-at': null,
    canceled: part.status === 'voided',
    currency: currencyReference(spec.order.currency),
    supplier: supplierReference(spec.order.supplierId),
    'gross-total': total,
    'total-with-taxes': total,
    'tax-amount': decimal(0, decimals),
    'handling-amount': decimal(0, decimals),
    'net-due-date': isoWithOffset(updatedMs - (updatedMs % dayMs) + 30 * dayMs, 0),
    'payment-term': { id: 3, code: 'NET30' },
    'original-invoice-number': part.type === 'Credit Note' ? `INV-${spec.id - 1}` : null,
    'invoice-lines': billed.map(({ line, amount }) => invoiceLine(spec, line, amount, decimals)),
  };
}
