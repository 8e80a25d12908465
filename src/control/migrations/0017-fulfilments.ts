import type { Knex } from 'knex';

export const name = '0017-fulfilments';

/** What approved orders have set off: one for each order. */
export async function up(db: Knex): Promise<void> {
  await db.raw(`
    CREATE TABLE control.fulfilments (
      id            text PRIMARY KEY,
      tenant        text NOT NULL,
      connection    text NOT NULL,
      order_id      text NOT NULL,
      event_id      text NOT NULL,
      amount        text NOT NULL,
      currency      text NOT NULL,
      content       jsonb NOT NULL,
      state         text NOT NULL DEFAULT 'running',
      story         text NOT NULL DEFAULT '',
      -- Until when a person may decide; null = nobody has to.
      decide_until  timestamptz,
      decision      text CHECK (decision IN ('approve', 'reject')),
      decided_by    text,
      decided_note  text,
      decided_at    timestamptz,
      created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
      updated_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
      UNIQUE (tenant, connection, order_id)
    );
    CREATE INDEX fulfilments_by_state ON control.fulfilments (state, created_at);
    ALTER TABLE control.effects DROP CONSTRAINT effects_kind_check;
    ALTER TABLE control.effects ADD CONSTRAINT effects_kind_check
      CHECK (kind IN ('ticket.open', 'ticket.update', 'message.send', 'command.send'));
  `);
}
