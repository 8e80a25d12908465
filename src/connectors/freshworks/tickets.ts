import type { Column, Mapped } from '../../domain/columns.js';
import { type Fields, mapRecord } from '../record.js';
import { priorityWord, statusWord } from './words.js';

export const ticketColumns = [
  { name: 'ticket_id', type: 'text' },
  { name: 'subject', type: 'text', nullable: true },
  { name: 'type', type: 'text', nullable: true },
  { name: 'status', type: 'text', description: 'open, pending, resolved, closed; the number of any other' },
  { name: 'priority', type: 'text', nullable: true, description: 'low, medium, high, urgent' },
  { name: 'requester_id', type: 'text', nullable: true },
  { name: 'responder_id', type: 'text', nullable: true },
  { name: 'group_id', type: 'text', nullable: true },
  { name: 'tags', type: 'json', description: 'array of text' },
  { name: 'is_escalated', type: 'boolean', nullable: true },
  { name: 'due_by', type: 'timestamp', nullable: true },
  { name: 'first_responded_at', type: 'timestamp', nullable: true, description: 'null = not yet' },
  { name: 'resolved_at', type: 'timestamp', nullable: true },
  { name: 'closed_at', type: 'timestamp', nullable: true },
  { name: 'created_at', type: 'timestamp' },
  { name: 'updated_at', type: 'timestamp' },
  { name: 'is_deleted', type: 'boolean' },
] as const satisfies readonly Column[];

/** Tickets of both systems: they have the same names, and times of response in `stats`. */
export function mapTicket(record: Buffer): Mapped {
  return mapRecord(record, 'id', (ticket, reader) => {
    const nested = reader.optionalObject(ticket, 'stats');
    const [stats, at]: [Fields, string] = nested === null ? [ticket, ''] : [nested, 'stats.'];
    return {
      kind: 'row',
      row: {
        ticket_id: reader.id(ticket, 'id'),
        subject: reader.optionalText(ticket, 'subject'),
        type: reader.optionalText(ticket, 'type'),
        status: statusWord(reader.id(ticket, 'status')),
        priority: priorityWord(reader.optionalId(ticket, 'priority')),
        requester_id: reader.optionalId(ticket, 'requester_id'),
        responder_id: reader.optionalId(ticket, 'responder_id'),
        group_id: reader.optionalId(ticket, 'group_id'),
        tags: reader.texts(ticket, 'tags'),
        is_escalated: reader.optionalBoolean(ticket, 'is_escalated'),
        due_by: reader.optionalInstant(ticket, 'due_by'),
        first_responded_at: reader.optionalInstant(stats, 'first_responded_at', at),
        resolved_at: reader.optionalInstant(stats, 'resolved_at', at),
        closed_at: reader.optionalInstant(stats, 'closed_at', at),
        created_at: reader.instant(ticket, 'created_at'),
        updated_at: reader.instant(ticket, 'updated_at'),
        is_deleted: reader.optionalBoolean(ticket, 'deleted') ?? 'false',
      },
    };
  });
}
