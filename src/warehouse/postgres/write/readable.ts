import type { Knex } from 'knex';
import { qualified } from '../names.js';

/** The tables as they may stand behind FROM: of a table that keeps its history, the current rows. In the order asked for. */
export async function readable(knex: Knex, tables: readonly string[]): Promise<readonly string[]> {
  const { rows } = await knex.raw(
    `SELECT t.name FROM unnest(?::text[]) AS t (name)
     JOIN pg_attribute a ON a.attrelid = to_regclass(t.name) AND a.attname = 'is_current' AND NOT a.attisdropped`,
    [[...tables]],
  );
  const historical = new Set(rows.map((row: { name: string }) => row.name));
  return tables.map((table) =>
    historical.has(table) ? `(SELECT * FROM ${qualified(table)} WHERE is_current)` : qualified(table),
  );
}
