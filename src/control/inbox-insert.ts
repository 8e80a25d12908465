import { hash } from 'node:crypto';
import type { Knex } from 'knex';
import { query } from '../database/postgres.js';
import type { Accepted, NewEvent } from './inbox.js';

/**
 * Deliveries with an id are one event for ever. One without is told by its content: the same content is the same event
 * while its sender may still be sending it again; after that it is another one, its number being part of the key.
 */
const dedupeKey = `CASE WHEN g.delivery_id IS NOT NULL THEN 'id:' || g.delivery_id
  ELSE 'body:' || g.sha256 || ':' || (
    SELECT count(*) FROM control.inbox i
    WHERE i.connection = g.connection AND i.sha256 = g.sha256 AND i.delivery_id IS NULL AND i.state <> 'duplicate'
      AND i.accepted_at < clock_timestamp() - g.resend_ms * interval '1 millisecond') END`;

/** The same for a delivery that comes again, also to a control database that was lost meanwhile. */
const eventIdOf = (connection: string, key: string) =>
  `'evt_' || left(encode(sha256(convert_to(${connection} || ' ' || ${key}, 'UTF8')), 'hex'), 24)`;

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

/** One JSON text for all: making many arrays into PostgreSQL's own form takes the sender's thread far longer. */
const insertion = `
  WITH given AS (SELECT ${columns.map(([name]) => (name === 'body' ? `decode(body, 'base64') AS body` : name)).join(', ')}, resend_ms, place
                 FROM json_to_recordset(?) AS g(${columns.map(([name, type]) => `${name} ${name === 'body' ? 'text' : type}`).join(', ')}, resend_ms float8, place int)),
       keyed AS (SELECT g.*, ${dedupeKey} AS dedupe_key FROM given g)
  INSERT INTO control.inbox (event_id, ended_at, ${names})
  SELECT ${eventIdOf('connection', 'dedupe_key')}, CASE WHEN state = 'accepted' THEN NULL ELSE clock_timestamp() END, ${names}
  FROM keyed ORDER BY place ON CONFLICT (event_id) DO NOTHING
  RETURNING event_id, connection, delivery_id, sha256`;

/** The originals of those that were not inserted: the newest of their content, where content is what tells them. */
const originals = `
  SELECT g.place::int AS place, coalesce(
    CASE WHEN g.delivery_id IS NOT NULL THEN ${eventIdOf('g.connection', "('id:' || g.delivery_id)")} END,
    (SELECT event_id FROM control.inbox i WHERE g.delivery_id IS NULL AND i.connection = g.connection AND i.sha256 = g.sha256
       AND i.delivery_id IS NULL AND i.state <> 'duplicate' ORDER BY id DESC LIMIT 1)) AS event_id
  FROM unnest(?::text[], ?::text[], ?::text[]) WITH ORDINALITY AS g(connection, delivery_id, sha256, place)`;

type Inserted = { event_id: string; connection: string; delivery_id: string | null; sha256: string };

/**
 * Stores the events in one statement, and what came again in another: when it does not get there, its sender has not
 * been told, and sends it once more.
 */
export async function insertEvents(db: Knex, events: readonly NewEvent[]): Promise<Accepted[]> {
  if (events.length === 0) return [];
  const digests = events.map(({ body }) => hash('sha256', body));
  const identities = events.map((event, at) => identityOf(event, digests[at] ?? ''));
  const { rows } = await db.raw(insertion, [
    JSON.stringify(events.map((event, place) => rowOf(event, digests[place] ?? '', place))),
  ]);
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
  if (again.length > 0) await noteDuplicates(db, { events, digests, again, accepted });
  return accepted as Accepted[];
}

/** Stores those that are not there yet, and says nothing of the others. */
export async function insertNew(db: Knex, events: readonly NewEvent[]): Promise<number> {
  if (events.length === 0) return 0;
  const given = events.map((event, place) => rowOf(event, hash('sha256', event.body), place));
  const { rows } = await db.raw(insertion, [JSON.stringify(given)]);
  return rows.length;
}

/** A delivery that came again: a row of its own, without the bytes, which are those of the first. */
async function noteDuplicates(
  db: Knex,
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
  const { rows } = await db.raw(originals, [
    of(({ connection }) => connection),
    of(({ deliveryId }) => deliveryId),
    of((_, at) => digests[at]),
  ] as never[]);
  for (const { place, event_id } of rows as { place: number; event_id: string }[]) {
    const at = again[place - 1] ?? -1;
    const event = events[at] as NewEvent;
    accepted[at] = { eventId: event_id, isDuplicate: true };
    await query(
      db,
      `INSERT INTO control.inbox (connection, tenant, delivery_id, type, subject, key, content_type,
                                  headers, body, sha256, occurred_at, state, detail, lands, ended_at)
       VALUES (:connection, :tenant, :delivery, :type, :subject, :key, :contentType, '{}', '', :sha256,
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
  return event.deliveryId === null
    ? `${event.connection} body ${sha256}`
    : `${event.connection} id ${event.deliveryId}`;
}

function rowOf(event: NewEvent, sha256: string, place: number) {
  return {
    connection: event.connection,
    tenant: event.tenant,
    delivery_id: event.deliveryId,
    type: event.type,
    subject: event.subject,
    key: event.key,
    consumer: event.consumer,
    rule: event.rule,
    content_type: event.contentType,
    headers: event.headers,
    body: event.body.toString('base64'),
    sha256,
    occurred_at: event.occurredAt,
    state: event.state,
    detail: event.detail,
    lands: event.lands,
    resend_ms: event.resendMs,
    place,
  };
}
