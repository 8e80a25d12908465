import type { Knex } from 'knex';
import { readBounded } from '../database/bounded.js';
import { type Database, only, query } from '../database/postgres.js';
import type { EffectState } from '../domain/effect.js';
import type { EventState } from '../domain/event.js';
import type { RunState } from '../protocol/names.js';
import { deadLetters } from './dead-letters.js';

/** Upper bounds of the histogram of run durations, in seconds. */
export const durationBounds = [1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 14400] as const;

export interface RunDurations {
  readonly pipeline: string;
  readonly count: number;
  readonly seconds: number;
  /** How many took at most as long as the bound of the same place in `durationBounds`. */
  readonly within: readonly number[];
}

/** What the control database says of all work so far. Counts, never rows. */
export interface ControlMeasures {
  readonly runs: readonly { readonly pipeline: string; readonly state: RunState; readonly count: number }[];
  readonly durations: readonly RunDurations[];
  /** Records landed in the lake. */
  readonly landed: number;
  readonly effects: readonly {
    readonly connection: string;
    readonly state: EffectState;
    readonly count: number;
  }[];
  readonly requests: readonly {
    readonly connection: string;
    readonly status: string;
    readonly requests: number;
    readonly waitMs: number;
  }[];
  /** The breaker of each connection; 0 closed, 1 half open, 2 open. */
  readonly breakers: readonly {
    readonly connection: string;
    readonly tenant: string;
    readonly level: number;
  }[];
  /** Events by what became of them, and how long the oldest of those that wait has done so. */
  readonly events: readonly {
    readonly connection: string;
    readonly state: EventState;
    readonly count: number;
  }[];
  readonly inboxLagSeconds: number;
  /** What databases have written and we have not stored. */
  readonly replications: readonly { readonly connection: string; readonly lagBytes: number }[];
  /** What was given up and not put away. */
  readonly deadLetters: number;
  /** Tickets that are not resolved. */
  readonly tickets: readonly { readonly connection: string; readonly open: number }[];
}

export function readControlMeasures(control: Database, timeoutMs: number): Promise<ControlMeasures> {
  return readBounded(control, 'measuring the control database', timeoutMs, async (trx) => ({
    runs: await rows<ControlMeasures['runs'][number]>(
      trx,
      'SELECT pipeline, state, count(*)::float8 AS count FROM control.runs GROUP BY 1, 2 ORDER BY 1, 2',
    ),
    durations: await rows<RunDurations>(trx, durationsSql),
    landed: only(await rows<{ records: number }>(trx, landedSql)).records,
    effects: await rows<ControlMeasures['effects'][number]>(
      trx,
      'SELECT connection, state, count(*)::float8 AS count FROM control.effects GROUP BY 1, 2 ORDER BY 1, 2',
    ),
    requests: await rows<ControlMeasures['requests'][number]>(
      trx,
      `SELECT connection, status, requests::float8 AS requests, wait_ms::float8 AS "waitMs"
       FROM control.request_counts ORDER BY 1, 2`,
    ),
    breakers: await rows<ControlMeasures['breakers'][number]>(
      trx,
      `SELECT connection, tenant, array_position(ARRAY['closed','half_open','open'], state)::float8 - 1 AS level
       FROM control.budgets WHERE quota = '' ORDER BY 1, 2`,
    ),
    events: await rows<ControlMeasures['events'][number]>(
      trx,
      'SELECT connection, state, count(*)::float8 AS count FROM control.inbox GROUP BY 1, 2 ORDER BY 1, 2',
    ),
    inboxLagSeconds: only(await rows<{ seconds: number }>(trx, lagSql)).seconds,
    replications: await rows<ControlMeasures['replications'][number]>(
      trx,
      `SELECT connection, lag_bytes::float8 AS "lagBytes" FROM control.replications WHERE lag_bytes IS NOT NULL ORDER BY 1`,
    ),
    deadLetters: only(await rows<{ n: number }>(trx, deadSql)).n,
    tickets: await rows<ControlMeasures['tickets'][number]>(
      trx,
      `SELECT connection, count(*)::float8 AS open FROM control.tickets
       WHERE state IN ('opening','open','resolving') GROUP BY 1 ORDER BY 1`,
    ),
  }));
}

const withinSql = durationBounds
  .map((bound) => `count(*) FILTER (WHERE seconds <= ${bound})::float8`)
  .join(', ');

const lagSql = `
  SELECT coalesce(extract(epoch FROM clock_timestamp() - min(accepted_at)), 0)::float8 AS seconds
  FROM control.inbox WHERE state = 'accepted'`;

const deadSql = `SELECT count(*)::float8 AS n FROM (${deadLetters}) dead`;

const durationsSql = `
  SELECT pipeline, count(*)::float8 AS count, sum(seconds)::float8 AS seconds, ARRAY[${withinSql}] AS within
  FROM (SELECT pipeline, extract(epoch FROM ended_at - coalesce(started_at, created_at)) AS seconds
        FROM control.runs WHERE ended_at IS NOT NULL) ended
  GROUP BY pipeline ORDER BY pipeline`;

/** A closed batch carries its sum; only the parts of open ones are added up. */
const landedSql = `
  SELECT (SELECT coalesce(sum(records), 0) FROM control.batches WHERE state = 'landed')::float8
       + (SELECT coalesce(sum(p.records), 0) FROM control.parts p
          JOIN control.batches b USING (batch_id, generation) WHERE b.state = 'open')::float8 AS records`;

async function rows<R>(trx: Knex, sql: string): Promise<R[]> {
  return (await query<R>(trx, sql)).rows;
}
