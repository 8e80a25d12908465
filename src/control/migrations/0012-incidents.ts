import type { Knex } from 'knex';

/** Incidents, how each alert was decided, and who is told when an effect has come to its end. */
export const name = '0012-incidents';

export async function up(db: Knex): Promise<void> {
  await db.raw(`
    CREATE TABLE control.incidents (
      id          text PRIMARY KEY,
      tenant      text NOT NULL,
      cause       text NOT NULL,
      episode     integer NOT NULL,
      connection  text NOT NULL,
      incident    json NOT NULL,
      state       text NOT NULL CHECK (state IN ('open','resolved')),
      is_visible  boolean NOT NULL,
      told        json NOT NULL DEFAULT '{}',
      created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
      updated_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
      UNIQUE (tenant, cause, episode)
    );
    CREATE INDEX incidents_by_time ON control.incidents (created_at DESC);

    CREATE TABLE control.decisions (
      id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      tenant      text NOT NULL,
      incident_id text,
      event_id    text NOT NULL,
      fingerprint text NOT NULL,
      title       text NOT NULL,
      kind        text NOT NULL,
      why         text NOT NULL,
      decided_at  timestamptz NOT NULL DEFAULT clock_timestamp()
    );
    CREATE INDEX decisions_by_incident ON control.decisions (incident_id, id);

    ALTER TABLE control.effects ADD COLUMN tell json;
  `);
}
