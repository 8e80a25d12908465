import type { Knex } from 'knex';

/** A part may hold several pages, of ranges that are read side by side; a part without records has no object. */
export const name = '0002-ranges';

export async function up(db: Knex): Promise<void> {
  await db.raw(`
    ALTER TABLE control.batches ADD COLUMN ranges jsonb;
    ALTER TABLE control.parts
      ADD COLUMN pages integer NOT NULL DEFAULT 1,
      ADD COLUMN cursors jsonb,
      ALTER COLUMN key DROP NOT NULL,
      ALTER COLUMN sha256 DROP NOT NULL;
    UPDATE control.parts SET cursors = jsonb_build_object('0', cursor_after);
    ALTER TABLE control.parts ALTER COLUMN cursors SET NOT NULL, ALTER COLUMN pages DROP DEFAULT, DROP COLUMN cursor_after;
  `);
}
