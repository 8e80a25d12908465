import type { Column } from '../domain/columns.js';
import { BatonError } from '../protocol/errors.js';
import type { Stream } from './port.js';
import { mapRecord } from './record.js';

/** What an event is landed as: what we know of it, and its body as it came. */
export interface EventRecord {
  readonly event_id: string;
  readonly delivery_id: string | null;
  readonly type: string;
  readonly subject: string | null;
  readonly occurred_at: string | null;
  readonly accepted_at: string;
}

const columns: readonly Column[] = [
  { name: 'event_id', type: 'text', description: 'The same for a delivery that comes again.' },
  { name: 'delivery_id', type: 'text', nullable: true, description: 'The sender’s own id of it.' },
  { name: 'type', type: 'text', description: 'What happened, in the sender’s words.' },
  { name: 'subject', type: 'text', nullable: true, description: 'What it is about at the sender.' },
  { name: 'occurred_at', type: 'timestamp', nullable: true, description: 'By the sender’s clock.' },
  { name: 'accepted_at', type: 'timestamp', description: 'When it was stored here.' },
];

/**
 * The stream of every connection that takes webhooks: its events. They come by themselves and cannot be read. The body
 * is in `raw`, under `data` when it is JSON and as `text` when it is not.
 */
export const eventStream: Stream = {
  name: 'events',
  docs: 'https://www.rfc-editor.org/rfc/rfc8259',
  mode: 'full',
  primaryKey: 'event_id',
  cursorField: null,
  lagMs: 0,
  columns,
  versionColumn: null,
  readPage() {
    throw new BatonError('ERR_PLAN_INVALID', {
      detail: 'Events come in through /hooks; there is nothing to read.',
    });
  },
  checkCursor: () => ({}),
  map: (record) =>
    mapRecord(record, 'event_id', (fields, reader) => ({
      kind: 'row',
      row: {
        event_id: reader.id(fields, 'event_id'),
        delivery_id: reader.optionalText(fields, 'delivery_id'),
        type: reader.text(fields, 'type'),
        subject: reader.optionalText(fields, 'subject'),
        occurred_at: reader.optionalInstant(fields, 'occurred_at'),
        accepted_at: reader.instant(fields, 'accepted_at'),
      },
    })),
};

/** One line of the lake: the body's own bytes, in which only line breaks between tokens have become spaces. */
export function eventLine(event: EventRecord, body: Buffer, isJson: boolean): Buffer {
  const head = JSON.stringify(event).slice(0, -1);
  if (!isJson) return Buffer.from(`${head},"text":${JSON.stringify(body.toString('utf8'))}}`);
  const line = Buffer.concat([Buffer.from(`${head},"data":`), body, Buffer.from('}')]);
  for (const [at, byte] of line.entries()) if (byte === 0x0a || byte === 0x0d) line[at] = 0x20;
  return line;
}
