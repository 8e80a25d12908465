import { createHash } from 'node:crypto';
import { type Database, query } from '../database/postgres.js';
import { fileWorkflowId } from '../protocol/names.js';
import type { LoadCounts } from '../warehouse/port.js';
import { type Bell, type DueBell, hangBells } from './bells.js';

/** `gone`: it was replaced or removed before it was read; `dead`: it cannot be read, and waits for a person. */
export const fileStates = ['waiting', 'landed', 'loaded', 'done', 'gone', 'dead'] as const;
export type FileState = (typeof fileStates)[number];

/** A row of control.files: one version of a file that somebody else has put somewhere. */
export interface FileRow {
  /** `fil_` and 16 hex digits, of tenant, connection, key and version. */
  readonly id: string;
  readonly tenant: string;
  readonly connection: string;
  readonly key: string;
  readonly version: string;
  readonly bytes: string;
  readonly modified_at: Date;
  readonly arrived_at: Date;
  readonly state: FileState;
  readonly reason: string | null;
  readonly attempt: number;
  readonly batch_id: string | null;
  readonly generation: number | null;
  readonly records: number | null;
  readonly counts: LoadCounts | null;
  readonly high: number | null;
  readonly enriched_key: string | null;
  /** When its records were in the warehouse. */
  readonly stored_at: Date | null;
  readonly ended_at: Date | null;
}

export interface FileOffer {
  readonly tenant: string;
  readonly connection: string;
  readonly files: readonly {
    readonly key: string;
    readonly version: string;
    readonly bytes: number;
    readonly modifiedAt: Date;
  }[];
}

export type FileStore = ReturnType<typeof createFileStore>;

/** Told of what is to be looked at again: its connection's name. */
export const filesChannel = 'baton_files';

/** A file whose workflow should have done something by then is rung for again. */
const forgottenMs = 600_000;

export function fileId(tenant: string, connection: string, key: string, version: string): string {
  const identity = JSON.stringify([tenant, connection, key, version]);
  return `fil_${createHash('sha256').update(identity).digest('hex').slice(0, 16)}`;
}

/** What tells a file's workflow that there is something for it. */
export function fileBell({ id, connection }: Pick<FileRow, 'id' | 'connection'>): Bell {
  return {
    workflowId: fileWorkflowId(connection, id),
    workflowType: 'processFile',
    signal: 'fileChanged',
    input: { id, connection },
  };
}

