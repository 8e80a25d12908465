import { createHash } from 'node:crypto';
import type { Knex } from 'knex';
import type { Database } from '../database/postgres.js';
import type { Plan } from '../domain/plan.js';
import type { FinishedStep, StageResult } from '../protocol/activities.js';
import type { ErrorView } from '../protocol/errors.js';
import type { RunClass, RunState, Trigger } from '../protocol/names.js';
import type {
  Interval,
  Receipt,
  RunProgress,
  StepProgress,
  StepState,
  TicketCounts,
} from '../protocol/run.js';

/** A row of control.runs; times as Date. */
export interface RunRow {
  readonly id: string;
  readonly short_id: string;
  readonly pipeline: string;
  readonly tenant: string;
  readonly logical_time: Date;
  /** The end of the interval that the run owns; empty when it owns none. */
  readonly scope: string;
  readonly attempt: number;
  readonly class: RunClass;
  readonly parent: string | null;
  readonly state: RunState;
  readonly trigger: Trigger;
  readonly temporal_run_id: string;
  readonly plan_hash: string;
  readonly full_refresh: boolean;
  readonly inputs: Readonly<Record<string, string>>;
  readonly created_at: Date;
  readonly started_at: Date | null;
  readonly ended_at: Date | null;
  readonly receipt: Receipt | null;
  readonly tickets: TicketCounts | null;
  readonly error: ErrorView | null;
}

export interface ClaimInput {
  readonly id: string;
  readonly pipeline: string;
  readonly tenant: string;
  readonly logicalTime: string;
  readonly trigger: Trigger;
  readonly temporalRunId: string;
  readonly fullRefresh: boolean;
  readonly inputs: Readonly<Record<string, string>>;
  readonly plan: Plan;
  /** Live when not given. */
  readonly class?: RunClass | undefined;
  /** Tells the run that owns an interval from the live run of the same time. */
  readonly window?: Interval | undefined;
  /** 1 when not given, or what `raiseAttempt` answered. */
  readonly attempt?: number | undefined;
  /** Workflow id of the fan-out that it is part of. */
  readonly parent?: string | undefined;
}

/** sha256 of the plan's JSON: what a run's arguments carry instead of the plan. */
export function planHash(plan: Plan): string {
  return createHash('sha256').update(JSON.stringify(plan)).digest('hex');
}

/** First eight hex digits of the id's hash: what a person types. */
export function shortRunId(id: string): string {
  return createHash('sha256').update(id).digest('hex').slice(0, 8);
}

export type RunStore = ReturnType<typeof createRunStore>;

