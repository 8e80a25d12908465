import type { Column, Mapped } from '../../domain/columns.js';
import { splitArray } from '../json-split.js';
import { tokenPairPaginator } from '../paging/handed-out.js';
import type { Stream } from '../port.js';
import { type Listing, readListed } from '../read-page.js';
import { mapRecord } from '../record.js';
import { exportStart } from './export.js';

const mostPerPage = 1000;
/** Zendesk refuses a start that is less than five minutes ago. */
const youngestStartMs = 301_000;

const columns = [
  { name: 'chat_id', type: 'text' },
  { name: 'type', type: 'text', nullable: true, description: 'chat, offline_msg' },
  { name: 'ticket_id', type: 'text', nullable: true },
  { name: 'department_id', type: 'text', nullable: true },
  { name: 'agent_ids', type: 'json', description: 'array of ids' },
  { name: 'visitor_id', type: 'text', nullable: true },
  { name: 'visitor_name', type: 'text', nullable: true },
  { name: 'visitor_email', type: 'text', nullable: true },
  { name: 'rating', type: 'text', nullable: true, description: 'good, bad' },
  { name: 'is_missed', type: 'boolean', nullable: true },
  { name: 'duration_seconds', type: 'integer', nullable: true },
  {
    name: 'first_response_seconds',
    type: 'integer',
    nullable: true,
    description: 'null = nobody has answered, which is not zero',
  },
  { name: 'started_at', type: 'timestamp' },
  { name: 'updated_at', type: 'timestamp' },
] as const satisfies readonly Column[];

function mapChat(record: Buffer): Mapped {
  return mapRecord(record, 'id', (chat, reader) => {
    const visitor = reader.optionalObject(chat, 'visitor');
    const response = reader.optionalObject(chat, 'response_time');
    const startedAt = reader.instant(chat, 'timestamp');
    return {
      kind: 'row',
      row: {
        chat_id: reader.id(chat, 'id'),
        type: reader.optionalText(chat, 'type'),
        ticket_id: reader.optionalId(chat, 'zendesk_ticket_id'),
        department_id: reader.optionalId(chat, 'department_id'),
        agent_ids: JSON.stringify(Array.isArray(chat['agent_ids']) ? chat['agent_ids'] : []),
        visitor_id: visitor && reader.optionalId(visitor, 'id', 'visitor.'),
        visitor_name: visitor && reader.optionalText(visitor, 'name', 'visitor.'),
        visitor_email: visitor && reader.optionalText(visitor, 'email', 'visitor.'),
        rating: reader.optionalText(chat, 'rating'),
        is_missed: reader.optionalBoolean(chat, 'missed'),
        duration_seconds: reader.optionalInteger(chat, 'duration'),
        first_response_seconds: response && reader.optionalInteger(response, 'first', 'response_time.'),
        started_at: startedAt,
        updated_at: reader.optionalInstant(chat, 'update_timestamp') ?? startedAt,
      },
    };
  });
}

const paginator = tokenPairPaginator('chats', {
  parameters: ['start_time', 'start_id'],
  members: ['end_time', 'end_id'],
  isEnd({ records }, { window, size }) {
    const last = records.at(-1);
    const mapped = last === undefined ? null : mapChat(last);
    if (mapped?.kind === 'row' && Date.parse(mapped.row['updated_at'] ?? '') >= Date.parse(window.to))
      return true;
    return records.length < size;
  },
});

/**
 * Chats in the order in which they were last changed. What lies beyond the window's end comes along and comes again
 * next time. `fields=chats(*)` because only ids are listed else.
 */
export const chats: Stream = {
  name: 'chats',
  docs: 'https://developer.zendesk.com/api-reference/live-chat/chat-api/incremental_export/',
  scope: 'incremental export of chats (chat: read)',
  mode: 'incremental',
  primaryKey: 'id',
  cursorField: 'update_timestamp',
  lagMs: youngestStartMs,
  columns,
  versionColumn: 'updated_at',
  checkCursor: paginator.check,
  map: mapChat,
  readPage({ http }, window, cursor, options) {
    const size = Math.min(mostPerPage, Math.max(1, options.pageSize ?? mostPerPage));
    const listing: Listing = {
      paginator,
      request: (ask, isFirst) => ({
        method: 'GET',
        path: '/api/v2/chat/incremental/chats',
        query: {
          ...(isFirst ? { start_time: exportStart(window, youngestStartMs) } : ask.query),
          limit: size,
          fields: 'chats(*)',
        },
        signal: options.signal,
      }),
      split: (body) => splitArray(body, 'chats'),
    };
    return readListed(http, listing, cursor, { window, size });
  },
};