/** Files, each version once; what becomes of it is written here, and its workflow told of it in the same transaction. */
export function createFileStore(control: Database) {
  const { knex } = control;

  /** Changes a file in one of these states, and tells its workflow. */
  async function change(where: string, set: string, bindings: Record<string, unknown>): Promise<boolean> {
    return control.guard('noting a file', () =>
      knex.transaction(async (trx) => {
        const { rows } = await query<FileRow>(
          trx,
          `UPDATE control.files SET ${set}, rung_at = clock_timestamp() WHERE ${where} RETURNING id, connection`,
          bindings as never,
        );
        await hangBells(trx, rows.map(fileBell), 'others');
        return rows.length > 0;
      }),
    );
  }

  return {
    /** Notes files that are not known in this version, and hangs up a bell for each: the caller's to ring. */
    offer({ tenant, connection, files }: FileOffer): Promise<DueBell[]> {
      return control.guard('noting files', () =>
        knex.transaction(async (trx) => {
          const { rows } = await query<Pick<FileRow, 'id' | 'connection'>>(
            trx,
            `INSERT INTO control.files (id, tenant, connection, key, version, bytes, modified_at)
             SELECT id, :tenant, :connection, key, version, bytes, modified_at
             FROM json_to_recordset(:files) AS f(id text, key text, version text, bytes bigint, modified_at timestamptz)
             ON CONFLICT DO NOTHING RETURNING id, connection`,
            {
              tenant,
              connection,
              files: JSON.stringify(
                files.map(({ key, version, bytes, modifiedAt }) => ({
                  id: fileId(tenant, connection, key, version),
                  key,
                  version,
                  bytes,
                  modified_at: modifiedAt,
                })),
              ),
            },
          );
          return hangBells(trx, rows.map(fileBell));
        }),
      );
    },

    /** Rings once more for what has not come on for long: its workflow may have been lost. */
    async remind(): Promise<void> {
      await change(
        `state IN ('waiting', 'landed', 'loaded') AND rung_at < clock_timestamp() - ${forgottenMs} * interval '1 millisecond'`,
        'state = state',
        {},
      );
    },

    find(id: string): Promise<FileRow | null> {
      return control.guard('reading a file', async () => {
        const { rows } = await query<FileRow>(knex, 'SELECT * FROM control.files WHERE id = :id', { id });
        return rows[0] ?? null;
      });
    },

    /** Newest first. */
    list(filter: { readonly state: FileState | null; readonly limit: number }): Promise<FileRow[]> {
      return control.guard('listing files', async () => {
        const { rows } = await query<FileRow>(
          knex,
          `SELECT * FROM control.files WHERE :state::text IS NULL OR state = :state
           ORDER BY arrived_at DESC, id LIMIT :limit`,
          { state: filter.state, limit: filter.limit },
        );
        return rows;
      });
    },

    async begun(
      id: string,
      batch: { readonly batch_id: string; readonly generation: number },
    ): Promise<void> {
      await control.guard('noting a file', () =>
        query(knex, 'UPDATE control.files SET batch_id = :batch, generation = :generation WHERE id = :id', {
          id,
          batch: batch.batch_id,
          generation: batch.generation,
        }),
      );
    },

    /** Where its enriched copy is. */
    async enriched(id: string, key: string): Promise<void> {
      await control.guard('noting a file', () =>
        query(knex, 'UPDATE control.files SET enriched_key = :key WHERE id = :id', { id, key }),
      );
    },

    async landed(id: string, records: number): Promise<void> {
      await control.guard('noting a file', () =>
        query(
          knex,
          `UPDATE control.files SET state = CASE state WHEN 'waiting' THEN 'landed' ELSE state END,
                  records = :records WHERE id = :id`,
          { id, records },
        ),
      );
    },

    /** Its batch is in the warehouse. Told by whoever loaded it, perhaps before the file is noted as landed. */
    loaded(batchId: string, generation: number, counts: LoadCounts): Promise<boolean> {
      return change(
        `batch_id = :batchId AND generation = :generation AND state IN ('waiting', 'landed', 'dead')`,
        `state = 'loaded', reason = NULL, ended_at = NULL, counts = :counts, stored_at = clock_timestamp()`,
        { batchId, generation, counts: JSON.stringify(counts) },
      );
    },

    /** Its batch will not be loaded. */
    refused(batchId: string, generation: number, reason: string): Promise<boolean> {
      return change(
        `batch_id = :batchId AND generation = :generation AND state IN ('waiting', 'landed')`,
        `state = 'dead', reason = :reason, ended_at = clock_timestamp()`,
        { batchId, generation, reason },
      );
    },

    /** Its end, once: a repeat changes nothing. */
    async ended(id: string, state: 'gone' | 'dead', reason: string): Promise<void> {
      await control.guard('noting a file', () =>
        query(
          knex,
          `UPDATE control.files SET state = :state, reason = :reason, ended_at = clock_timestamp()
           WHERE id = :id AND state = 'waiting'`,
          { id, state, reason },
        ),
      );
    },

    async done(id: string, high: number): Promise<void> {
      await control.guard('noting a file', () =>
        query(
          knex,
          `UPDATE control.files SET state = 'done', high = :high, ended_at = clock_timestamp()
           WHERE id = :id AND state = 'loaded'`,
          { id, high },
        ),
      );
    },

    /** Has what could not be read read once more, as a batch of its own. False when it is not dead any more. */
    replay(id: string): Promise<boolean> {
      return change(
        `id = :id AND state = 'dead'`,
        `state = 'waiting', reason = NULL, ended_at = NULL, batch_id = NULL, generation = NULL, attempt = attempt + 1`,
        { id },
      );
    },
  };
}
