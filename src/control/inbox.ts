import type { Knex } from 'knex';
import { type Database, only, query } from '../database/postgres.js';
import type { EventState } from '../domain/event.js';
import { insertEvents, insertNew } from './inbox-insert.js';

/** An event as it came, before it is stored. */
export interface NewEvent {
  readonly connection: string;
  readonly tenant: string;
  /** The sender's own id of the delivery; null = told from others by its content, within `resendMs`. */
  readonly deliveryId: string | null;
  /** How long the sender may send the same content again for the same event. */
  readonly resendMs: number;
  readonly type: string;
  readonly subject: string | null;
  /** Events of one key are handled in order. */
  readonly key: string;
  /** Who handles it; null = nobody: it is landed only. */
  readonly consumer: string | null;
  readonly rule: string | null;
  readonly contentType: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly occurredAt: Date | null;
  /** `rejected` and `filtered` are ends already, with their reason in `detail`. */
  readonly state: Extract<EventState, 'accepted' | 'rejected' | 'filtered'>;
  readonly detail: string | null;
  /** Whether it goes into the lake and the warehouse. */
  readonly lands: boolean;
}

/** What became of the storing of one event. */
export interface Accepted {
  readonly eventId: string;
  /** It was there already, under this id. */
  readonly isDuplicate: boolean;
}

/** A row of control.inbox. */
export interface InboxRow {
  /** Its place in the order in which events came. */
  readonly id: string;
  /** `evt_` and 24 hex digits, of the connection and the delivery: the same for a delivery that comes again. Of a duplicate, its original's. */
  readonly event_id: string;
  readonly tenant: string;
  readonly connection: string;
  readonly delivery_id: string | null;
  readonly type: string;
  readonly subject: string | null;
  readonly key: string;
  readonly consumer: string | null;
  readonly rule: string | null;
  readonly content_type: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly sha256: string;
  readonly occurred_at: Date | null;
  readonly accepted_at: Date;
  readonly state: EventState;
  /** By what it was processed or filtered, what it is a duplicate of, why it was rejected or is dead. */
  readonly detail: string | null;
  readonly attempts: number;
  readonly ended_at: Date | null;
  readonly landed_at: Date | null;
  readonly lake_key: string | null;
}

/** What became of an event. */
export type Outcome = { readonly id: string } & (
  | { readonly state: 'processed' | 'filtered' | 'dispatched'; readonly by: string }
  | { readonly state: 'rejected' | 'dead'; readonly reason: string }
);

/** Whose events wait: handled in order, by one at a time. */
export interface WaitingKey {
  readonly tenant: string;
  readonly consumer: string;
  readonly key: string;
}

/** How long an event waits after it failed, ever longer, and when it is given up. */
export interface Waits {
  readonly firstWaitMs: number;
  readonly longestWaitMs: number;
  readonly mostAttempts: number;
}

export interface EventFilter {
  readonly connection?: string;
  readonly state?: EventState;
  readonly type?: string;
  /** Only what came before this one: how a list goes on. */
  readonly beforeId?: string;
  /** Only what came after this one. */
  readonly afterId?: string;
  readonly limit: number;
}

export type InboxStore = ReturnType<typeof createInboxStore>;

/** A dispatched event whose workflow has not acknowledged it is dispatched again after this. */
const dispatchAgainMs = 60_000;

