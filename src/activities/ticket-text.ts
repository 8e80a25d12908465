import type { TicketBody } from '../connectors/port.js';
import { referenceWord } from '../control/intents.js';
import type { Rule } from '../quality/rule.js';
import { orderRules } from '../quality/rules/index.js';
import type { Discrepancy } from '../warehouse/port.js';

function ruleOf(name: string): Rule | undefined {
  return orderRules.find((rule) => rule.name === name);
}

function orderName(item: Discrepancy): string {
  return item.po_number ?? item.po_id;
}

function explain(item: Discrepancy): string {
  return ruleOf(item.rule)?.explain(item.evidence) ?? JSON.stringify(item.evidence);
}

/** The pre-filled ticket of one discrepancy: what is wrong, the evidence, the order, where it was found. */
export function ticketFor(item: Discrepancy, runUrl: string, reference: string): TicketBody {
  const rule = ruleOf(item.rule);
  return {
    kind: 'ticket',
    subject: `Purchase order ${orderName(item)}: ${rule?.title ?? item.rule}`,
    description: [
      explain(item),
      '',
      `Order: ${orderName(item)} (id ${item.po_id} in ${item.source})`,
      `Supplier: ${item.supplier_name ?? 'unknown'}`,
      `Status: ${item.status ?? 'unknown'}`,
      `Value: ${item.total ?? '?'} ${item.currency ?? ''}${item.total_usd === null ? '' : ` (${item.total_usd} in the reporting currency)`}`,
      `Rule: ${item.rule}`,
      `Found by: ${item.opened_run}`,
      runUrl,
      `${referenceWord}${reference}`,
      '',
      'This ticket is commented on and solved by itself when a later run finds the discrepancy gone.',
    ].join('\n'),
    priority: rule?.priority ?? 'normal',
    tags: ['baton', item.rule, `source-${item.source}`],
  };
}

/** The one ticket of `count` orders, of which some serve as examples. */
export function summaryFor(
  rule: string,
  items: readonly Discrepancy[],
  count: number,
  runUrl: string,
  reference: string,
): TicketBody {
  const shown = items.slice(0, 20).map((item) => `- ${orderName(item)}: ${explain(item).split('\n')[0]}`);
  return {
    kind: 'ticket',
    subject: `${count} purchase orders: ${ruleOf(rule)?.title ?? rule}`,
    description: [
      `One run found ${count} orders with the same finding (${rule}). The first of them:`,
      ...shown,
      ...(count > shown.length ? [`… and ${count - shown.length} more; all are listed with the run:`] : []),
      runUrl,
      `${referenceWord}${reference}`,
      '',
      'This ticket is commented on and solved by itself when the last of them is gone.',
    ].join('\n'),
    priority: 'high',
    tags: ['baton', rule, 'summary'],
  };
}

export function changedComment(item: Discrepancy): string {
  return `The discrepancy is still there, with new evidence:\n${explain(item)}`;
}

export function mendedComment(item: Discrepancy): string {
  return `Run ${item.resolved_run ?? 'unknown'} found this discrepancy gone (${item.rule} of order ${orderName(item)}). Solved.`;
}

export function returnedComment(item: Discrepancy): string {
  return `The discrepancy is back:\n${explain(item)}`;
}

export function supersededComment(item: Discrepancy): string {
  return `This discrepancy was gone and has come back (${item.rule} of order ${orderName(item)}): it has a new ticket. Solved.`;
}

export function summaryMendedComment(rule: string): string {
  return `The last of the orders that this ticket sums up (${rule}) is in order again. Solved.`;
}
