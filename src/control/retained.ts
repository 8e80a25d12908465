import { type Database, query } from '../database/postgres.js';
import type { Batch } from './batches.js';

/** Rows deleted in one statement: short transactions, so that runs beside it wait for nothing. */
const atOnce = 1_000;

/** Ended, and nothing refers to it that is not over: its effects, what it landed, and the newest of its kind. */
const oldRuns = `
  FROM control.runs r
  WHERE r.ended_at < :before AND r.state IN ('succeeded','partial','failed','cancelled','skipped')
    AND NOT EXISTS (SELECT FROM control.effects e WHERE e.run_id = r.id AND NOT (e.state IN ('confirmed','held')))
    AND NOT EXISTS (SELECT FROM control.batches b JOIN control.arrivals a USING (batch_id, generation)
                    WHERE b.run_id = r.id AND a.state = 'waiting')
    AND EXISTS (SELECT FROM control.runs l WHERE l.pipeline = r.pipeline AND l.tenant = r.tenant
                AND l.state = 'succeeded' AND l.ended_at > r.ended_at)`;

/**
 * Sent, swept for copies, and nothing more to be said to it: a message, or a word to a ticket that is resolved. The
 * ticket's own row stays, so that a recurrence opens the next episode and not this one again.
 */
const oldEffects = `
  FROM control.effects e LEFT JOIN control.tickets t USING (tenant, cause, episode)
  WHERE e.state = 'confirmed' AND e.confirmed_at < :before AND NOT (e.doubtful AND e.swept_at IS NULL AND e.kind <> 'command.send')
    AND (e.kind IN ('message.send', 'command.send') OR (t.state = 'resolved' AND t.updated_at < :before))`;

/** Ended, and in the lake where they belong there. What is dead waits for a person. */
const oldEvents = `
  FROM control.inbox i WHERE i.ended_at < :before AND i.state IN ('processed','duplicate','filtered','rejected')
    AND (NOT i.lands OR i.landed_at < :before)`;

/** Ended, and not the latest of their cause: that one says what is another occurrence of it. */
const oldIncidents = `
  FROM control.incidents i WHERE i.state = 'resolved' AND i.updated_at < :before
    AND EXISTS (SELECT FROM control.incidents l WHERE l.tenant = i.tenant AND l.cause = i.cause AND l.episode > i.episode)`;

/** Checkpoints of batches that arrived nowhere they wait, whose run is over. */
const oldParts = `
  FROM control.batches b
  WHERE b.landed_at < :before AND EXISTS (SELECT FROM control.parts p
      WHERE p.batch_id = b.batch_id AND p.generation = b.generation)
    AND NOT EXISTS (SELECT FROM control.runs r WHERE r.id = b.run_id AND r.ended_at IS NULL)
    AND NOT EXISTS (SELECT FROM control.arrivals a
      WHERE a.batch_id = b.batch_id AND a.generation = b.generation AND a.state = 'waiting')`;

/** A batch that is past its time. */
export interface OldBatch extends Batch {
  /** To the microsecond, which a Date has not. */
  readonly landed: string;
}

export type RetainedStore = ReturnType<typeof createRetainedStore>;

