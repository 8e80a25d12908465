import type { Knex } from 'knex';

export const name = '0016-files';

/** Files that others put somewhere: a row for each version of each. */
export async function up(db: Knex): Promise<void> {
  await db.raw(`
    CREATE TABLE control.files (
      id text PRIMARY KEY,
      tenant text NOT NULL,
      connection text NOT NULL,
      key text NOT NULL,
      version text NOT NULL,
      bytes bigint NOT NULL,
      modified_at timestamptz NOT NULL,
      arrived_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'landed', 'loaded', 'done', 'gone', 'dead')),
      reason text,
      -- How often it was begun anew: each time is a batch of its own.
      attempt int NOT NULL DEFAULT 1,
      batch_id text,
      generation int,
      records int,
      counts jsonb,
      high int,
      enriched_key text,
      stored_at timestamptz,
      ended_at timestamptz,
      rung_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      UNIQUE (tenant, connection, key, version)
    );
    CREATE INDEX files_by_batch ON control.files (batch_id, generation);
    CREATE INDEX files_open ON control.files (rung_at) WHERE state IN ('waiting', 'landed', 'loaded');
    CREATE INDEX files_dead ON control.files (ended_at) WHERE state = 'dead';
    ALTER TABLE control.discards DROP CONSTRAINT discards_kind_check;
    ALTER TABLE control.discards ADD CONSTRAINT discards_kind_check CHECK (kind IN ('effect', 'event', 'object', 'file'));
  `);
}
