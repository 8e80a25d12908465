import type { Knex } from 'knex';

/** When a batch's objects were taken out of the lake. */
export const name = '0009-retention';

export async function up(db: Knex): Promise<void> {
  await db.raw(`
    ALTER TABLE control.batches ADD COLUMN swept_at timestamptz;
    CREATE INDEX batches_by_landing ON control.batches (landed_at) WHERE swept_at IS NULL AND manifest_key IS NOT NULL;
    CREATE INDEX effects_by_confirmation ON control.effects (confirmed_at) WHERE state = 'confirmed';
  `);
}
