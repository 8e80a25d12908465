import { createHash } from 'node:crypto';
import type { Database } from '../database/postgres.js';
import { batchArrives } from './arrivals.js';

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
  /** The window was given to the run: its load leaves the watermark alone. */
  readonly owns_window: boolean;
  readonly parameters: Readonly<Record<string, string>>;
  /** Where the ranges begin that are read side by side, the first one's number being 1; null = read in one go. */
  readonly ranges: readonly unknown[] | null;
  readonly state: 'open' | 'landed';
  readonly pages: number | null;
  readonly calls: number | null;
  readonly bytes: string | null;
  readonly records: string | null;
  readonly manifest_key: string | null;
  readonly manifest_sha256: string | null;
  readonly created_at: Date;
  /** When its objects were past their time and taken out of the lake. */
  readonly swept_at: Date | null;
}

/** The checkpoint of extraction: one or more landed pages, and where each of their ranges goes on. */
export interface Part {
  readonly ordinal: number;
  /** The lake object and its sha256; both null when its pages held no record. */
  readonly key: string | null;
  readonly sha256: string | null;
  readonly bytes: number;
  readonly records: number;
  readonly pages: number;
  readonly calls: number;
  /** The cursor after the last of its pages, by the number of the range; null = that range has ended. */
  readonly cursors: Readonly<Record<string, unknown>>;
}

/** A part that has records, and so an object. */
export interface LandedObject extends Part {
  readonly key: string;
  readonly sha256: string;
}

export function hasObject(part: Part): part is LandedObject {
  return part.key !== null && part.sha256 !== null;
}

/** The run that the batch belongs to. One that another attempt of its run repeats carries that attempt's number. */
export function runOf(batch: Pick<Batch, 'run_id'>): string {
  return batch.run_id.split('#')[0] ?? batch.run_id;
}

