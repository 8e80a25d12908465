import { hiddenTable } from '../../../domain/write.js';
import { BatonError } from '../../../protocol/errors.js';
import type { TableSpec } from '../../port.js';
import { identifier, keyColumn, qualified, sqlTypes } from '../names.js';
import { noSuchColumn } from './strategy.js';

export function versionOf(spec: TableSpec): string {
  if (spec.versionColumn !== null) return spec.versionColumn;
  throw new BatonError('ERR_PLAN_INVALID', {
    detail: `${spec.table} cannot be kept by scd2: its stream does not say when a version became valid.`,
    fix: 'Choose another strategy for this table.',
  });
}

export function versionType(spec: TableSpec): string {
  const name = versionOf(spec);
  const column = spec.columns.find((candidate) => candidate.name === name);
  if (column === undefined) throw noSuchColumn(spec, 'version', name);
  return sqlTypes[column.type];
}

/** What two versions are compared by: all that the vendor says, but not when it said so. */
function contentOf(spec: TableSpec, alias: string): string {
  const columns = spec.columns.filter(({ name }) => name !== versionOf(spec));
  return `md5(ROW(${columns.map(({ name }) => `${alias}.${identifier(name)}`).join(', ')})::text)`;
}

function deletionOf(spec: TableSpec, alias: string): string {
  const { write } = spec;
  const own = write?.disposition === 'merge' && write.strategy === 'scd2' ? write.deletedColumn : undefined;
  const name = own ?? spec.deletedColumn;
  if (name === undefined) return 'false';
  if (!spec.columns.some((column) => column.name === name && column.type === 'boolean'))
    throw noSuchColumn(spec, 'deletedColumn', name);
  return `coalesce(${alias}.${identifier(name)}, false)`;
}

/** The versions that the table and its hidden part hold of the keys that `which` names. */
export function storedVersions(spec: TableSpec, which: string): string {
  const key = identifier(keyColumn(spec));
  const stored = (table: string, origin: string, isDeletion: string) => `
      SELECT t.${key} AS _key, t.valid_from AS _version, '${origin}' AS _origin, NULL::tid AS _place,
             ${contentOf(spec, 't')} AS _content, ${isDeletion} AS _is_deletion
      FROM ${qualified(table)} t WHERE t._tenant = :tenant AND t._source = :source AND ${which}`;
  return `${stored(spec.table, 'table', 'false')} UNION ALL
      ${stored(hiddenTable(spec.table), 'hidden', `(t._deleted OR ${deletionOf(spec, 't')})`)}`;
}

/** The versions that a batch brings. */
export function stagedVersions(spec: TableSpec, from: string): string {
  return `SELECT j._key, j._version, 'staged', j._place, ${contentOf(spec, 'w')}, ${deletionOf(spec, 'w')}
      FROM judged j JOIN ${from} w ON w.ctid = j._place WHERE j._is_fresh`;
}

/** Of each observation whether it changes what was so before it, and until when what it says is so. */
export function chain(observed: string): string {
  return `
    WITH o AS (SELECT *, CASE WHEN _is_deletion THEN '' ELSE _content END AS _state FROM (${observed}) all_of_them),
    compared AS (
      SELECT *, _state <> coalesce(lag(_state) OVER (PARTITION BY _key ORDER BY _version), '') AS _changes FROM o
    ), ended AS (
      SELECT _key, _version, lead(_version) OVER (PARTITION BY _key ORDER BY _version) AS _until FROM compared WHERE _changes
    )
    SELECT c._key, c._version, c._origin, c._place, c._changes, c._changes AND NOT c._is_deletion AS _is_shown, e._until
    FROM compared c LEFT JOIN ended e ON c._changes AND e._key = c._key AND e._version = c._version`;
}

/** Versions that neither the table nor its hidden part has. */
export function missingVersions(spec: TableSpec, from: string): string {
  const key = identifier(keyColumn(spec));
  const version = identifier(versionOf(spec));
  const kept = (table: string) =>
    `EXISTS (SELECT FROM ${qualified(table)} t WHERE t._tenant = :tenant AND t._source = :source AND t.${key} = s.${key} AND t.valid_from = s.${version})`;
  return `SELECT DISTINCT ON (s.${key}, s.${version}) '${spec.table}' AS "table", s.${key}::text AS id,
      'its version of ' || s.${version} || ' was loaded and is gone (part ' || s._part || ', line ' || s._line || ')' AS what
    FROM ${from} s WHERE s._verdict = 'row' AND NOT ${kept(spec.table)} AND NOT ${kept(hiddenTable(spec.table))}`;
}

/** Rows of the batch's keys whose interval is not what their versions say, or that should have none. */
export function wrongIntervals(spec: TableSpec, from: string): string {
  const key = identifier(keyColumn(spec));
  const all = storedVersions(spec, `t.${key} IN (SELECT ${key} FROM ${from} WHERE _verdict = 'row')`);
  return `SELECT '${spec.table}' AS "table", c._key::text AS id,
      CASE WHEN (c._origin = 'table') <> c._is_shown THEN 'its version of ' || c._version || ' is ' || c._origin || ' and should not be'
           ELSE 'valid from ' || c._version || ' until ' || coalesce(t.valid_to::text, 'now') || ', its versions say until ' || coalesce(c._until::text, 'now') END AS what
    FROM (${chain(all)}) c
    LEFT JOIN ${qualified(spec.table)} t ON c._origin = 'table' AND t._tenant = :tenant AND t._source = :source AND t.${key} = c._key AND t.valid_from = c._version
    WHERE (c._origin = 'table') <> c._is_shown
       OR c._origin = 'table' AND (t.valid_to, t.is_current) IS DISTINCT FROM (c._until, c._until IS NULL)`;
}