/** What in the control database is past its time. Each deletion may be repeated and may end anywhere. */
export function createRetainedStore(control: Database) {
  const { knex, guard } = control;

  async function count(sql: string, before: Date): Promise<number> {
    const { rows } = await query<{ n: number }>(knex, `SELECT count(*)::int AS n ${sql}`, { before });
    return rows[0]?.n ?? 0;
  }
  /** In portions; answers how many there were. */
  async function remove(sql: (portion: string) => string, before: Date): Promise<number> {
    for (let removed = 0; ; ) {
      const { rowCount } = await query(knex, sql(`LIMIT ${atOnce}`), { before });
      removed += rowCount ?? 0;
      if ((rowCount ?? 0) < atOnce) return removed;
    }
  }

  return {
    countRuns: (before: Date) => guard('counting old runs', () => count(oldRuns, before)),
    countEffects: (before: Date) => guard('counting old effects', () => count(oldEffects, before)),

    removeRuns: (before: Date) =>
      guard('removing old runs', async () => {
        const removed = await remove(
          (portion) => `DELETE FROM control.runs WHERE id IN (SELECT r.id ${oldRuns} ${portion})`,
          before,
        );
        await knex.raw(
          `DELETE FROM control.plans p WHERE NOT EXISTS (SELECT FROM control.runs r WHERE r.plan_hash = p.hash)
             AND p.created_at < ?`,
          [before],
        );
        return removed;
      }),

    removeEffects: (before: Date) =>
      guard('removing old effects', () =>
        remove(
          (portion) => `DELETE FROM control.effects WHERE key IN (SELECT e.key ${oldEffects} ${portion})`,
          before,
        ),
      ),

    countEvents: (before: Date) => guard('counting old events', () => count(oldEvents, before)),

    removeEvents: (before: Date) =>
      guard('removing old events', async () => {
        const removed = await remove(
          (portion) => `DELETE FROM control.inbox WHERE id IN (SELECT i.id ${oldEvents} ${portion})`,
          before,
        );
        await remove(
          (portion) => `DELETE FROM control.incidents WHERE id IN (SELECT i.id ${oldIncidents} ${portion})`,
          before,
        );
        await remove(
          (portion) => `DELETE FROM control.decisions WHERE id IN (
             SELECT d.id FROM control.decisions d WHERE d.decided_at < :before
               AND NOT EXISTS (SELECT FROM control.incidents i WHERE i.id = d.incident_id) ${portion})`,
          before,
        );
        return removed;
      }),

    /** Batches whose checkpoints are past their time, oldest first. */
    checkpointed: (before: Date, after: OldBatch | null): Promise<OldBatch[]> =>
      guard('looking for old checkpoints', () => page(oldParts, before, after)),

    /** Batches with objects in the lake, oldest first. */
    landed: (before: Date, after: OldBatch | null): Promise<OldBatch[]> =>
      guard('looking for old batches', () =>
        page(
          `FROM control.batches b WHERE b.landed_at < :before AND b.swept_at IS NULL AND b.manifest_key IS NOT NULL`,
          before,
          after,
        ),
      ),

    /** Answers how many there were. */
    forgetParts: (batch: Batch): Promise<number> =>
      guard('removing old checkpoints', async () => {
        const { rowCount } = await knex.raw(
          'DELETE FROM control.parts WHERE batch_id = ? AND generation = ?',
          [batch.batch_id, batch.generation],
        );
        return rowCount ?? 0;
      }),

    noteSwept: (batch: Batch): Promise<void> =>
      guard('noting a batch that was removed', async () => {
        await knex.raw('UPDATE control.batches SET swept_at = now() WHERE batch_id = ? AND generation = ?', [
          batch.batch_id,
          batch.generation,
        ]);
      }),

    /** One sweep at a time in all processes; null when another one is at it. */
    alone: <T>(work: () => Promise<T>): Promise<T | null> =>
      knex.transaction(async (trx) => {
        const { rows } = await trx.raw('SELECT pg_try_advisory_xact_lock(7203321009) AS mine');
        return rows[0].mine ? work() : null;
      }),
  };

  async function page(sql: string, before: Date, after: OldBatch | null): Promise<OldBatch[]> {
    const { rows } = await query<OldBatch>(
      knex,
      `SELECT b.*, b.landed_at::text AS landed ${sql} AND (b.landed_at, b.batch_id, b.generation) > (:at::timestamptz, :id, :generation)
       ORDER BY b.landed_at, b.batch_id, b.generation LIMIT 100`,
      {
        before,
        at: after?.landed ?? '-infinity',
        id: after?.batch_id ?? '',
        generation: after?.generation ?? 0,
      },
    );
    return [...rows];
  }
}
