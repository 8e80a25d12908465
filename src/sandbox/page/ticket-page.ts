import type { Comment, Ticket } from '../zendesk/tickets.js';
import { escapeHtml } from './escape.js';
import { layout } from './layout.js';

/** What an agent would see of a ticket. */
export function ticketPage(ticket: Ticket, comments: readonly Comment[]): string {
  const said = comments.map(
    (comment) =>
      `<h2>${escapeHtml(comment.createdAt)}${comment.public ? '' : ' · internal note'}</h2><pre>${escapeHtml(comment.body)}</pre>`,
  );
  const facts = [
    ['Status', ticket.status],
    ['Priority', ticket.priority ?? 'none'],
    ['External id', ticket.externalId ?? 'none'],
    ['Tags', ticket.tags.join(', ') || 'none'],
    ['Opened', ticket.createdAt],
    ['Changed', ticket.updatedAt],
  ].map(([name, value]) => `<tr><th>${name}</th><td>${escapeHtml(value ?? '')}</td></tr>`);
  return layout(
    `#${ticket.id} ${escapeHtml(ticket.subject)}`,
    `<p><a href="/">Vendor sandboxes</a> · Zendesk</p><h1>#${ticket.id} ${escapeHtml(ticket.subject)}</h1><table>${facts.join('')}</table>${said.join('')}`,
  );
}
