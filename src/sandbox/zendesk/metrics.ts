import type { Exported } from './exports.js';
import type { Ticket } from './tickets.js';

const isSolved = ({ status }: Ticket) => status === 'solved' || status === 'closed';
const minutesBetween = (from: string, to: string) => Math.round((Date.parse(to) - Date.parse(from)) / 60_000);

/** The metrics of a ticket; times that are not over yet are null. */
export function metricSet(ticket: Ticket): Readonly<Record<string, unknown>> {
  const solvedAt = isSolved(ticket) ? ticket.updatedAt : null;
  const whole = solvedAt === null ? null : minutesBetween(ticket.createdAt, solvedAt);
  const none = { calendar: null, business: null };
  return {
    id: ticket.id + 900_000,
    ticket_id: ticket.id,
    group_stations: 1,
    assignee_stations: 0,
    reopens: 0,
    replies: 0,
    assigned_at: null,
    initially_assigned_at: null,
    solved_at: solvedAt,
    status_updated_at: ticket.updatedAt,
    latest_comment_added_at: ticket.updatedAt,
    reply_time_in_minutes: none,
    first_resolution_time_in_minutes: { calendar: whole, business: whole },
    full_resolution_time_in_minutes: { calendar: whole, business: whole },
    agent_wait_time_in_minutes: none,
    requester_wait_time_in_minutes: { calendar: whole, business: whole },
    on_hold_time_in_minutes: { calendar: 0, business: 0 },
    created_at: ticket.createdAt,
    updated_at: ticket.updatedAt,
  };
}

/** Its reply time begins with the ticket, and ends when it is solved. */
export function metricEvents(ticket: Ticket): readonly Exported[] {
  const event = (type: string, at: string, ordinal: number): Exported => {
    const id = ticket.id * 10 + ordinal;
    const shown = {
      id,
      ticket_id: ticket.id,
      metric: 'reply_time',
      instance_id: 1,
      type,
      time: at,
    };
    return { id, second: Math.floor(Date.parse(at) / 1000), shown };
  };
  const begun = event('activate', ticket.createdAt, 1);
  return isSolved(ticket) ? [begun, event('fulfill', ticket.updatedAt, 2)] : [begun];
}