/** Runs, their steps and their slots. Every method is one transaction and may be repeated. */
export function createRunStore(control: Database) {
  const { knex } = control;

  return {
    /**
     * Claims the logical time for this execution. True for the first claimant and for its own repeats; false
     * when another execution has it.
     */
    claim(input: ClaimInput): Promise<boolean> {
      return control.guard('claiming the run', () =>
        knex.transaction(async (trx) => {
          const hash = planHash(input.plan);
          const { attempt = 1, class: runClass = 'live', parent = null } = input;
          const scope = input.window?.to ?? '';
          await trx.raw(
            'INSERT INTO control.plans (hash, pipeline, plan) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
            [hash, input.pipeline, JSON.stringify(input.plan)],
          );
          await trx.raw(
            `INSERT INTO control.runs (id, short_id, pipeline, tenant, logical_time, state, trigger, temporal_run_id,
                                       plan_hash, full_refresh, inputs, scope, class, parent)
             SELECT ?, ?, ?, ?, ?, 'queued', ?, ?, ?, ?, ?, ?, ?, ? WHERE ? = 1 ON CONFLICT DO NOTHING`,
            [
              input.id,
              shortRunId(input.id),
              input.pipeline,
              input.tenant,
              input.logicalTime,
              input.trigger,
              input.temporalRunId,
              hash,
              input.fullRefresh,
              JSON.stringify(input.inputs),
              scope,
              runClass,
              parent,
              attempt,
            ] as string[],
          );
          if (attempt > 1)
            await trx.raw(
              `UPDATE control.runs SET temporal_run_id = ?, plan_hash = ?, class = ?, parent = coalesce(?, parent)
               WHERE id = ? AND attempt = ? AND temporal_run_id = ''`,
              [input.temporalRunId, hash, runClass, parent, input.id, attempt] as string[],
            );
          const { rows } = await trx.raw(
            `SELECT temporal_run_id, attempt FROM control.runs
             WHERE pipeline = ? AND tenant = ? AND logical_time = ? AND scope = ?`,
            [input.pipeline, input.tenant, input.logicalTime, scope],
          );
          const [row] = rows;
          if (row?.temporal_run_id !== input.temporalRunId || row.attempt !== attempt) return false;
          for (const [ordinal, step] of input.plan.steps.entries()) {
            await trx.raw(
              `INSERT INTO control.steps (run_id, step_id, ordinal, title) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`,
              [input.id, step.id, ordinal, step.title],
            );
          }
          return true;
        }),
      );
    },

    /**
     * Opens a run that has ended for another attempt, by compare-and-set; null when somebody else did, or it runs. Its
     * finished steps stay done; with `again` nothing does, and its batches make room for new ones.
     */
    raiseAttempt(id: string, attempt: number, again = false): Promise<number | null> {
      return control.guard('opening the run again', () =>
        knex.transaction((trx) => raiseAttempt(trx, id, attempt, again)),
      );
    },

    /** What earlier attempts finished. */
    async finishedSteps(runId: string): Promise<readonly FinishedStep[]> {
      const { rows } = await control.guard('reading the finished steps', () =>
        knex.raw(
          `SELECT step_id AS id, output FROM control.steps WHERE run_id = ? AND state = 'succeeded' ORDER BY ordinal`,
          [runId],
        ),
      );
      return rows;
    },

    /** Ends an extract step, and keeps what it staged for a later attempt of the run. */
    async stepStaged(runId: string, stepId: string, output: StageResult): Promise<void> {
      await control.guard('noting a step', () =>
        knex.raw(
          `UPDATE control.steps SET state = 'succeeded', detail = NULL, ended_at = coalesce(ended_at, now()), output = ?
           WHERE run_id = ? AND step_id = ?`,
          [JSON.stringify(output), runId, stepId],
        ),
      );
    },

    /** A step that no plan names: the tenants of a mapped run. */
    async addStep(runId: string, stepId: string, title: string): Promise<void> {
      await control.guard('noting a step', () =>
        knex.raw(
          `INSERT INTO control.steps (run_id, step_id, ordinal, title) VALUES (?, ?, 0, ?)
           ON CONFLICT (run_id, step_id) DO UPDATE SET title = excluded.title, state = 'pending', ended_at = NULL`,
          [runId, stepId, title],
        ),
      );
    },

    /** Marks a run that needs no slot of its pipeline as running. */
    async begin(runId: string): Promise<void> {
      await control.guard('beginning the run', () => knex.raw(beginSql, [runId]));
    },

    /** Takes one of `limit` slots of `key` for the run, or finds that it has one. Answers who is in the way. */
    acquireSlot(input: {
      key: string;
      limit: number;
      runId: string;
      temporalRunId: string;
    }): Promise<
      { acquired: true } | { acquired: false; owners: { run_id: string; temporal_run_id: string }[] }
    > {
      return control.guard('taking a slot', () =>
        knex.transaction(async (trx) => {
          await trx.raw('SELECT pg_advisory_xact_lock(hashtextextended(?, 7203321002))', [input.key]);
          const { rows } = await trx.raw(
            'SELECT slot, run_id, temporal_run_id FROM control.slots WHERE key = ?',
            [input.key],
          );
          const mine = rows.find((row: { run_id: string }) => row.run_id === input.runId);
          const taken = new Set(rows.map((row: { slot: number }) => row.slot));
          if (mine === undefined && taken.size >= input.limit) {
            await trx.raw(`UPDATE control.runs SET state = 'waiting' WHERE id = ? AND state = 'queued'`, [
              input.runId,
            ]);
            return { acquired: false, owners: rows };
          }
          if (mine === undefined) {
            let slot = 0;
            while (taken.has(slot)) slot += 1;
            await trx.raw(
              'INSERT INTO control.slots (key, slot, run_id, temporal_run_id) VALUES (?, ?, ?, ?)',
              [input.key, slot, input.runId, input.temporalRunId],
            );
          }
          await trx.raw(beginSql, [input.runId]);
          return { acquired: true };
        }),
      );
    },

    /** Frees the slot of a run whose owner is gone or done. */
    async releaseSlot(runId: string): Promise<void> {
      await control.guard('freeing a slot', () =>
        knex.raw('DELETE FROM control.slots WHERE run_id = ?', [runId]),
      );
    },

    /** The run that has waited longest for a slot of this pipeline and tenant. */
    async nextWaiting(pipeline: string, tenant: string): Promise<string | null> {
      const { rows } = await control.guard('finding who waits', () =>
        knex.raw(
          `SELECT id FROM control.runs WHERE pipeline = ? AND tenant = ? AND state = 'waiting' AND class <> 'backfill' ORDER BY created_at LIMIT 1`,
          [pipeline, tenant],
        ),
      );
      return rows[0]?.id ?? null;
    },

    async stepStarted(runId: string, stepId: string, attempt: number): Promise<void> {
      await control.guard('noting a step', () =>
        knex.raw(
          `UPDATE control.steps SET state = 'running', attempt = greatest(attempt, ?), detail = NULL,
                  started_at = coalesce(started_at, now())
           WHERE run_id = ? AND step_id = ? AND state IN ('pending', 'running', 'retrying')`,
          [attempt, runId, stepId],
        ),
      );
    },

    /** Replaces the step's counts, which are shown in the order given. Progress clears its count of vendor failures. */
    async stepCounted(
      runId: string,
      stepId: string,
      counts: Readonly<Record<string, number>>,
      isProgress = false,
    ): Promise<void> {
      await control.guard('noting a step', () =>
        knex.raw(
          `UPDATE control.steps SET counts = ?, vendor_failures = CASE WHEN ? THEN 0 ELSE vendor_failures END
           WHERE run_id = ? AND step_id = ?`,
          [JSON.stringify(counts), isProgress, runId, stepId],
        ),
      );
    },

    async stepEnded(runId: string, stepId: string, state: StepState, detail: string | null): Promise<void> {
      await control.guard('noting a step', () =>
        knex.raw(
          `UPDATE control.steps SET state = ?, detail = ?, ended_at = CASE WHEN ? = 'retrying' THEN NULL ELSE now() END
           WHERE run_id = ? AND step_id = ? AND state NOT IN ('succeeded')`,
          [state, detail, state, runId, stepId],
        ),
      );
    },

    /** Counts one failure of the vendor since the step last made progress; answers how many that makes. */
    async countVendorFailure(runId: string, stepId: string): Promise<number> {
      const { rows } = await control.guard('counting a failure', () =>
        knex.raw(
          `UPDATE control.steps SET vendor_failures = vendor_failures + 1 WHERE run_id = ? AND step_id = ?
           RETURNING vendor_failures`,
          [runId, stepId],
        ),
      );
      return rows[0]?.vendor_failures ?? 1;
    },

    /** Writes the end of a run once; a repeat finds it ended and changes nothing. */
    finish(input: {
      id: string;
      state: RunState;
      receipt: Receipt;
      tickets: TicketCounts;
      error: ErrorView | null;
    }): Promise<RunRow> {
      return control.guard('ending the run', () =>
        knex.transaction(async (trx) => {
          await trx.raw(
            `UPDATE control.runs SET state = ?, receipt = ?, tickets = ?, error = ?, ended_at = now(),
                    started_at = coalesce(started_at, now())
             WHERE id = ? AND ended_at IS NULL`,
            [
              input.state,
              JSON.stringify(input.receipt),
              JSON.stringify(input.tickets),
              input.error === null ? null : JSON.stringify(input.error),
              input.id,
            ],
          );
          const unfinished = input.state === 'cancelled' ? 'cancelled' : 'skipped';
          await trx.raw(
            `UPDATE control.steps SET state = ?, ended_at = now() WHERE run_id = ? AND state IN ('pending','running','retrying')`,
            [unfinished, input.id],
          );
          await trx.raw('DELETE FROM control.slots WHERE run_id = ?', [input.id]);
          const { rows } = await trx.raw('SELECT * FROM control.runs WHERE id = ?', [input.id]);
          return rows[0] as RunRow;
        }),
      );
    },

    /** Newest first. `before` is the creation time of the last row of the page before. */
    async list(filter: {
      pipeline?: string;
      state?: string;
      limit: number;
      before?: Date;
    }): Promise<RunRow[]> {
      return control.guard('listing runs', () => {
        const query = knex('control.runs').select('*').orderBy('created_at', 'desc').limit(filter.limit);
        if (filter.pipeline !== undefined) query.where('pipeline', filter.pipeline);
        if (filter.state !== undefined) query.where('state', filter.state);
        if (filter.before !== undefined) query.where('created_at', '<', filter.before);
        return query;
      });
    },

    /** By full id, by short id or a prefix of it, or `latest`. More than one match = ambiguous: all are given. */
    async find(idOrPrefix: string): Promise<RunRow[]> {
      return control.guard('finding the run', () => {
        if (idOrPrefix === 'latest')
          return knex('control.runs').select('*').orderBy('created_at', 'desc').limit(1);
        if (idOrPrefix.startsWith('run/')) return knex('control.runs').select('*').where('id', idOrPrefix);
        if (!/^[0-9a-f]{1,8}$/.test(idOrPrefix)) return Promise.resolve([] as RunRow[]);
        return knex('control.runs').select('*').where('short_id', 'like', `${idOrPrefix}%`).limit(5);
      });
    },

    /** The run and its steps, as the live tree shows them. */
    async progress(id: string): Promise<RunProgress | null> {
      return control.guard('reading the run', async () => {
        const run = (await knex('control.runs').select('*').where('id', id))[0] as RunRow | undefined;
        if (run === undefined) return null;
        const steps = await knex('control.steps').select('*').where('run_id', id).orderBy('ordinal');
        return {
          id: run.id,
          pipeline: run.pipeline,
          tenant: run.tenant,
          logicalTime: run.logical_time.toISOString(),
          state: run.state,
          steps: steps.map(toStepProgress),
        };
      });
    },

    /** The plan that the run executed, from its hash. */
    async planOf(runId: string): Promise<Plan | null> {
      const { rows } = await control.guard('reading the plan', () =>
        knex.raw(
          'SELECT p.plan FROM control.plans p JOIN control.runs r ON r.plan_hash = p.hash WHERE r.id = ?',
          [runId],
        ),
      );
      return rows[0]?.plan ?? null;
    },

    /** Runs that the database believes open, for the reconciler. */
    async open(): Promise<RunRow[]> {
      return control.guard('listing open runs', () =>
        knex('control.runs')
          .select('*')
          .whereIn('state', ['queued', 'running', 'waiting'])
          // A run that is just being started again: its execution of before is no word on it.
          .whereRaw(`(temporal_run_id <> '' OR attempted_at < now() - interval '1 minute')`)
          .limit(500),
      );
    },
  };
}