/** An object that the lake should hold. */
export interface LakeObject {
  readonly key: string;
  readonly manifest_key: string;
  /** As rows name the batch in `_batch_id`. */
  readonly batch: string;
  readonly ordinal: number;
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
  readonly ownsWindow: boolean;
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
                                          window_from, window_to, watermark_read, owns_window, parameters)
             SELECT ?, coalesce(max(generation), 0) + 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?
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
              input.ownsWindow,
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
           INSERT INTO control.parts (batch_id, generation, ordinal, key, sha256, bytes, records, pages, calls, cursors)
           SELECT batch_id, generation, ?, ?, ?, ?, ?, ?, ?, ? FROM batch ON CONFLICT DO NOTHING`,
          [
            batch.batch_id,
            batch.generation,
            part.ordinal,
            part.key,
            part.sha256,
            part.bytes,
            part.records,
            part.pages,
            part.calls,
            JSON.stringify(part.cursors),
          ],
        );
        return rowCount === 1;
      });
    },

    /** The parts after `ordinal`, in order. */
    parts(batch: Pick<Batch, 'batch_id' | 'generation'>, after = 0): Promise<Part[]> {
      return control.guard('reading the landed parts', async () => {
        const { rows } = await knex.raw(
          `SELECT ordinal, key, sha256, bytes::float8 AS bytes, records, pages, calls, cursors
           FROM control.parts WHERE batch_id = ? AND generation = ? AND ordinal > ? ORDER BY ordinal`,
          [batch.batch_id, batch.generation, after],
        );
        return rows;
      });
    },

    /** Fixes the ranges that are read side by side; answers those that were fixed first. */
    setRanges(batch: Batch, ranges: readonly unknown[]): Promise<readonly unknown[]> {
      return control.guard('storing the ranges', async () => {
        const { rows } = await knex.raw(
          `UPDATE control.batches SET ranges = coalesce(ranges, ?::jsonb)
           WHERE batch_id = ? AND generation = ? RETURNING ranges`,
          [JSON.stringify(ranges), batch.batch_id, batch.generation],
        );
        return rows[0].ranges;
      });
    },

    /** Pages and calls of a batch, also while it is open. */
    reads(batch: Pick<Batch, 'batch_id' | 'generation'>): Promise<{ pages: number; calls: number }> {
      return control.guard('reading the landed parts', async () => {
        const { rows } = await knex.raw(
          `SELECT coalesce(sum(pages), 0)::int AS pages, coalesce(sum(calls), 0)::int AS calls
           FROM control.parts WHERE batch_id = ? AND generation = ?`,
          [batch.batch_id, batch.generation],
        );
        return rows[0];
      });
    },

    /**
     * Closes the batch with its manifest (none when it has no record) and the sums over its parts. The first one wins.
     * A batch that is loaded apart arrives in the same statement: there is none that is closed and waits for nobody.
     */
    land(batch: Batch, manifest: { key: string; sha256: string } | null, isApart: boolean): Promise<Batch> {
      return control.guard('closing the batch', async () => {
        const { rows } = await knex.raw(
          `WITH landed AS (UPDATE control.batches b SET state = 'landed', landed_at = coalesce(landed_at, now()),
                  manifest_key = coalesce(manifest_key, ?), manifest_sha256 = coalesce(manifest_sha256, ?),
                  pages = s.pages, calls = s.calls, bytes = s.bytes, records = s.records
           FROM (SELECT coalesce(sum(pages), 0) AS pages, coalesce(sum(calls), 0) AS calls, coalesce(sum(bytes), 0) AS bytes,
                        coalesce(sum(records), 0) AS records
                 FROM control.parts WHERE batch_id = ? AND generation = ?) s
           WHERE b.batch_id = ? AND b.generation = ? RETURNING b.*)
           ${isApart ? `, arrived AS (${batchArrives})` : ''} SELECT * FROM landed`,
          [
            manifest?.key ?? null,
            manifest?.sha256 ?? null,
            batch.batch_id,
            batch.generation,
            batch.batch_id,
            batch.generation,
          ] as string[],
        );
        return rows[0];
      });
    },

    /**
     * The objects that the lake should hold of a table's batches whose windows reach beyond `since`, and what closes
     * them. Not those whose records are in another batch by now.
     */
    landedObjects(of: {
      readonly connection: string;
      readonly stream: string;
      readonly tenant: string;
      readonly target: string;
      readonly since: string | null;
    }): Promise<LakeObject[]> {
      return control.guard('reading the landed parts', async () => {
        const { rows } = await knex.raw(
          `SELECT p.key, b.manifest_key, b.batch_id || '.' || b.generation AS batch, p.ordinal
           FROM control.batches b JOIN control.parts p USING (batch_id, generation)
           WHERE b.connection = ? AND b.stream = ? AND b.tenant = ? AND b.target = ? AND b.state = 'landed'
             AND p.key IS NOT NULL AND p.replaced_by IS NULL AND (?::text IS NULL OR b.window_to >= ?)
           ORDER BY b.created_at, p.ordinal`,
          [of.connection, of.stream, of.tenant, of.target, of.since, of.since] as string[],
        );
        return rows;
      });
    },

    /** Notes that the records of these objects, which are gone, are in another batch by now. */
    async replaceParts(keys: readonly string[], by: Batch): Promise<void> {
      const label = `${by.batch_id}.${by.generation}`;
      await control.guard('noting replaced objects', () =>
        knex.raw('UPDATE control.parts SET replaced_by = ? WHERE key = ANY (?) AND replaced_by IS NULL', [
          label,
          [...keys],
        ] as never[]),
      );
    },

    of(batchId: string, generation: number): Promise<Batch | null> {
      return control.guard('reading the batch', async () => {
        const { rows } = await knex.raw(
          'SELECT * FROM control.batches WHERE batch_id = ? AND generation = ?',
          [batchId, generation],
        );
        return rows[0] ?? null;
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
