import { type Database, query } from '../../../database/postgres.js';
import { type FieldState, type FieldType, goneAfter } from '../../../domain/shape.js';
import type { SchemaChange } from '../../port.js';

/** A field of one source's records, for people. */
export interface FieldOfTable {
  readonly source: string;
  readonly key: string;
  readonly state: FieldState;
  /** Null while nothing but null was seen. */
  readonly type: FieldType | null;
  readonly column: string | null;
  /** How much of the rows that are older than the column is filled: 1 = all. */
  readonly filledShare: number;
  readonly always: boolean;
  readonly isGone: boolean;
}

/** Reads what is known of the fields. Empty, not an error, where nothing was ever loaded. */
export function createShapeStore(warehouse: Database) {
  const { knex, guard } = warehouse;

  async function read<R>(
    sql: string,
    bindings: Readonly<Record<string, string | number | null>>,
  ): Promise<R[]> {
    const { rows } = await knex.raw(`SELECT to_regclass('raw._baton_fields') IS NOT NULL AS found`);
    return rows[0]?.found === true ? (await query<R>(knex, sql, bindings)).rows : [];
  }

  return {
    fields: (table: string): Promise<FieldOfTable[]> =>
      guard('reading the fields of a table', () =>
        read<FieldOfTable>(
          `SELECT source, key, state, type, column_name AS column, always, missing >= ${goneAfter} AS "isGone",
                  CASE WHEN filled THEN 1 ELSE coalesce(fill_next::float8 / nullif(fill_end, 0), 0) END AS "filledShare"
           FROM raw._baton_fields WHERE target = :table ORDER BY source, key`,
          { table },
        ),
      ),

    tables: (): Promise<string[]> =>
      guard('reading the tables', async () =>
        (await read<{ target: string }>('SELECT DISTINCT target FROM raw._baton_fields ORDER BY 1', {})).map(
          ({ target }) => target,
        ),
      ),

    /** Newest first; of all tables when null. */
    changes: (table: string | null, limit: number): Promise<SchemaChange[]> =>
      guard('reading changes of fields', () =>
        read<SchemaChange>(
          `SELECT id, target, source, tenant, key, kind, mode, detail, run_id, batch_id, changed_at
           FROM raw._baton_schema_changes WHERE :table::text IS NULL OR target = :table ORDER BY id DESC LIMIT :limit`,
          { table, limit },
        ),
      ),
  };
}
