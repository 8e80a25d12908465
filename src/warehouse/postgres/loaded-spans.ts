import { type Database, only, query } from '../../database/postgres.js';
import type { Interval } from '../../protocol/run.js';
import type { TableSpec } from '../port.js';
import { identifier, qualified } from './names.js';

/** What a tenant has in a table, by the vendor's change times. */
export interface LoadedSpans {
  readonly rows: number;
  /** Null when there are no rows, or the vendor gives no change times. */
  readonly oldest: Date | null;
  readonly newest: Date | null;
  /** Rows that were changed last within the spans. */
  readonly within: number;
}

/** Null while there is no such table. */
export function readLoadedSpans(
  warehouse: Database,
  table: TableSpec,
  tenant: string,
  spans: readonly Interval[],
): Promise<LoadedSpans | null> {
  return warehouse.guard(`counting the rows of ${table.table}`, async () => {
    const name = qualified(table.table);
    const known = await query<{ found: boolean }>(
      warehouse.knex,
      'SELECT to_regclass(:name) IS NOT NULL AS found',
      {
        name,
      },
    );
    if (!only(known.rows).found) return null;
    const changed = table.versionColumn === null ? null : identifier(table.versionColumn);
    const sql =
      changed === null
        ? `SELECT count(*)::float8 AS rows, NULL::timestamptz AS oldest, NULL::timestamptz AS newest, 0::float8 AS within
           FROM ${name} WHERE _tenant = :tenant`
        : `SELECT count(*)::float8 AS rows, min(${changed}::timestamptz) AS oldest, max(${changed}::timestamptz) AS newest,
                  (SELECT count(*)::float8 FROM ${name} t
                   JOIN jsonb_to_recordset(:spans::jsonb) AS s("from" timestamptz, "to" timestamptz)
                     ON t.${changed}::timestamptz >= s."from" AND t.${changed}::timestamptz < s."to"
                   WHERE t._tenant = :tenant) AS within
           FROM ${name} WHERE _tenant = :tenant`;
    return only(
      (await query<LoadedSpans>(warehouse.knex, sql, { tenant, spans: JSON.stringify(spans) })).rows,
    );
  });
}
