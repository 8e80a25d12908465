import type { Knex } from 'knex';
import { type Database, only, query } from '../database/postgres.js';
import type { LoadCounts } from '../warehouse/port.js';
import type { Batch } from './batches.js';

export const arrivalStates = ['waiting', 'loaded', 'refused'] as const;
export type ArrivalState = (typeof arrivalStates)[number];

/** What is loaded in order, by one worker at a time: all that arrives for one table of one tenant. */
export interface ArrivalQueue {
  readonly tenant: string;
  /** `raw.zendesk_tickets`. */
  readonly target: string;
}

/** A row of control.arrivals: a closed batch of ours, or one version of an object that somebody else has put there. */
export interface Arrival extends ArrivalQueue {
  readonly id: string;
  readonly connection: string;
  readonly stream: string;
  /** The manifest of a batch (null when it has no record), or the object. */
  readonly key: string | null;
  readonly version: string | null;
  readonly bytes: string;
  readonly batch_id: string | null;
  readonly generation: number | null;
  readonly state: ArrivalState;
  readonly arrived_at: Date;
  readonly ended_at: Date | null;
  /** What loaded it: a row of the warehouse's `_baton_loads`, as rows name it in `_batch_id`. */
  readonly load: string | null;
  /** Why it was refused. */
  readonly reason: string | null;
  readonly counts: LoadCounts | null;
}

export interface Offer {
  readonly queue: ArrivalQueue;
  readonly connection: string;
  readonly stream: string;
  readonly objects: readonly { readonly key: string; readonly version: string; readonly bytes: number }[];
}

/** Where extraction of a stream goes on that is loaded apart. */
export interface LandedUntil {
  /** End of the last window that is in the lake; null = none is. */
  readonly until: string | null;
  /** A batch was refused that no later one covers: it is to be read again from the start of its window. */
  readonly again: boolean;
}

/** Of one run; `counts` are of what is loaded by now. */
export interface LandedBy {
  readonly pages: number;
  readonly calls: number;
  readonly read: number;
  readonly counts: LoadCounts;
}

export type ArrivalStore = ReturnType<typeof createArrivalStore>;

/** What waits in the lake for its load, and what became of the rest. Each row ends in one named state, once. */
export function createArrivalStore(control: Database) {
  const { knex } = control;

  return {
    /** The one that has waited longest; null when none waits. */
    next({ tenant, target }: ArrivalQueue): Promise<Arrival | null> {
      return control.guard('reading what has arrived', async () => {
        const { rows } = await query<Arrival>(
          knex,
          `SELECT * FROM control.arrivals WHERE tenant = :tenant AND target = :target AND state = 'waiting'
           ORDER BY id LIMIT 1`,
          { tenant, target },
        );
        return rows[0] ?? null;
      });
    },

    waiting({ tenant, target }: ArrivalQueue): Promise<number> {
      return control.guard('counting what has arrived', async () => {
        const { rows } = await query<{ n: number }>(
          knex,
          `SELECT count(*)::int AS n FROM control.arrivals
           WHERE tenant = :tenant AND target = :target AND state = 'waiting'`,
          { tenant, target },
        );
        return only(rows).n;
      });
    },

    /** The queues in which something waits. */
    queues(): Promise<ArrivalQueue[]> {
      return control.guard('looking for what has arrived', async () => {
        const { rows } = await query<ArrivalQueue>(
          knex,
          `SELECT DISTINCT tenant, target FROM control.arrivals WHERE state = 'waiting' ORDER BY 1, 2`,
          {},
        );
        return rows;
      });
    },

    /** Notes objects of others; answers how many of them, in this version, were not known yet. */
    offer({ queue, connection, stream, objects }: Offer): Promise<number> {
      return control.guard('noting what has arrived', async () => {
        const { rowCount } = await knex.raw(
          `INSERT INTO control.arrivals (tenant, target, connection, stream, key, version, bytes)
           SELECT ?, ?, ?, ?, o.key, o.version, o.bytes
           FROM json_to_recordset(?) AS o(key text, version text, bytes bigint) ON CONFLICT DO NOTHING`,
          [queue.tenant, queue.target, connection, stream, JSON.stringify(objects)],
        );
        return rowCount ?? 0;
      });
    },

    /** Acknowledges it, once: a repeat changes nothing. */
    async loaded(id: string, load: string, counts: LoadCounts): Promise<void> {
      await control.guard('acknowledging a load', () =>
        query(
          knex,
          `UPDATE control.arrivals SET state = 'loaded', load = :load, counts = :counts, ended_at = clock_timestamp()
           WHERE id = :id AND state = 'waiting'`,
          { id, load, counts: JSON.stringify(counts) },
        ),
      );
    },

    async refuse(id: string, reason: string): Promise<void> {
      await control.guard('refusing what has arrived', () =>
        query(
          knex,
          `UPDATE control.arrivals SET state = 'refused', reason = :reason, ended_at = clock_timestamp()
           WHERE id = :id AND state = 'waiting'`,
          { id, reason },
        ),
      );
    },

    /** How far the stream is in the lake for this table; what was refused and not read again since does not count. */
    landedUntil(of: ArrivalQueue & { connection: string; stream: string }): Promise<LandedUntil> {
      return control.guard('reading how far a stream has landed', () => landedUntil(knex, of));
    },

    /** Newest first. */
    list(filter: { state: ArrivalState | null; limit: number }): Promise<Arrival[]> {
      return control.guard('listing what has arrived', async () => {
        const { rows } = await query<Arrival>(
          knex,
          `SELECT * FROM control.arrivals WHERE :state::text IS NULL OR state = :state ORDER BY id DESC LIMIT :limit`,
          { state: filter.state, limit: filter.limit },
        );
        return rows;
      });
    },

    /** Sums over a run's batches that are loaded apart; null when it has none. */
    landedBy(runId: string): Promise<LandedBy | null> {
      return control.guard('reading what a run has landed', async () => {
        const { rows } = await query<Landed>(knex, landedSql, { runId });
        const { batches, pages, calls, read, ...counts } = only(rows);
        return batches === 0 ? null : { pages, calls, read, counts: { read, ...counts } };
      });
    },
  };
}