/** What came from outside: stored before it is acknowledged, unique, and each to end in a named state, once. */
export function createInboxStore(control: Database) {
  const { knex } = control;
  const tell = teller(control);

  return {
    /** Stores events in one commit; answers each in its place. One that is there already is noted as its duplicate. */
    async accept(events: readonly NewEvent[]): Promise<Accepted[]> {
      const accepted = await control.guard('storing events', () => insertEvents(knex, events));
      void tell();
      return accepted;
    },

    /** The same where one that is there already is nothing to note: its sender reads its own log once more. Answers how many are new. */
    async acceptOnce(events: readonly NewEvent[]): Promise<number> {
      const inserted = await control.guard('storing events', () => insertNew(knex, events));
      void tell();
      return inserted;
    },

    /** Keys whose first waiting event is due; longest waiting first. */
    waitingKeys(limit: number): Promise<WaitingKey[]> {
      return control.guard('looking for events', async () => {
        const { rows } = await query<WaitingKey>(
          knex,
          `SELECT tenant, consumer, key FROM (
             SELECT DISTINCT ON (tenant, consumer, key) tenant, consumer, key, id, due_at
             FROM control.inbox WHERE state = 'accepted' AND consumer IS NOT NULL
             ORDER BY tenant, consumer, key, id) first
           WHERE due_at <= clock_timestamp() ORDER BY id LIMIT :limit`,
          { limit },
        );
        return rows;
      });
    },

    /**
     * Has the waiting events of a key handled in order, in the transaction that holds the key. False when somebody
     * else holds it. What `handle` throws rolls everything back.
     */
    withKey(
      key: WaitingKey,
      limit: number,
      handle: (rows: readonly InboxRow[], trx: Knex.Transaction) => Promise<readonly Outcome[]>,
    ): Promise<boolean> {
      return control.guard('handling events', () =>
        knex.transaction(async (trx) => {
          const { rows: locks } = await query<{ ours: boolean }>(
            trx,
            `SELECT pg_try_advisory_xact_lock(hashtextextended('inbox/' || :tenant || '/' || :consumer || '/' || :key, 0)) AS ours`,
            { ...key },
          );
          if (!only(locks).ours) return false;
          const { rows } = await query<InboxRow>(
            trx,
            `SELECT * FROM control.inbox WHERE tenant = :tenant AND consumer = :consumer AND key = :key AND state = 'accepted'
             ORDER BY id LIMIT :limit`,
            { ...key, limit },
          );
          if (rows.length > 0) await conclude(trx, await handle(rows, trx));
          return true;
        }),
      );
    },

    /** Puts off the first of the key's waiting events, and with it those behind it; one that failed too often is dead. */
    async putOff(key: WaitingKey, reason: string, waits: Waits): Promise<void> {
      await control.guard('putting off events', () =>
        query(
          knex,
          `UPDATE control.inbox SET attempts = attempts + 1, detail = :reason,
                  due_at = clock_timestamp() + least(:first * power(2, attempts), :longest) * interval '1 millisecond',
                  state = CASE WHEN attempts + 1 >= :most THEN 'dead' ELSE state END,
                  ended_at = CASE WHEN attempts + 1 >= :most THEN clock_timestamp() END
           WHERE id = (SELECT min(id) FROM control.inbox
                       WHERE tenant = :tenant AND consumer = :consumer AND key = :key AND state = 'accepted')
             AND state = 'accepted'`,
          {
            ...key,
            reason: reason.slice(0, 1_000),
            first: waits.firstWaitMs,
            longest: waits.longestWaitMs,
            most: waits.mostAttempts,
          },
        ),
      );
    },

    /** Dispatched events that nobody has acknowledged for long are handed out once more; answers how many. */
    dispatchAgain(): Promise<number> {
      return control.guard('looking for events', async () => {
        const { rowCount } = await query(
          knex,
          `UPDATE control.inbox SET state = 'accepted', due_at = clock_timestamp()
           WHERE state = 'dispatched' AND due_at < clock_timestamp() - :after * interval '1 millisecond'`,
          { after: dispatchAgainMs },
        );
        return rowCount;
      });
    },

    /** Newest first. */
    list: (filter: EventFilter): Promise<InboxRow[]> =>
      control.guard('listing events', () => select(knex, filter, 'DESC')),

    /** What came after one, in the order in which it came. */
    after: (id: string, filter: EventFilter): Promise<InboxRow[]> =>
      control.guard('listing events', () => select(knex, { ...filter, afterId: id }, 'ASC')),

    /** The event itself, not its duplicates; null when there is none. */
    find(eventId: string): Promise<InboxRow | null> {
      return control.guard('reading an event', async () => {
        const { rows } = await query<InboxRow>(
          knex,
          'SELECT * FROM control.inbox WHERE event_id = :eventId',
          { eventId },
        );
        return rows[0] ?? null;
      });
    },

    /** How often the sender sent it again. */
    duplicatesOf(eventId: string): Promise<number> {
      return control.guard('counting an event’s duplicates', async () => {
        const { rows } = await query<{ n: number }>(
          knex,
          `SELECT count(*)::int AS n FROM control.inbox WHERE detail = :eventId AND state = 'duplicate'`,
          { eventId },
        );
        return only(rows).n;
      });
    },

    /**
     * Hands an ended event out once more, as today's rules have it. False when it is under way, or is a duplicate: its
     * original is the one to replay.
     */
    replay(
      id: string,
      as: Pick<NewEvent, 'key' | 'consumer' | 'rule' | 'type' | 'subject'>,
    ): Promise<boolean> {
      return control.guard('replaying an event', async () => {
        const { rowCount } = await query(
          knex,
          `UPDATE control.inbox SET state = 'accepted', detail = NULL, ended_at = NULL, attempts = 0,
                  due_at = clock_timestamp(), key = :key, consumer = :consumer, rule = :rule, type = :type,
                  subject = :subject, lands = true,
                  -- What nobody handles is done when it is landed: it is landed again, and merged into itself.
                  landed_at = CASE WHEN :consumer::text IS NULL THEN NULL ELSE landed_at END
           WHERE id = :id AND state IN ('processed','filtered','rejected','dead')`,
          { id, ...as },
        );
        void tell();
        return rowCount === 1;
      });
    },
  };
}

