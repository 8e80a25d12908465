import type { Column, Mapped } from '../../domain/columns.js';
import type { Quota } from '../gate.js';
import { splitArray } from '../json-split.js';
import { tokenPaginator } from '../paging/handed-out.js';
import type { Stream, Window } from '../port.js';
import { type Listing, readListed } from '../read-page.js';
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
  { name: 'is_deleted', type: 'boolean' },
] as const satisfies readonly Column[];

const paginator = tokenPaginator('tickets', {
  parameter: 'cursor',
  token: { member: 'after_cursor' },
  pattern: /^[A-Za-z0-9+/=_-]{1,2000}$/,
  isEnd: ({ envelope, records }, { window }) =>
    envelope.get('end_of_stream') === true || isPast(records.at(-1), window),
});

/** The export has a limit of its own, ten a minute; half of it may go at once. */
const exportQuota: Quota = { name: 'incremental', rate: { requests: 10, perMs: 60_000, burst: 5 } };

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
  deletedColumn: 'is_deleted',
  checkCursor: paginator.check,
  map: mapTicket,
  readPage({ http }, window, cursor, options) {
    const size = Math.min(1000, Math.max(1, options.pageSize ?? 1000));
    const listing: Listing = {
      paginator,
      request: (ask, isFirst) => ({
        method: 'GET',
        path: '/api/v2/incremental/tickets/cursor.json',
        query: { ...(isFirst ? { start_time: startTime(window) } : ask.query), per_page: size },
        quota: exportQuota,
        signal: options.signal,
      }),
      split: (body) => splitArray(body, 'tickets'),
    };
    return readListed(http, listing, cursor, { window, size });
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
      is_deleted: String(ticket['status'] === 'deleted'),
    },
  }));
}
