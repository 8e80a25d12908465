import type { Knex } from 'knex';
import { type Database, query } from '../database/postgres.js';

/** Who is to be told that there is something for it: a workflow that is started if need be. */
export interface Bell {
  readonly workflowId: string;
  readonly workflowType: string;
  /** Rung by signal-with-start; null = the workflow is only started, and one that runs or has ended is left alone. */
  readonly signal: string | null;
  /** Its one argument: names and ids, never content. */
  readonly input: Readonly<Record<string, unknown>>;
}

export interface DueBell extends Bell {
  /** How often it was hung up; what is taken down must not have been rung again meanwhile. */
  readonly rings: string;
  readonly attempts: number;
}

export type BellStore = ReturnType<typeof createBellStore>;

/** Somebody else rings a bell that its ringer has not taken down by then. */
const ringMs = 10_000;

const asDue = `workflow_id AS "workflowId", workflow_type AS "workflowType", signal, input, rings, attempts`;

/**
 * Hangs up bells in the transaction that stores what they are rung for: so none is lost, however late it is rung. They
 * are the caller's to ring once that is committed, or at once those of `others`; when nobody has, others do.
 */
export async function hangBells(
  db: Knex,
  bells: readonly Bell[],
  ringer: 'caller' | 'others' = 'caller',
): Promise<DueBell[]> {
  const unique = [...new Map(bells.map((bell) => [bell.workflowId, bell])).values()];
  if (unique.length === 0) return [];
  // In one order everywhere: two transactions must not wait for each other's bells.
  unique.sort((a, b) => (a.workflowId < b.workflowId ? -1 : 1));
  const { rows } = await db.raw(
    `INSERT INTO control.bells (workflow_id, workflow_type, signal, input, due_at)
     SELECT id, type, signal, input, clock_timestamp() + ? * interval '1 millisecond'
     FROM json_to_recordset(?) AS b(id text, type text, signal text, input json)
     ON CONFLICT (workflow_id) DO UPDATE SET rings = control.bells.rings + 1, due_at = EXCLUDED.due_at
     RETURNING ${asDue}`,
    [
      ringer === 'caller' ? ringMs : 0,
      JSON.stringify(
        unique.map(({ workflowId, workflowType, signal, input }) => ({
          id: workflowId,
          type: workflowType,
          signal,
          input,
        })),
      ),
    ],
  );
  return rows;
}

/** The bells that hang: an outbox towards Temporal. Ringing twice is harmless, not ringing is not. */
export function createBellStore(control: Database) {
  const { knex } = control;
  return {
    /** Takes those that are due, each for one ringer at a time; longest due first. */
    take(limit: number): Promise<DueBell[]> {
      return control.guard('looking for bells', async () => {
        const { rows } = await query<DueBell>(
          knex,
          `WITH taken AS (UPDATE control.bells b SET due_at = clock_timestamp() + :lease * interval '1 millisecond', attempts = attempts + 1
           FROM (SELECT workflow_id FROM control.bells WHERE due_at <= clock_timestamp()
                 ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED) due
           WHERE b.workflow_id = due.workflow_id
           RETURNING b.*)
           SELECT ${asDue} FROM taken`,
          { limit, lease: ringMs },
        );
        return rows;
      });
    },

    /** Takes down one that was rung, unless it was hung up again meanwhile. */
    async rung({ workflowId, rings }: DueBell): Promise<void> {
      await control.guard('taking down a bell', () =>
        query(knex, 'DELETE FROM control.bells WHERE workflow_id = :workflowId AND rings = :rings', {
          workflowId,
          rings,
        }),
      );
    },

    /** Notes why one could not be rung; it is tried again after the wait. */
    async failed({ workflowId }: DueBell, error: string, waitMs: number): Promise<void> {
      await control.guard('noting a bell', () =>
        query(
          knex,
          `UPDATE control.bells SET last_error = :error, due_at = clock_timestamp() + :wait * interval '1 millisecond'
           WHERE workflow_id = :workflowId`,
          { workflowId, error: error.slice(0, 500), wait: waitMs },
        ),
      );
    },
  };
}
