import type { Knex } from 'knex';

/** Runs, their steps and slots; batches and their landed parts; effects and tickets. */
export const name = '0001-foundation';

export async function up(db: Knex): Promise<void> {
  await db.raw(`
    CREATE TABLE control.plans (
      hash        text PRIMARY KEY,
      pipeline    text NOT NULL,
      plan        jsonb NOT NULL,
      created_at  timestamptz NOT NULL DEFAULT now()
    );

    CREATE TABLE control.runs (
      id              text PRIMARY KEY,
      short_id        text NOT NULL UNIQUE,
      pipeline        text NOT NULL,
      tenant          text NOT NULL,
      logical_time    timestamptz NOT NULL,
      attempt         integer NOT NULL DEFAULT 1,
      state           text NOT NULL CHECK (state IN ('queued','running','waiting','succeeded','partial','failed','cancelled','skipped')),
      trigger         text NOT NULL,
      temporal_run_id text NOT NULL,
      plan_hash       text NOT NULL REFERENCES control.plans(hash),
      full_refresh    boolean NOT NULL DEFAULT false,
      inputs          jsonb NOT NULL DEFAULT '{}',
      created_at      timestamptz NOT NULL DEFAULT now(),
      started_at      timestamptz,
      ended_at        timestamptz,
      receipt         json,
      tickets         json,
      error           json,
      UNIQUE (pipeline, tenant, logical_time)
    );
    CREATE INDEX runs_by_time ON control.runs (created_at DESC);
    CREATE INDEX runs_open ON control.runs (state) WHERE state IN ('queued','running','waiting');

    CREATE TABLE control.steps (
      run_id      text NOT NULL REFERENCES control.runs(id) ON DELETE CASCADE,
      step_id     text NOT NULL,
      ordinal     integer NOT NULL,
      title       text NOT NULL,
      state       text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending','running','retrying','succeeded','skipped','failed','cancelled')),
      attempt     integer NOT NULL DEFAULT 0,
      started_at  timestamptz,
      ended_at    timestamptz,
      counts      json NOT NULL DEFAULT '{}',
      detail      text,
      vendor_failures integer NOT NULL DEFAULT 0,
      PRIMARY KEY (run_id, step_id)
    );

    CREATE TABLE control.slots (
      key             text NOT NULL,
      slot            integer NOT NULL,
      run_id          text NOT NULL,
      temporal_run_id text NOT NULL,
      taken_at        timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (key, slot)
    );
    CREATE UNIQUE INDEX slots_by_run ON control.slots (run_id);

    CREATE TABLE control.batches (
      batch_id        text NOT NULL,
      generation      integer NOT NULL,
      run_id          text NOT NULL,
      step_id         text NOT NULL,
      connection      text NOT NULL,
      stream          text NOT NULL,
      tenant          text NOT NULL,
      target          text NOT NULL,
      window_from     text,
      window_to       text NOT NULL,
      watermark_read  text,
      parameters      jsonb NOT NULL DEFAULT '{}',
      state           text NOT NULL DEFAULT 'open' CHECK (state IN ('open','landed')),
      pages           integer,
      calls           integer,
      bytes           bigint,
      records         bigint,
      manifest_key    text,
      manifest_sha256 text,
      created_at      timestamptz NOT NULL DEFAULT now(),
      landed_at       timestamptz,
      PRIMARY KEY (batch_id, generation),
      UNIQUE (run_id, step_id)
    );

    CREATE TABLE control.parts (
      batch_id     text NOT NULL,
      generation   integer NOT NULL,
      ordinal      integer NOT NULL,
      key          text NOT NULL,
      sha256       text NOT NULL,
      bytes        bigint NOT NULL,
      records      integer NOT NULL,
      calls        integer NOT NULL,
      cursor_after jsonb,
      created_at   timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (batch_id, generation, ordinal),
      FOREIGN KEY (batch_id, generation) REFERENCES control.batches (batch_id, generation)
    );

    CREATE TABLE control.request_counts (
      connection text NOT NULL,
      status     text NOT NULL,
      requests   bigint NOT NULL DEFAULT 0,
      wait_ms    bigint NOT NULL DEFAULT 0,
      PRIMARY KEY (connection, status)
    );

    CREATE TABLE control.tickets (
      tenant        text NOT NULL,
      cause         text NOT NULL,
      episode       integer NOT NULL,
      rule          text NOT NULL,
      connection    text NOT NULL,
      subject       text NOT NULL,
      state         text NOT NULL CHECK (state IN ('opening','open','resolving','resolved','dead')),
      remote_id     text,
      remote_url    text,
      opened_by     text NOT NULL,
      resolved_by   text,
      created_at    timestamptz NOT NULL DEFAULT now(),
      updated_at    timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (tenant, cause, episode)
    );

    CREATE TABLE control.effects (
      key             text PRIMARY KEY,
      tenant          text NOT NULL,
      cause           text NOT NULL,
      action          text NOT NULL,
      ordinal         text NOT NULL,
      episode         integer NOT NULL DEFAULT 1,
      connection      text NOT NULL,
      kind            text NOT NULL CHECK (kind IN ('ticket.open','ticket.update','message.send')),
      guarantee       text NOT NULL,
      marker          text NOT NULL UNIQUE,
      body            jsonb NOT NULL,
      state           text NOT NULL DEFAULT 'intended' CHECK (state IN ('intended','sending','confirmed','refused','unknown','absent','held','dead')),
      epoch           integer NOT NULL DEFAULT 0,
      attempts        integer NOT NULL DEFAULT 0,
      absent_looks    integer NOT NULL DEFAULT 0,
      first_sent_at   timestamptz,
      dead_at         timestamptz,
      due_at          timestamptz NOT NULL DEFAULT now(),
      parked_at       timestamptz,
      remote_id       text,
      remote_url      text,
      adopted         boolean NOT NULL DEFAULT false,
      doubtful        boolean NOT NULL DEFAULT false,
      swept_at        timestamptz,
      duplicates      integer NOT NULL DEFAULT 0,
      last_error      text,
      run_id          text NOT NULL,
      confirmed_run   text,
      confirmed_at    timestamptz,
      created_at      timestamptz NOT NULL DEFAULT now(),
      updated_at      timestamptz NOT NULL DEFAULT now()
    );
    CREATE INDEX effects_due ON control.effects (connection, tenant, due_at) WHERE state NOT IN ('confirmed','held','dead');
    CREATE INDEX effects_by_run ON control.effects (run_id);
    CREATE INDEX effects_unswept ON control.effects (connection, tenant) WHERE doubtful AND swept_at IS NULL AND state = 'confirmed';
  `);
}
