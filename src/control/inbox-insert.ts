import { createHash } from 'node:crypto';
import type { Knex } from 'knex';
import { query } from '../database/postgres.js';
import type { Accepted, NewEvent } from './inbox.js';

/** What tells who listens, once a transaction, that there is something in the inbox. */
export const inboxChannel = 'baton_inbox';

/**
 * Deliveries with an id are one event for ever. One without is told by its content: the same content is the same event
 * while its sender may still be sending it again; after that it is another one, its number being part of the key.
 */
const dedupeKey = `CASE WHEN g.delivery_id IS NOT NULL THEN 'id:' || g.delivery_id
  ELSE 'body:' || g.sha256 || ':' || (
    SELECT count(*) FROM control.inbox i
    WHERE i.connection = g.connection AND i.sha256 = g.sha256 AND i.delivery_id IS NULL AND i.state <> 'duplicate'
      AND i.accepted_at < clock_timestamp() - g.resend_ms * interval '1 millisecond') END`;

const eventId = `'evt_' || left(encode(sha256(convert_to(connection || ' ' || dedupe_key, 'UTF8')), 'hex'), 24)`;

const columns = [
  ['connection', 'text'],
  ['tenant', 'text'],
  ['delivery_id', 'text'],
  ['type', 'text'],
  ['subject', 'text'],
  ['key', 'text'],
  ['consumer', 'text'],
  ['rule', 'text'],
  ['content_type', 'text'],
  ['headers', 'json'],
  ['body', 'bytea'],
  ['sha256', 'text'],
  ['occurred_at', 'timestamptz'],
  ['state', 'text'],
  ['detail', 'text'],
  ['lands', 'boolean'],
] as const;
const names = columns.map(([name]) => name).join(', ');

const insertion = `
  WITH given AS (SELECT * FROM unnest(${[...columns, ['resend_ms', 'float8']].map(([, type]) => `?::${type}[]`).join(', ')})
                 WITH ORDINALITY AS g(${names}, resend_ms, place)),
       keyed AS (SELECT g.*, ${dedupeKey} AS dedupe_key FROM given g)
  INSERT INTO control.inbox (event_id, dedupe_key, ended_at, ${names})
  SELECT ${eventId}, dedupe_key, CASE WHEN state = 'accepted' THEN NULL ELSE clock_timestamp() END, ${names}
  FROM keyed ORDER BY place ON CONFLICT (connection, dedupe_key) DO NOTHING
  RETURNING event_id, connection, delivery_id, sha256`;

/** The originals of those that were not inserted: the newest of their content, where content is what tells them. */
const originals = `
  SELECT g.place::int AS place, coalesce(
    (SELECT event_id FROM control.inbox i WHERE i.connection = g.connection AND i.dedupe_key = 'id:' || g.delivery_id),
    (SELECT event_id FROM control.inbox i WHERE g.delivery_id IS NULL AND i.connection = g.connection AND i.sha256 = g.sha256
       AND i.delivery_id IS NULL AND i.state <> 'duplicate' ORDER BY id DESC LIMIT 1)) AS event_id
  FROM unnest(?::text[], ?::text[], ?::text[]) WITH ORDINALITY AS g(connection, delivery_id, sha256, place)`;

type Inserted = { event_id: string; connection: string; delivery_id: string | null; sha256: string };

/** Stores the events in the caller's transaction, and wakes who listens when it commits. */
export async function insertEvents(trx: Knex, events: readonly NewEvent[]): Promise<Accepted[]> {
  if (events.length === 0) return [];
  const digests = events.map(({ body }) => createHash('sha256').update(body).digest('hex'));
  const identities = events.map((event, at) => identityOf(event, digests[at] ?? ''));
  const { rows } = await trx.raw(insertion, arraysOf(events, digests) as never[]);
  const inserted = new Map(
    (rows as Inserted[]).map((row) => [
      identityOf({ connection: row.connection, deliveryId: row.delivery_id }, row.sha256),
      row.event_id,
    ]),
  );
  const accepted = identities.map((identity): Accepted | null => {
    const found = inserted.get(identity);
    // Of two that came together the first is the event.
    inserted.delete(identity);
    return found === undefined ? null : { eventId: found, isDuplicate: false };
  });
  const again = accepted.flatMap((one, at) => (one === null ? [at] : []));
  if (again.length > 0) await noteDuplicates(trx, { events, digests, again, accepted });
  await trx.raw('SELECT pg_notify(?, ?)', [inboxChannel, '']);
  return accepted as Accepted[];
}

/** A delivery that came again: a row of its own, without the bytes, which are those of the first. */
async function noteDuplicates(
  trx: Knex,
  work: {
    readonly events: readonly NewEvent[];
    readonly digests: readonly string[];
    readonly again: readonly number[];
    readonly accepted: (Accepted | null)[];
  },
): Promise<void> {
  const { events, digests, again, accepted } = work;
  const of = <T>(read: (event: NewEvent, at: number) => T) =>
    again.map((at) => read(events[at] as NewEvent, at));
  const { rows } = await trx.raw(originals, [
    of(({ connection }) => connection),
    of(({ deliveryId }) => deliveryId),
    of((_, at) => digests[at]),
  ] as never[]);
  for (const { place, event_id } of rows as { place: number; event_id: string }[]) {
    const at = again[place - 1] ?? -1;
    const event = events[at] as NewEvent;
    accepted[at] = { eventId: event_id, isDuplicate: true };
    await query(
      trx,
      `INSERT INTO control.inbox (event_id, dedupe_key, connection, tenant, delivery_id, type, subject, key, content_type,
                                  headers, body, sha256, occurred_at, state, detail, lands, ended_at)
       VALUES (:event, NULL, :connection, :tenant, :delivery, :type, :subject, :key, :contentType, '{}', '', :sha256,
               :occurredAt, 'duplicate', :event, false, clock_timestamp())`,
      {
        event: event_id,
        connection: event.connection,
        tenant: event.tenant,
        delivery: event.deliveryId,
        type: event.type,
        subject: event.subject,
        key: event.key,
        contentType: event.contentType,
        sha256: digests[at] ?? '',
        occurredAt: event.occurredAt,
      },
    );
  }
}

/** What tells a delivery from others of the same commit. */
function identityOf(event: Pick<NewEvent, 'connection' | 'deliveryId'>, sha256: string): string {
  return JSON.stringify([event.connection, event.deliveryId ?? { sha256 }]);
}

function arraysOf(events: readonly NewEvent[], digests: readonly string[]): unknown[] {
  const column = (read: (event: NewEvent) => unknown) => events.map(read);
  return [
    column((event) => event.connection),
    column((event) => event.tenant),
    column((event) => event.deliveryId),
    column((event) => event.type),
    column((event) => event.subject),
    column((event) => event.key),
    column((event) => event.consumer),
    column((event) => event.rule),
    column((event) => event.contentType),
    column((event) => JSON.stringify(event.headers)),
    column((event) => event.body),
    digests,
    column((event) => event.occurredAt),
    column((event) => event.state),
    column((event) => event.detail),
    column((event) => event.lands),
    column((event) => event.resendMs),
  ];
}
