import type { Column, Mapped } from '../../domain/columns.js';
import { mapRecord } from '../record.js';
import { exportStream } from './export.js';

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

/** Ordered by `generated_timestamp`, the system's own time of each change. */
export const tickets = exportStream({
  name: 'tickets',
  docs: 'https://developer.zendesk.com/api-reference/ticketing/ticket-management/incremental_exports/#incremental-ticket-export-cursor-based',
  path: '/api/v2/incremental/tickets/cursor.json',
  member: 'tickets',
  style: 'cursor',
  cursorField: 'generated_timestamp',
  columns,
  versionColumn: 'generated_at',
  deletedColumn: 'is_deleted',
  map: mapTicket,
});

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
