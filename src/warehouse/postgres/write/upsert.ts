import type { TableSpec } from '../../port.js';
import { upsertRows } from '../merge-rows.js';
import { identifier, keyColumn, qualified } from '../names.js';
import type { WriteStrategy } from './strategy.js';

/** The newest version of each key stands in the table; what a batch does not hold stays. */
export const upsert: WriteStrategy = {
  key: (spec) => [keyColumn(spec)],
  columns: () => [],
  write: upsertRows,
  identity: (spec) => [keyColumn(spec)],
  removes: false,
  missing: missingKeys,
};

/** Keys that the batch holds and the table has lost, or holds in an older version. */
export function missingKeys(spec: TableSpec, from: string): string {
  const key = identifier(keyColumn(spec));
  const older =
    spec.versionColumn === null
      ? 'false'
      : `t.${identifier(spec.versionColumn)} < s.${identifier(spec.versionColumn)}`;
  return `SELECT DISTINCT ON (s.${key}) '${spec.table}' AS "table", s.${key}::text AS id,
      CASE WHEN t.${key} IS NULL THEN 'was loaded and is gone' ELSE 'is older than what was loaded' END
        || ' (part ' || s._part || ', line ' || s._line || ')' AS what
    FROM ${from} s LEFT JOIN ${qualified(spec.table)} t ON t._tenant = :tenant AND t._source = :source AND t.${key} = s.${key}
    WHERE s._verdict = 'row' AND (t.${key} IS NULL OR ${older})`;
}
