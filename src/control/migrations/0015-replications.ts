import type { Knex } from 'knex';

export const name = '0015-replications';

/** Databases whose changes are followed: how far each is. */
export async function up(db: Knex): Promise<void> {
  await db.raw(`
    CREATE TABLE control.replications (
      connection     text PRIMARY KEY,
      -- 'snapshot' until all that was there is stored; then the slot is followed.
      state          text NOT NULL CHECK (state IN ('snapshot', 'following')),
      slot           text NOT NULL,
      snapshot_rows  bigint NOT NULL DEFAULT 0,
      changes        bigint NOT NULL DEFAULT 0,
      lag_bytes      bigint,
      wal_status     text,
      last_error     text,
      begun_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
      last_change_at timestamptz,
      seen_at        timestamptz
    );
  `);
}
