import type { EffectRequest } from '../../src/connectors/port.js';

/** What a desk is asked to open: text that each of them has to escape in its own way. */
export const ticketBody = {
  kind: 'ticket',
  subject: 'PO-7001: totals differ',
  description: 'Header 120.00 EUR,\nlines <b>100.00</b> EUR & "more", o\'clock',
  priority: 'high',
  tags: ['baton', 'discrepancy'],
} as const;

export const markerOf = (ordinal: number): string => `btn-${String(ordinal).padStart(20, '0')}`;

/** A write that was never sent. */
export function requestOf(ordinal: number, body: EffectRequest['body']): EffectRequest {
  return { key: `default/test/${ordinal}`, marker: markerOf(ordinal), firstSentAt: null, body };
}
