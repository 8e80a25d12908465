import type { Knex } from 'knex';

/** Dead letters that a person has put away. The letters themselves are where they died. */
export const name = '0014-dead-letters';

export async function up(db: Knex): Promise<void> {
  await db.raw(`
    CREATE TABLE control.discards (
      kind          text NOT NULL CHECK (kind IN ('effect','event','object')),
      id            text NOT NULL,
      discarded_by  text NOT NULL,
      discarded_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
      PRIMARY KEY (kind, id)
    );
    CREATE INDEX inbox_dead ON control.inbox (ended_at) WHERE state = 'dead';
    CREATE INDEX effects_dead ON control.effects (updated_at) WHERE state = 'dead';
  `);
}
