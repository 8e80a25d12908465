import type { Column, Mapped } from '../../domain/columns.js';
import { type Fields, mapRecord, type RecordReader } from '../record.js';
import { exportStream } from './export.js';

const notYet = 'null = not yet, which is not zero';

const metricColumns = [
  { name: 'metric_id', type: 'text' },
  { name: 'ticket_id', type: 'text' },
  { name: 'replies', type: 'integer', nullable: true },
  { name: 'reopens', type: 'integer', nullable: true },
  { name: 'first_reply_minutes', type: 'integer', nullable: true, description: notYet },
  { name: 'first_reply_business_minutes', type: 'integer', nullable: true, description: notYet },
  { name: 'full_resolution_minutes', type: 'integer', nullable: true, description: notYet },
  { name: 'full_resolution_business_minutes', type: 'integer', nullable: true, description: notYet },
  { name: 'requester_wait_minutes', type: 'integer', nullable: true },
  { name: 'assigned_at', type: 'timestamp', nullable: true },
  { name: 'solved_at', type: 'timestamp', nullable: true },
  { name: 'created_at', type: 'timestamp' },
  { name: 'updated_at', type: 'timestamp' },
] as const satisfies readonly Column[];

/** A time such as `reply_time_in_minutes`, by the clock or by business hours. */
function minutes(
  metric: Fields,
  reader: RecordReader,
  key: string,
  by: 'calendar' | 'business',
): string | null {
  const time = reader.optionalObject(metric, key);
  return time === null ? null : reader.optionalInteger(time, by, `${key}.`);
}

function mapMetric(record: Buffer): Mapped {
  return mapRecord(record, 'id', (metric, reader) => ({
    kind: 'row',
    row: {
      metric_id: reader.id(metric, 'id'),
      ticket_id: reader.id(metric, 'ticket_id'),
      replies: reader.optionalInteger(metric, 'replies'),
      reopens: reader.optionalInteger(metric, 'reopens'),
      first_reply_minutes: minutes(metric, reader, 'reply_time_in_minutes', 'calendar'),
      first_reply_business_minutes: minutes(metric, reader, 'reply_time_in_minutes', 'business'),
      full_resolution_minutes: minutes(metric, reader, 'full_resolution_time_in_minutes', 'calendar'),
      full_resolution_business_minutes: minutes(
        metric,
        reader,
        'full_resolution_time_in_minutes',
        'business',
      ),
      requester_wait_minutes: minutes(metric, reader, 'requester_wait_time_in_minutes', 'calendar'),
      assigned_at: reader.optionalInstant(metric, 'assigned_at'),
      solved_at: reader.optionalInstant(metric, 'solved_at'),
      created_at: reader.instant(metric, 'created_at'),
      updated_at: reader.instant(metric, 'updated_at'),
    },
  }));
}

/** The metrics of tickets come beside the tickets themselves, and so only those of what has changed. */
export const ticketMetrics = exportStream({
  name: 'ticket_metrics',
  docs: 'https://developer.zendesk.com/api-reference/ticketing/tickets/ticket_metrics/',
  path: '/api/v2/incremental/tickets/cursor.json',
  member: 'metric_sets',
  query: { include: 'metric_sets' },
  style: 'cursor',
  cursorField: 'updated_at',
  columns: metricColumns,
  versionColumn: 'updated_at',
  map: mapMetric,
});

const eventColumns = [
  { name: 'metric_event_id', type: 'text' },
  { name: 'ticket_id', type: 'text' },
  { name: 'metric', type: 'text', description: 'agent_work_time, reply_time, requester_wait_time …' },
  { name: 'instance_id', type: 'text', nullable: true },
  { name: 'type', type: 'text', description: 'activate, pause, fulfill, apply_sla, breach …' },
  { name: 'time', type: 'timestamp' },
] as const satisfies readonly Column[];

function mapEvent(record: Buffer): Mapped {
  return mapRecord(record, 'id', (event, reader) => ({
    kind: 'row',
    row: {
      metric_event_id: reader.id(event, 'id'),
      ticket_id: reader.id(event, 'ticket_id'),
      metric: reader.text(event, 'metric'),
      instance_id: reader.optionalId(event, 'instance_id'),
      type: reader.text(event, 'type'),
      time: reader.instant(event, 'time'),
    },
  }));
}

export const ticketMetricEvents = exportStream({
  name: 'ticket_metric_events',
  docs: 'https://developer.zendesk.com/api-reference/ticketing/tickets/ticket_metric_events/',
  path: '/api/v2/incremental/ticket_metric_events.json',
  member: 'ticket_metric_events',
  style: 'time',
  cursorField: 'time',
  columns: eventColumns,
  versionColumn: 'time',
  map: mapEvent,
});