/** Where those who handle events listen. */
export const inboxChannel = 'baton_inbox';

/**
 * Wakes who listens, one message under way at a time. Not part of the commits that it tells of: PostgreSQL has those
 * that notify wait for one another. One that is lost costs a second, for they also look by themselves.
 */
function teller({ knex }: Database): () => Promise<void> {
  let telling = false;
  let again = false;
  return async () => {
    again = true;
    if (telling) return;
    telling = true;
    while (again) {
      again = false;
      await knex.raw('SELECT pg_notify(?, ?)', [inboxChannel, '']).catch(() => {});
    }
    telling = false;
  };
}

/** Writes down what became of events; one that has ended meanwhile stays as it is. */
export async function conclude(db: Knex, outcomes: readonly Outcome[]): Promise<void> {
  if (outcomes.length === 0) return;
  const rows = outcomes.map((outcome) => ({
    id: outcome.id,
    state: outcome.state,
    detail: 'by' in outcome ? outcome.by : outcome.reason,
  }));
  await db.raw(
    `UPDATE control.inbox i SET state = o.state, detail = o.detail, due_at = clock_timestamp(),
            ended_at = CASE WHEN o.state = 'dispatched' THEN NULL ELSE clock_timestamp() END
     FROM json_to_recordset(?) AS o(id bigint, state text, detail text)
     WHERE i.id = o.id AND i.state IN ('accepted','dispatched')`,
    [JSON.stringify(rows)],
  );
}

async function select(knex: Knex, filter: EventFilter, order: 'ASC' | 'DESC'): Promise<InboxRow[]> {
  const { rows } = await query<InboxRow>(
    knex,
    `SELECT *, coalesce(event_id, detail) AS event_id FROM control.inbox
     WHERE (:connection::text IS NULL OR connection = :connection) AND (:state::text IS NULL OR state = :state)
       AND (:type::text IS NULL OR type = :type) AND (:before::bigint IS NULL OR id < :before::bigint)
       AND (:after::bigint IS NULL OR id > :after::bigint)
     ORDER BY id ${order} LIMIT :limit`,
    {
      connection: filter.connection ?? null,
      state: filter.state ?? null,
      type: filter.type ?? null,
      before: filter.beforeId ?? null,
      after: filter.afterId ?? null,
      limit: filter.limit,
    },
  );
  return rows;
}
