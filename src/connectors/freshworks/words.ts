import type { TicketBody, TicketUpdate } from '../port.js';

/** https://api.freshservice.com/#ticket_attributes */
export const statusCodes = { open: 2, pending: 3, resolved: 4, closed: 5 } as const;
const priorityCodes = { low: 1, normal: 2, high: 3, urgent: 4 } as const satisfies Record<
  TicketBody['priority'],
  number
>;

export function priorityCode(priority: TicketBody['priority']): number {
  return priorityCodes[priority];
}

export function priorityOf(code: unknown): TicketBody['priority'] {
  const found = Object.entries(priorityCodes).find(([, value]) => value === code);
  return (found?.[0] as TicketBody['priority'] | undefined) ?? 'normal';
}

export function statusCode(status: NonNullable<TicketUpdate['status']>): number {
  return status === 'solved' ? statusCodes.resolved : statusCodes.open;
}

export function isSolved(code: unknown): boolean {
  return code === statusCodes.resolved || code === statusCodes.closed;
}

/** Descriptions and notes are HTML there: nothing of a text may become markup. */
export function toHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll('\n', '<br>');
}

/** `open` for 2; the number itself where it is one of the account's own. */
export function statusWord(code: string | null): string | null {
  return wordFor(statusCodes, code);
}

/** In Freshworks' own words: `medium` is what others call normal. */
export function priorityWord(code: string | null): string | null {
  const { normal: medium, ...others } = priorityCodes;
  return wordFor({ ...others, medium }, code);
}

function wordFor(codes: Readonly<Record<string, number>>, code: string | null): string | null {
  return Object.entries(codes).find(([, value]) => String(value) === code)?.[0] ?? code;
}
