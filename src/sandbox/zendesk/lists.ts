import { type Answer, type Call, json } from '../wire.js';
import { exportByCursor, invalid, whole } from './exports.js';
import { metricSet } from './metrics.js';
import type { Ticket } from './tickets.js';
import { viewTicket } from './view.js';

/** `tickets.json`: by cursor when `page[size]` or `page[after]` is given, else by page number. */
export function listTickets(call: Call, tickets: readonly Ticket[]): Answer {
  const { query, baseUrl } = call;
  const view = (ticket: Ticket): unknown => viewTicket(ticket, baseUrl);
  const url = (more: string): string => `${baseUrl}/api/v2/tickets.json?${more}`;
  if (query.has('page[size]') || query.has('page[after]')) {
    const size = Math.min(100, whole(query.get('page[size]'), 100));
    if (query.get('sort') === '-updated_at') return latestFirst(call, tickets, size);
    const after = Number(Buffer.from(query.get('page[after]') ?? '', 'base64').toString() || 0);
    const rest = tickets.filter(({ id }) => id > after);
    const page = rest.slice(0, size);
    const cursor = Buffer.from(String(page.at(-1)?.id ?? after)).toString('base64');
    const more = rest.length > size;
    const next = more ? url(`page[size]=${size}&page[after]=${cursor}`) : null;
    const meta = { has_more: more, after_cursor: cursor, before_cursor: null };
    return json(200, { tickets: page.map(view), meta, links: { prev: null, next } });
  }
  const size = Math.min(100, whole(query.get('per_page'), 100));
  const page = whole(query.get('page'), 1);
  if (page * size > 10_000) return invalid(400, 'InvalidPaginationDepth', 'Limit of 10000 records exceeded');
  const next = page * size < tickets.length ? url(`page=${page + 1}&per_page=${size}`) : null;
  const shown = tickets.slice((page - 1) * size, page * size);
  return json(200, { tickets: shown.map(view), count: tickets.length, next_page: next, previous_page: null });
}

/** By cursor, the last change first. */
function latestFirst(call: Call, tickets: readonly Ticket[], size: number): Answer {
  const { query, baseUrl } = call;
  const [ms = Number.POSITIVE_INFINITY, id = 0] = Buffer.from(query.get('page[after]') ?? '', 'base64')
    .toString()
    .split(' ')
    .filter((text) => text !== '')
    .map(Number);
  const rest = tickets
    .filter((one) => one.changedMs < ms || (one.changedMs === ms && one.id < id))
    .sort((a, b) => b.changedMs - a.changedMs || b.id - a.id);
  const page = rest.slice(0, size);
  const last = page.at(-1);
  const cursor = Buffer.from(`${last?.changedMs ?? ms} ${last?.id ?? id}`).toString('base64');
  const meta = { has_more: rest.length > size, after_cursor: cursor, before_cursor: null };
  return json(200, { tickets: page.map((ticket) => viewTicket(ticket, baseUrl)), meta });
}

/** The incremental cursor export: in order of change, deleted tickets included unless told otherwise. */
export function exportTickets(call: Call, tickets: readonly Ticket[], nowMs: number): Answer {
  const wanted = tickets.filter(
    (one) => call.query.get('exclude_deleted') !== 'true' || one.status !== 'deleted',
  );
  const byId = new Map(wanted.map((one) => [one.id, one]));
  const exported = wanted.map((one) => ({
    id: one.id,
    second: Math.floor(one.changedMs / 1000),
    shown: viewTicket(one, call.baseUrl),
  }));
  const wantsMetrics = call.query.get('include')?.split(',').includes('metric_sets') === true;
  return exportByCursor(call, 'tickets', exported, nowMs, (page) => {
    if (!wantsMetrics) return {};
    const found = page.flatMap(({ id }) => byId.get(id) ?? []);
    return { metric_sets: found.map(metricSet) };
  });
}

function matches(term: string, ticket: Ticket): boolean {
  const at = term.indexOf(':');
  const [name, value] = at === -1 ? ['', term] : [term.slice(0, at), term.slice(at + 1).replaceAll('"', '')];
  if (name === 'type') return value === 'ticket';
  if (name === 'external_id') return ticket.externalId === value;
  if (name === 'status') return ticket.status === value;
  if (name === 'tags') return ticket.tags.includes(value);
  return `${ticket.subject} ${ticket.description}`.toLowerCase().includes(value.toLowerCase());
}

/** Search sees only what its index holds: tickets whose last change is older than the index is behind. */
export function searchTickets(call: Call, tickets: readonly Ticket[], indexedUntilMs: number): Answer {
  const terms = (call.query.get('query') ?? '').match(/(?:[^\s"]|"[^"]*")+/g) ?? [];
  if (terms.length === 0) return invalid(422, 'InvalidQuery', 'Query is blank');
  const size = Math.min(100, whole(call.query.get('per_page'), 100));
  const page = whole(call.query.get('page'), 1);
  if (page * size > 1000)
    return invalid(
      422,
      'InvalidPaginationDepth',
      'Requested response size was greater than Search Response Limits',
    );
  const indexed = tickets.filter(
    ({ changedMs, status }) => changedMs <= indexedUntilMs && status !== 'deleted',
  );
  const found = indexed.filter((ticket) => terms.every((term) => matches(term, ticket)));
  const results = found
    .slice((page - 1) * size, page * size)
    .map((ticket) => ({ ...viewTicket(ticket, call.baseUrl), result_type: 'ticket' }));
  return json(200, { results, facets: null, next_page: null, previous_page: null, count: found.length });
}