type Landed = LoadCounts & { readonly batches: number; readonly pages: number; readonly calls: number };

const outcomes = ['loaded', 'unchanged', 'quarantined', 'duplicate', 'stale', 'filtered'] as const;

const landedSql = `
  SELECT count(*)::int AS batches, coalesce(sum(b.pages), 0)::int AS pages, coalesce(sum(b.calls), 0)::int AS calls,
         coalesce(sum(b.records), 0)::int AS read,
         ${outcomes.map((name) => `coalesce(sum((a.counts ->> '${name}')::int), 0)::int AS ${name}`).join(', ')}
  FROM control.arrivals a JOIN control.batches b USING (batch_id, generation) WHERE b.run_id = :runId`;

async function landedUntil(
  knex: Knex,
  of: ArrivalQueue & { connection: string; stream: string },
): Promise<LandedUntil> {
  const { rows } = await query<{ until: string | null; again: boolean; from: string | null }>(
    knex,
    `WITH landed AS (
       SELECT a.id, a.state, b.window_from, b.window_to
       FROM control.arrivals a JOIN control.batches b USING (batch_id, generation)
       WHERE a.tenant = :tenant AND a.target = :target AND a.connection = :connection AND a.stream = :stream
         AND NOT b.owns_window),
     gap AS (
       SELECT r.window_from FROM landed r WHERE r.state = 'refused' AND NOT EXISTS (
         SELECT FROM landed l WHERE l.id > r.id AND l.state <> 'refused' AND l.window_to >= r.window_to
           AND (l.window_from IS NULL OR l.window_from <= r.window_from))
       ORDER BY r.window_from NULLS FIRST LIMIT 1)
     SELECT (SELECT max(window_to) FROM landed WHERE state <> 'refused') AS until,
            EXISTS (SELECT FROM gap) AS again, (SELECT window_from FROM gap) AS "from"`,
    { tenant: of.tenant, target: of.target, connection: of.connection, stream: of.stream },
  );
  const { until, again, from } = only(rows);
  return again ? { until: from, again } : { until, again };
}

/** The arrival of a closed batch, as part of the statement that closes it: `landed` is the batch's row there. */
export const batchArrives = `
  INSERT INTO control.arrivals (tenant, target, connection, stream, key, version, bytes, batch_id, generation)
  SELECT tenant, target, connection, stream, manifest_key, manifest_sha256, bytes, batch_id, generation FROM landed
  ON CONFLICT DO NOTHING`;

/** What of a batch its arrival's queue is made of. */
export function queueOf({ tenant, target }: Pick<Batch, 'tenant' | 'target'>): ArrivalQueue {
  return { tenant, target };
}
