import type { Knex } from 'knex';

/** Which batch holds the records of an object that is gone from the lake. */
export const name = '0008-replaced-parts';

export async function up(db: Knex): Promise<void> {
  await db.raw(`
    ALTER TABLE control.parts ADD COLUMN replaced_by text;
    CREATE INDEX parts_by_key ON control.parts (key) WHERE key IS NOT NULL;
  `);
}
