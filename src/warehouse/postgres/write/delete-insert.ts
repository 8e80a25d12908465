import type { Knex } from 'knex';
import { query } from '../../../database/postgres.js';
import { indexName } from '../../../domain/plan.js';
import type { TableSpec } from '../../port.js';
import { insertion, isAlive, isFromBefore, judgement } from '../merge-rows.js';
import { identifier, keyColumn, qualified } from '../names.js';
import type { MergedSpec } from '../shape/value.js';
import { type LoadBindings, noSuchColumn, type WriteStrategy } from './strategy.js';
import { missingKeys } from './upsert.js';

/**
 * What is loaded is deleted first and inserted anew. With a merge key (a parent's id) all rows that share one are
 * replaced as a whole: children that the batch no longer holds are gone. Of two batches of one parent the one whose
 * newest row is newer stands, and rows without a parent go by their own key.
 */
export const deleteInsert: WriteStrategy = {
  key: (spec) => [keyColumn(spec)],
  columns: () => [],
  prepare: indexGroups,
  write: replaceGroups,
  identity: (spec) => [keyColumn(spec)],
  removes: true,
  missing: missingOfGroups,
};

/** The merge key's column; null where rows go by their own key. */
function groupOf(spec: TableSpec): string | null {
  const { write, columns } = spec;
  if (write?.disposition !== 'merge' || write.strategy !== 'delete-insert') return null;
  const { mergeKey } = write;
  if (mergeKey === undefined) return null;
  if (!columns.some(({ name }) => name === mergeKey)) throw noSuchColumn(spec, 'mergeKey', mergeKey);
  return identifier(mergeKey);
}

async function indexGroups(trx: Knex.Transaction, spec: TableSpec): Promise<void> {
  const group = groupOf(spec);
  if (group === null) return;
  const name = identifier(indexName(spec.table.split('.')[1] ?? '', 'group'));
  await trx.raw(
    `CREATE INDEX IF NOT EXISTS ${name} ON ${qualified(spec.table)} (_tenant, _source, ${group})`,
  );
}

async function replaceGroups(
  trx: Knex.Transaction,
  spec: MergedSpec,
  from: string,
  bindings: LoadBindings,
): Promise<void> {
  const key = identifier(keyColumn(spec));
  const group = groupOf(spec);
  await query(trx, group === null ? judgement(spec, from) : judgementOfGroups(spec, from, group), bindings);
  await trx.raw('ANALYZE judged');
  const table = qualified(spec.table);
  if (group !== null)
    await query(
      trx,
      `DELETE FROM ${table} t USING (SELECT DISTINCT _group FROM judged WHERE _is_fresh) g
       WHERE t._tenant = :tenant AND t._source = :source AND t.${group} = g._group
         AND NOT EXISTS (SELECT FROM judged j WHERE j._key = t.${key} AND j._group = t.${group} AND j._becomes <> 'duplicate')`,
      bindings,
    );
  await query(
    trx,
    `DELETE FROM ${table} t USING judged j JOIN ${from} w ON w.ctid = j._place
     WHERE j._becomes = 'loaded' AND j._exists AND t._tenant = :tenant AND t._source = :source AND t.${key} = w.${key}`,
    bindings,
  );
  await query(trx, insertion(spec, from), bindings);
}

/** Like `judgement`, and a row of a group that the table has in a newer state is stale. */
function judgementOfGroups(spec: TableSpec, from: string, group: string): string {
  const key = identifier(keyColumn(spec));
  const version = spec.versionColumn === null ? 'NULL::bigint' : identifier(spec.versionColumn);
  const stored = spec.versionColumn === null ? 'NULL::bigint' : `t.${version}`;
  // A row that another group of the batch takes away with it holds nothing up.
  const stays = `(t.${group} IS NOT DISTINCT FROM c._group OR tg._group IS NULL OR tg._is_stale)`;
  return `CREATE TEMP TABLE judged ON COMMIT DROP AS
    WITH candidates AS MATERIALIZED (
      SELECT ctid AS _place, ${key} AS _key, ${group} AS _group, ${version} AS _version, _row_hash,
             row_number() OVER (PARTITION BY ${key} ORDER BY ${version} DESC NULLS LAST, _part DESC, _line DESC) AS _rank
      FROM ${from} WHERE _verdict = 'row'
    ), groups AS MATERIALIZED (
      SELECT g._group, coalesce(max(${stored}) > g._newest, false) AS _is_stale
      FROM (SELECT _group, max(_version) AS _newest FROM candidates WHERE _rank = 1 AND _group IS NOT NULL GROUP BY 1) g
      LEFT JOIN ${qualified(spec.table)} t ON t._tenant = :tenant AND t._source = :source AND t.${group} = g._group
      GROUP BY g._group, g._newest
    )
    SELECT c._place, c._key, c._group, t.${key} IS NOT NULL AS _exists,
           c._group IS NOT NULL AND c._rank = 1 AND NOT g._is_stale AS _is_fresh,
           CASE WHEN c._rank > 1 THEN 'duplicate' WHEN g._is_stale OR ${stays} AND ${stored} > c._version OR ${isFromBefore(spec)} THEN 'stale'
                WHEN t.${key} IS NULL THEN 'loaded' WHEN t._row_hash = c._row_hash AND ${isAlive(spec)} THEN 'unchanged'
                ELSE 'loaded' END AS _becomes
    FROM candidates c LEFT JOIN groups g ON g._group = c._group
    LEFT JOIN ${qualified(spec.table)} t
      ON c._rank = 1 AND t._tenant = :tenant AND t._source = :source AND t.${key} = c._key
    LEFT JOIN groups tg ON tg._group = t.${group}
    ORDER BY c._place`;
}

/** Of each key the row that counts: another of its rows may name another parent. */
function missingOfGroups(spec: TableSpec, from: string): string {
  const group = groupOf(spec);
  if (group === null || spec.versionColumn === null) return missingKeys(spec, from);
  const key = identifier(keyColumn(spec));
  const version = identifier(spec.versionColumn);
  const winners = `(SELECT DISTINCT ON (${key}) * FROM ${from} WHERE _verdict = 'row'
      ORDER BY ${key}, ${version} DESC NULLS LAST, _part DESC, _line DESC)`;
  return missingKeys(spec, winners);
}
