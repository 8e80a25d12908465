import type { Knex } from 'knex';

/** Events: what was accepted and what became of it; and the bells that are to be rung for it. */
export const name = '0011-inbox';

export async function up(db: Knex): Promise<void> {
  await db.raw(`
    CREATE TABLE control.inbox (
      id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      event_id      text UNIQUE,
      tenant        text NOT NULL,
      connection    text NOT NULL,
      delivery_id   text,
      type          text NOT NULL,
      subject       text,
      key           text NOT NULL,
      consumer      text,
      rule          text,
      content_type  text NOT NULL,
      headers       json NOT NULL,
      body          bytea NOT NULL,
      sha256        text NOT NULL,
      occurred_at   timestamptz,
      accepted_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
      state         text NOT NULL CHECK (state IN ('accepted','dispatched','processed','duplicate','filtered','rejected','dead')),
      detail        text,
      due_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
      attempts      integer NOT NULL DEFAULT 0,
      ended_at      timestamptz,
      lands         boolean NOT NULL DEFAULT true,
      landed_at     timestamptz,
      lake_key      text,
      CHECK ((event_id IS NULL) = (state = 'duplicate'))
    );
    CREATE INDEX inbox_contents ON control.inbox (connection, sha256) WHERE delivery_id IS NULL AND state <> 'duplicate';
    CREATE INDEX inbox_waiting ON control.inbox (tenant, consumer, key, id) WHERE state = 'accepted' AND consumer IS NOT NULL;
    CREATE INDEX inbox_dispatched ON control.inbox (due_at) WHERE state = 'dispatched';
    CREATE INDEX inbox_unlanded ON control.inbox (connection, tenant, id) WHERE lands AND landed_at IS NULL;
    CREATE INDEX inbox_duplicates ON control.inbox (detail) WHERE state = 'duplicate';

    CREATE TABLE control.landings (
      id          text PRIMARY KEY,
      connection  text NOT NULL,
      tenant      text NOT NULL,
      events      bigint[] NOT NULL,
      begun_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
      UNIQUE (connection, tenant)
    );

    CREATE TABLE control.bells (
      workflow_id   text PRIMARY KEY,
      workflow_type text NOT NULL,
      signal        text,
      input         json NOT NULL,
      rings         bigint NOT NULL DEFAULT 1,
      attempts      integer NOT NULL DEFAULT 0,
      due_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
      created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
      last_error    text
    );
    CREATE INDEX bells_due ON control.bells (due_at);
  `);
}
