import type { Knex } from 'knex';

/** What has arrived in the lake and is loaded apart from the run that brought it: batches, and objects of others. */
export const name = '0004-arrivals';

export async function up(db: Knex): Promise<void> {
  await db.raw(`
    CREATE TABLE control.arrivals (
      id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      tenant      text NOT NULL,
      target      text NOT NULL,
      connection  text NOT NULL,
      stream      text NOT NULL,
      key         text,
      version     text,
      bytes       bigint NOT NULL,
      batch_id    text,
      generation  integer,
      state       text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting','loaded','refused')),
      arrived_at  timestamptz NOT NULL DEFAULT now(),
      ended_at    timestamptz,
      load        text,
      reason      text,
      counts      json,
      UNIQUE (batch_id, generation),
      FOREIGN KEY (batch_id, generation) REFERENCES control.batches (batch_id, generation) ON DELETE CASCADE,
      CHECK ((batch_id IS NULL) = (generation IS NULL) AND (batch_id IS NOT NULL OR (key IS NOT NULL AND version IS NOT NULL)))
    );
    CREATE UNIQUE INDEX arrivals_of_others ON control.arrivals (tenant, target, key, version) WHERE batch_id IS NULL;
    CREATE INDEX arrivals_waiting ON control.arrivals (tenant, target, id) WHERE state = 'waiting';
    CREATE INDEX arrivals_refused ON control.arrivals (tenant, connection, stream) WHERE state = 'refused';
  `);
}
