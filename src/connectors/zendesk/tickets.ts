import type { Column, Mapped } from '../../domain/columns.js';
import type { HttpRequest } from '../http.js';
import { splitArray } from '../json-split.js';
import { handedOutPaginator } from '../paginator.js';
import type { Stream, Window } from '../port.js';
import { readPage } from '../read-page.js';
import { mapRecord } from '../record.js';

const columns = [
  { name: 'ticket_id', type: 'text' },
  { name: 'external_id', type: 'text', nullable: true },
  { name: 'subject', type: 'text', nullable: true },
  { name: 'status', type: 'text', description: 'in Zendesk’s words, `deleted` included' },
  { name: 'priority', type: 'text', nullable: true },
  { name: 'type', type: 'text', nullable: true },
  { name: 'requester_id', type: 'text', nullable: true },
  { name: 'assignee_id', type: 'text', nullable: true },
  { name: 'group_id', type: 'text', nullable: true },
  { name: 'tags', type: 'json', description: 'array of text' },
  { name: 'created_at', type: 'timestamp' },
  { name: 'updated_at', type: 'timestamp' },
  { name: 'generated_at', type: 'timestamp', description: 'Zendesk’s own time of the change' },
] as const satisfies readonly Column[];

const paginator = handedOutPaginator('tickets', /^[A-Za-z0-9+/=_-]{1,2000}$/);

/** Zendesk refuses a start that is less than a minute ago. */
const youngestStartMs = 61_000;

/**
 * The incremental cursor export, ordered by `generated_timestamp`: reading ends at `end_of_stream`, or at the
 * first page that reaches the window's end. What lies beyond the end comes along and comes again next time.
 */
export const tickets: Stream = {
  name: 'tickets',
  docs: 'https://developer.zendesk.com/api-reference/ticketing/ticket-management/incremental_exports/#incremental-ticket-export-cursor-based',
  scope: 'incremental export (role admin)',
  mode: 'incremental',
  primaryKey: 'id',
  cursorField: 'generated_timestamp',
  lagMs: 120_000,
  columns,
  versionColumn: 'generated_at',
  checkCursor: paginator.check,
  map: mapTicket,
  async readPage({ http }, window, cursor, options) {
    const from = cursor === null ? null : paginator.check(cursor, window);
    const position = paginator.position(from);
    const request: HttpRequest = {
      method: 'GET',
      path: '/api/v2/incremental/tickets/cursor.json',
      query: {
        ...(position === null ? { start_time: startTime(window) } : { cursor: position }),
        per_page: Math.min(1000, Math.max(1, options.pageSize ?? 1000)),
      },
      signal: options.signal,
    };
    const { answer, split } = await readPage(http, request, (body) => splitArray(body, 'tickets'));
    const after = split.envelope.get('after_cursor');
    const isEnd = split.envelope.get('end_of_stream') === true || isPast(split.records.at(-1), window);
    if (!isEnd && typeof after !== 'string') {
      throw http.badResponse(request, answer, 'says that there is more, but not where');
    }
    return {
      records: split.records,
      next: isEnd ? null : paginator.advance(from, String(after), window),
      calls: answer.calls,
      bytes: answer.body.length,
    };
  },
};

/** Unix seconds of the window's start. */
function startTime(window: Window): number {
  if (window.from === null) return 0;
  const youngest = Date.parse(window.to) - youngestStartMs;
  return Math.max(0, Math.floor(Math.min(Date.parse(window.from), youngest) / 1000));
}

/** Whether the page's last record was changed at or after the window's end. */
function isPast(record: Buffer | undefined, window: Window): boolean {
  if (record === undefined) return false;
  const mapped = mapTicket(record);
  if (mapped.kind !== 'row') return false;
  return Date.parse(mapped.row['generated_at'] ?? '') >= Date.parse(window.to);
}

function mapTicket(record: Buffer): Mapped {
  return mapRecord(record, 'id', (ticket, reader) => ({
    kind: 'row',
    row: {
      ticket_id: reader.id(ticket, 'id'),
      external_id: reader.optionalId(ticket, 'external_id'),
      subject: reader.optionalText(ticket, 'subject'),
      status: reader.text(ticket, 'status'),
      priority: reader.optionalText(ticket, 'priority'),
      type: reader.optionalText(ticket, 'type'),
      requester_id: reader.optionalId(ticket, 'requester_id'),
      assignee_id: reader.optionalId(ticket, 'assignee_id'),
      group_id: reader.optionalId(ticket, 'group_id'),
      tags: reader.texts(ticket, 'tags'),
      created_at: reader.instant(ticket, 'created_at'),
      updated_at: reader.instant(ticket, 'updated_at'),
      generated_at: reader.unixSeconds(ticket, 'generated_timestamp'),
    },
  }));
}
