import type { TicketBody, TicketUpdate } from '../port.js';

/** A case’s states in the words of the organisation, whose list is its own. */
export interface Statuses {
  readonly open: string;
  readonly solved: string;
}

/** The states that every new organisation has. */
export const standardStatuses: Statuses = { open: 'New', solved: 'Closed' };

/** Most characters, and for a comment bytes, that Salesforce takes. */
const most = { subject: 255, description: 32_000, commentBytes: 4_000 };

/** The standard list has nothing above high. */
const priorities = {
  low: 'Low',
  normal: 'Medium',
  high: 'High',
  urgent: 'High',
} as const satisfies Record<TicketBody['priority'], string>;

type Fields = Readonly<Record<string, unknown>>;

/** What a new case holds, but for its key. Its state is left to the organisation: a repeat must not reopen it. */
export function caseOf(body: TicketBody): Fields {
  const tags = body.tags.length === 0 ? '' : `\n\nTags: ${body.tags.join(', ')}`;
  return {
    Subject: cut(body.subject, most.subject, charsOf),
    Description: `${cut(body.description, most.description - tags.length, charsOf)}${tags}`,
    Priority: priorities[body.priority],
    Origin: 'Web',
  };
}

/** The ticket that a case was made of; what was cut off then stays away. */
export function bodyOf(found: Fields): TicketBody {
  const text = String(found['Description'] ?? '');
  const [, description = text, tags] = /^([\s\S]*)\n\nTags: (.+)$/.exec(text) ?? [];
  const priority = Object.entries(priorities).find(([, word]) => word === found['Priority']);
  return {
    kind: 'ticket',
    subject: String(found['Subject'] ?? ''),
    description,
    priority: (priority?.[0] as TicketBody['priority'] | undefined) ?? 'normal',
    tags: tags === undefined ? [] : tags.split(', '),
  };
}

/** The fields that an update sets, absolutely; empty when it only comments. */
export function changesOf(
  status: TicketUpdate['status'],
  priority: TicketUpdate['priority'],
  statuses: Statuses,
): Fields {
  return {
    ...(status === null ? {} : { Status: statuses[status] }),
    ...(priority === undefined ? {} : { Priority: priorities[priority] }),
  };
}

/** A comment that ends with the marker, however long it is. */
export function commentOf(text: string, marker: string): string {
  const end = `\n\n${marker}`;
  return cut(text, most.commentBytes - Buffer.byteLength(end), Buffer.byteLength) + end;
}

const charsOf = (text: string): number => text.length;

function cut(text: string, limit: number, sizeOf: (text: string) => number): string {
  if (sizeOf(text) <= limit) return text;
  let end = Math.min(text.length, limit);
  while (end > 0 && sizeOf(`${text.slice(0, end)}…`) > limit) end -= 1;
  // No half of a pair is left at the end.
  const isHalf = /[\uD800-\uDBFF]$/.test(text.slice(0, end));
  return `${text.slice(0, isHalf ? end - 1 : end)}…`;
}
