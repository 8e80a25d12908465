import type { Receipt, TicketCounts } from '../../protocol/run.js';
import { formatCount, formatCounted, type Style } from '../render/style.js';

/** `3 000 read = 2 900 loaded + 60 unchanged + …`, leaving out what is nothing. */
export function receiptLines(
  receipt: Receipt,
  tickets: TicketCounts | null,
  style: Style,
): readonly string[] {
  const parts = (['loaded', 'unchanged', 'quarantined', 'duplicate', 'stale', 'filtered', 'waiting'] as const)
    .map((name) => ({ name, count: receipt[name] ?? 0 }))
    .filter(({ count }) => count > 0)
    .map(({ name, count }) => `${formatCount(count)} ${name}`);
  const sum = parts.length === 0 ? '' : ` = ${parts.join(' + ')}`;
  return [
    `  ${style.dim('records ')}  ${formatCount(receipt.read)} read${sum}`,
    `  ${style.dim('requests')}  ${formatCounted(receipt.calls, 'calls')}, ${formatCounted(receipt.pages, 'pages')}`,
    ...(tickets === null ? [] : [`  ${style.dim('tickets ')}  ${ticketWords(tickets)}`]),
  ];
}

export function ticketWords({ opened, updated, resolved }: TicketCounts): string {
  return `${formatCount(opened)} opened, ${formatCount(updated)} updated, ${formatCount(resolved)} resolved`;
}
