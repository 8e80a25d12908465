import type { Fault } from '../faults.js';
import type { SlackMessage } from '../slack/store.js';
import type { Comment, Ticket } from '../zendesk/tickets.js';
import { escapeHtml } from './escape.js';
import { layout } from './layout.js';

export interface HomeState {
  readonly now: Date;
  readonly orders: number;
  readonly tickets: readonly (Ticket & { readonly comments: readonly Comment[] })[];
  readonly messages: readonly SlackMessage[];
  readonly faults: readonly Fault[];
}

const shownAtMost = 100;

/** Prefix, what it holds, and where a person can see some of it without credentials. */
const vendors = [
  ['Coupa', '/coupa', 'orders', '/_admin/orders'],
  ['Coupa', '/coupa', 'suppliers', '/_admin/suppliers'],
  ['Coupa', '/coupa', 'invoices', '/_admin/invoices'],
  ['Zendesk', '/zendesk', 'tickets', '/_admin/tickets'],
  ['Salesforce', '/salesforce', 'accounts', '/_admin/accounts'],
  ['Frankfurter', '/rates', 'reference rates', '/rates/v1/latest'],
  ['Slack', '/slack', 'messages', '/_admin/messages'],
] as const;

function table(head: readonly string[], rows: readonly (readonly string[])[], none: string): string {
  if (rows.length === 0) return `<p class="quiet">${none}</p>`;
  const heads = head.map((one) => `<th>${one}</th>`).join('');
  const body = rows.map((row) => `<tr>${row.map((cell) => `<td>${cell}</td>`).join('')}</tr>`).join('');
  return `<table><tr>${heads}</tr>${body}</table>`;
}

function ticketRow({
  id,
  subject,
  status,
  priority,
  comments,
}: HomeState['tickets'][number]): readonly string[] {
  const link = `<a href="/zendesk/agent/tickets/${id}">#${id} ${escapeHtml(subject)}</a>`;
  const last = comments.length > 1 ? escapeHtml((comments.at(-1)?.body ?? '').slice(0, 160)) : '';
  return [link, escapeHtml(status), escapeHtml(priority ?? ''), String(comments.length), last];
}

function faultRow({ id, vendor, kind, match, left, struck }: Fault): readonly string[] {
  const where = `${match.method ?? 'any'} ${match.path ?? 'any path'}`;
  return [
    String(id),
    vendor,
    kind,
    escapeHtml(where),
    left === null ? 'until cleared' : String(left),
    String(struck),
  ];
}

/** The page at `/`: what the pretended vendors hold and what was done to them. */
export function homePage(state: HomeState): string {
  const tickets = [...state.tickets].reverse().slice(0, shownAtMost).map(ticketRow);
  const messages = [...state.messages].reverse().slice(0, shownAtMost);
  const said = messages.map(({ ts, channel, text }) => [ts, channel, `<pre>${escapeHtml(text)}</pre>`]);
  const links = vendors.map(([name, prefix, what, see]) => [
    name,
    `<code>${prefix}</code>`,
    `<a href="${see}">${what}</a>`,
  ]);
  const admin = ['truth', 'requests', 'faults', 'settings'];
  return layout(
    'Vendor sandboxes',
    `<h1>Vendor sandboxes</h1>
<p class="quiet">Pretended vendors that speak the real ones’ HTTP. ${state.orders} orders · ${state.now.toISOString()} ·
${admin.map((name) => `<a href="/_admin/${name}">${name}</a>`).join(' · ')}</p>
<h2>Vendors</h2>${table(['Vendor', 'Below', 'Look at'], links, '')}
<h2>Tickets (${state.tickets.length})</h2>${table(['Ticket', 'Status', 'Priority', 'Comments', 'Last comment'], tickets, 'No ticket was opened yet.')}
<h2>Slack messages (${state.messages.length})</h2>${table(['Time', 'Channel', 'Text'], said, 'No message was posted yet.')}
<h2>Faults in force</h2>${table(['Id', 'Vendor', 'Kind', 'Where', 'Strikes left', 'Struck'], state.faults.map(faultRow), 'None: everything works.')}`,
  );
}
