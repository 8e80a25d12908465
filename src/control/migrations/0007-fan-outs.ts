import type { Knex } from 'knex';

/** Many runs of one pipeline through a sliding window: a backfill's intervals, a mapped run's tenants. */
export const name = '0007-fan-outs';

export async function up(db: Knex): Promise<void> {
  await db.raw(`
    -- The scope tells the run that owns an interval (its end) from the live run of the same time ('').
    ALTER TABLE control.runs
      ADD COLUMN scope text NOT NULL DEFAULT '',
      ADD COLUMN class text NOT NULL DEFAULT 'live' CHECK (class IN ('live','repair','backfill')),
      ADD COLUMN parent text,
      ADD COLUMN attempted_at timestamptz NOT NULL DEFAULT now(),
      DROP CONSTRAINT runs_pipeline_tenant_logical_time_key,
      ADD CONSTRAINT runs_logical UNIQUE (pipeline, tenant, logical_time, scope);
    CREATE INDEX runs_by_parent ON control.runs (parent) WHERE parent IS NOT NULL;
    ALTER TABLE control.steps ADD COLUMN output jsonb;
    ALTER TABLE control.batches ADD COLUMN owns_window boolean NOT NULL DEFAULT false;

    CREATE TABLE control.fan_outs (
      id            text PRIMARY KEY,
      kind          text NOT NULL CHECK (kind IN ('backfill','tenants')),
      pipeline      text NOT NULL,
      tenant        text NOT NULL,
      class         text NOT NULL CHECK (class IN ('live','repair','backfill')),
      trigger       text NOT NULL,
      full_refresh  boolean NOT NULL DEFAULT false,
      inputs        jsonb NOT NULL DEFAULT '{}',
      logical_time  timestamptz,
      from_time     timestamptz,
      to_time       timestamptz,
      interval_ms   bigint,
      backwards     boolean NOT NULL DEFAULT false,
      reprocess     text NOT NULL CHECK (reprocess IN ('none','failed','completed')),
      max_active    integer NOT NULL CHECK (max_active > 0),
      tolerated     integer NOT NULL DEFAULT 100 CHECK (tolerated BETWEEN 0 AND 100),
      leave_running boolean NOT NULL DEFAULT false,
      state         text NOT NULL DEFAULT 'running' CHECK (state IN ('running','paused','cancelling','succeeded','partial','failed','cancelled')),
      created_at    timestamptz NOT NULL DEFAULT now(),
      ended_at      timestamptz
    );
    CREATE UNIQUE INDEX fan_outs_one_backfill ON control.fan_outs (pipeline, tenant)
      WHERE kind = 'backfill' AND state IN ('running','paused','cancelling');

    CREATE TABLE control.fan_out_items (
      fan_out_id  text NOT NULL REFERENCES control.fan_outs(id) ON DELETE CASCADE,
      ordinal     integer NOT NULL,
      tenant      text NOT NULL,
      window_from timestamptz,
      window_to   timestamptz,
      run_id      text NOT NULL,
      attempt     integer NOT NULL DEFAULT 1,
      state       text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting','running','succeeded','partial','failed','cancelled','skipped')),
      detail      text,
      started_at  timestamptz,
      PRIMARY KEY (fan_out_id, ordinal)
    );
    CREATE INDEX fan_out_items_open ON control.fan_out_items (fan_out_id, ordinal) WHERE state IN ('waiting','running');
  `);
}