const beginSql = `UPDATE control.runs SET state = 'running', started_at = coalesce(started_at, now())
  WHERE id = ? AND state IN ('queued', 'waiting', 'running')`;

/** See `RunStore.raiseAttempt`; for those who decide about more than one run in their transaction. */
export async function raiseAttempt(
  trx: Knex.Transaction,
  id: string,
  attempt: number,
  again: boolean,
): Promise<number | null> {
  const { rows } = await trx.raw(
    `UPDATE control.runs SET attempt = attempt + 1, state = 'queued', temporal_run_id = '', error = NULL,
            started_at = NULL, ended_at = NULL, attempted_at = now()
     WHERE id = ? AND attempt = ? AND ended_at IS NOT NULL RETURNING attempt`,
    [id, attempt],
  );
  if (rows[0] === undefined) return null;
  if (again)
    await trx.raw(`UPDATE control.batches SET run_id = run_id || '#' || ? WHERE run_id = ?`, [
      String(attempt),
      id,
    ]);
  await trx.raw(
    `UPDATE control.steps SET state = 'pending', attempt = 0, started_at = NULL, ended_at = NULL, detail = NULL,
            vendor_failures = 0, counts = '{}', output = NULL
     WHERE run_id = ? AND (? OR state <> 'succeeded')`,
    [id, again],
  );
  return rows[0].attempt;
}

function toStepProgress(row: {
  step_id: string;
  title: string;
  state: StepState;
  attempt: number;
  started_at: Date | null;
  ended_at: Date | null;
  counts: Record<string, number>;
  detail: string | null;
}): StepProgress {
  return {
    id: row.step_id,
    title: row.title,
    state: row.state,
    attempt: row.attempt,
    startedAt: row.started_at?.toISOString() ?? null,
    endedAt: row.ended_at?.toISOString() ?? null,
    counts: row.counts,
    detail: row.detail,
  };
}
