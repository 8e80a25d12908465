import { createHash } from 'node:crypto';
import type { Database } from '../database/postgres.js';

/** A row of control.batches. Times of the window are RFC 3339 text, exactly as sent to the vendor. */
export interface Batch {
  readonly batch_id: string;
  readonly generation: number;
  readonly run_id: string;
  readonly step_id: string;
  readonly connection: string;
  readonly stream: string;
  readonly tenant: string;
  readonly target: string;
  readonly window_from: string | null;
  readonly window_to: string;
  /** The watermark that this run read: what the load compares before it moves it. */
  readonly watermark_read: string | null;
  readonly parameters: Readonly<Record<string, string>>;
  readonly state: 'open' | 'landed';
  readonly pages: number | null;
  readonly calls: number | null;
  readonly bytes: string | null;
  readonly records: string | null;
  readonly manifest_key: string | null;
  readonly manifest_sha256: string | null;
  readonly created_at: Date;
}

/** One landed lake object: the checkpoint of extraction. */
export interface Part {
  readonly ordinal: number;
  readonly key: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly records: number;
  readonly calls: number;
  readonly cursorAfter: unknown;
}

export interface NewBatch {
  readonly runId: string;
  readonly stepId: string;
  readonly connection: string;
  readonly stream: string;
  readonly tenant: string;
  readonly target: string;
  readonly windowFrom: string | null;
  readonly windowTo: string;
  readonly watermarkRead: string | null;
  readonly parameters: Readonly<Record<string, string>>;
}

export type BatchStore = ReturnType<typeof createBatchStore>;

/** Batches and their parts. A batch belongs to one step of one run; its id never contains the run's. */
export function createBatchStore(control: Database) {
  const { knex } = control;

  async function find(runId: string, stepId: string): Promise<Batch | null> {
    const { rows } = await knex.raw('SELECT * FROM control.batches WHERE run_id = ? AND step_id = ?', [
      runId,
      stepId,
    ]);
    return rows[0] ?? null;
  }

  return {
    find: (runId: string, stepId: string) => control.guard('reading the batch', () => find(runId, stepId)),

    /** Opens the step's batch, or finds it opened by an earlier attempt: the window is then the stored one. */
    open(input: NewBatch): Promise<Batch> {
      return control.guard('opening the batch', async () => {
        const id = batchId(input);
        for (;;) {
          const existing = await find(input.runId, input.stepId);
          if (existing !== null) return existing;
          await knex.raw(
            `INSERT INTO control.batches (batch_id, generation, run_id, step_id, connection, stream, tenant, target,
                                          window_from, window_to, watermark_read, parameters)
             SELECT ?, coalesce(max(generation), 0) + 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?
             FROM control.batches WHERE batch_id = ? ON CONFLICT DO NOTHING`,
            [
              id,
              input.runId,
              input.stepId,
              input.connection,
              input.stream,
              input.tenant,
              input.target,
              input.windowFrom,
              input.windowTo,
              input.watermarkRead,
              JSON.stringify(input.parameters),
              id,
            ],
          );
        }
      });
    },

    /**
     * Records a landed part and clears the step's count of vendor failures. False when the ordinal is taken: another
     * worker went on while this one was away, so this one must stop.
     */
    addPart(batch: Batch, part: Part): Promise<boolean> {
      return control.guard('recording a landed part', async () => {
        const { rowCount } = await knex.raw(
          `WITH batch AS (
             SELECT batch_id, generation, run_id, step_id FROM control.batches
             WHERE batch_id = ? AND generation = ? AND state = 'open' FOR SHARE),
           forgiven AS (
             UPDATE control.steps s SET vendor_failures = 0 FROM batch
             WHERE s.run_id = batch.run_id AND s.step_id = batch.step_id AND s.vendor_failures > 0)
           INSERT INTO control.parts (batch_id, generation, ordinal, key, sha256, bytes, records, calls, cursor_after)
           SELECT batch_id, generation, ?, ?, ?, ?, ?, ?, ? FROM batch ON CONFLICT DO NOTHING`,
          [
            batch.batch_id,
            batch.generation,
            part.ordinal,
            part.key,
            part.sha256,
            part.bytes,
            part.records,
            part.calls,
            part.cursorAfter === null ? null : JSON.stringify(part.cursorAfter),
          ],
        );
        return rowCount === 1;
      });
    },

    /** The parts after `ordinal`, in order. */
    parts(batch: Pick<Batch, 'batch_id' | 'generation'>, after = 0): Promise<Part[]> {
      return control.guard('reading the landed parts', async () => {
        const { rows } = await knex.raw(
          `SELECT ordinal, key, sha256, bytes::float8 AS bytes, records, calls, cursor_after AS "cursorAfter"
           FROM control.parts WHERE batch_id = ? AND generation = ? AND ordinal > ? ORDER BY ordinal`,
          [batch.batch_id, batch.generation, after],
        );
        return rows;
      });
    },

    /** Closes the batch with its manifest and the sums over its parts. The first manifest wins. */
    land(batch: Batch, manifest: { key: string; sha256: string }): Promise<Batch> {
      return control.guard('closing the batch', async () => {
        const { rows } = await knex.raw(
          `UPDATE control.batches b SET state = 'landed', landed_at = coalesce(landed_at, now()),
                  manifest_key = coalesce(manifest_key, ?), manifest_sha256 = coalesce(manifest_sha256, ?),
                  pages = s.pages, calls = s.calls, bytes = s.bytes, records = s.records
           FROM (SELECT count(*) AS pages, coalesce(sum(calls), 0) AS calls, coalesce(sum(bytes), 0) AS bytes,
                        coalesce(sum(records), 0) AS records
                 FROM control.parts WHERE batch_id = ? AND generation = ?) s
           WHERE b.batch_id = ? AND b.generation = ? RETURNING b.*`,
          [manifest.key, manifest.sha256, batch.batch_id, batch.generation, batch.batch_id, batch.generation],
        );
        return rows[0];
      });
    },

    ofRun(runId: string): Promise<Batch[]> {
      return control.guard('reading the batches', async () => {
        const { rows } = await knex.raw(
          'SELECT * FROM control.batches WHERE run_id = ? ORDER BY created_at',
          [runId],
        );
        return rows;
      });
    },
  };
}

/** 32 hex digits over connection, stream, tenant, window and parameters; the generation is kept beside it. */
function batchId(input: NewBatch): string {
  const identity = [
    input.connection,
    input.stream,
    input.tenant,
    input.windowFrom,
    input.windowTo,
    input.parameters,
  ];
  return createHash('sha256').update(JSON.stringify(identity)).digest('hex').slice(0, 32);
}
