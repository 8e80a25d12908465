import type { VendorHttp } from '../http.js';
import type { MarkedTicket } from '../port.js';
import { readObject } from '../read-page.js';

type Fields = Readonly<Record<string, unknown>>;

const markerPattern = /^btn-[0-9a-f]{20}$/;

/** The export lags by a minute: changes of this long are read from the list as well. */
const recentMs = 300_000;

/**
 * The tickets whose external_id is a marker of ours. First the incremental export from the beginning, which has
 * also what is deleted or archived:
 * https://developer.zendesk.com/api-reference/ticketing/ticket-management/incremental_exports/#incremental-ticket-export-cursor-based
 * then what has changed in the last minutes from the list, which is consistent:
 * https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/#list-tickets
 * A surplus ticket has another external_id since it was closed, so it is none of them.
 */
export async function* markedTickets(http: VendorHttp, signal: AbortSignal): AsyncGenerator<MarkedTicket> {
  const startedAt = Date.now();
  let cursor: string | null = null;
  for (;;) {
    const query: Record<string, string | number> =
      cursor === null ? { start_time: 0, per_page: 1000 } : { cursor, per_page: 1000 };
    const path = '/api/v2/incremental/tickets/cursor.json';
    const page: Fields = await readObject(http, { method: 'GET', path, query, signal });
    yield* marked(http, page);
    const { after_cursor: after, end_of_stream: isEnd } = page;
    if (isEnd === true || typeof after !== 'string' || after === cursor) break;
    cursor = after;
  }
  yield* recentlyChanged(http, startedAt - recentMs, signal);
}

async function* recentlyChanged(
  http: VendorHttp,
  since: number,
  signal: AbortSignal,
): AsyncGenerator<MarkedTicket> {
  let after: string | null = null;
  for (;;) {
    const query: Record<string, string | number> = {
      'page[size]': 100,
      sort: '-updated_at',
      ...(after === null ? {} : { 'page[after]': after }),
    };
    const page: Fields = await readObject(http, {
      method: 'GET',
      path: '/api/v2/tickets.json',
      query,
      signal,
    });
    yield* marked(http, page);
    const last = ticketsOf(page).at(-1);
    const { has_more: more, after_cursor: next } = (page['meta'] ?? {}) as Fields;
    const isOld = Date.parse(String(last?.['updated_at'])) < since;
    if (last === undefined || isOld || more !== true || typeof next !== 'string' || next === after) return;
    after = next;
  }
}

function ticketsOf(page: Fields): readonly Fields[] {
  return Array.isArray(page['tickets']) ? (page['tickets'] as readonly Fields[]) : [];
}

function* marked(http: VendorHttp, page: Fields): Generator<MarkedTicket> {
  for (const ticket of ticketsOf(page)) {
    const marker = String(ticket['external_id'] ?? '');
    if (!markerPattern.test(marker) || !Number.isSafeInteger(ticket['id'])) continue;
    const remoteId = String(ticket['id']);
    yield {
      remoteId,
      remoteUrl: `${http.baseUrl}/agent/tickets/${remoteId}`,
      marker,
      isSolved: ticket['status'] === 'solved' || ticket['status'] === 'closed',
      createdAt: new Date(String(ticket['created_at'])),
      body: {
        kind: 'ticket',
        subject: String(ticket['subject'] ?? ''),
        description: String(ticket['description'] ?? ''),
        priority: priorityOf(ticket['priority']),
        tags: Array.isArray(ticket['tags']) ? ticket['tags'].map(String) : [],
      },
    };
  }
}

const priorities = ['low', 'normal', 'high', 'urgent'] as const;

function priorityOf(value: unknown): (typeof priorities)[number] {
  return priorities.find((known) => known === value) ?? 'normal';
}
