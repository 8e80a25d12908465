import type { Knex } from 'knex';
import { query } from '../../database/postgres.js';
import { minorUnitsOf } from '../../domain/money.js';
import type { LoadKey, RowDifference, TableSpec } from '../port.js';
import { batchLabel, identifier, keyColumn, qualified } from './names.js';

/** The most differences that are named one by one. */
const shown = 50;

/**
 * Compares what the lake says now (staged afresh) with what the batch left in the warehouse: rows that were
 * changed or removed, lines, quarantine. Enriched columns are checked against each other.
 */
export async function verifyLoad(
  knex: Knex,
  spec: TableSpec,
  staging: string,
  load: LoadKey,
): Promise<RowDifference[]> {
  const bindings = {
    tenant: load.tenant,
    source: load.connection,
    batch: batchLabel(load),
    target: spec.table,
  };
  const run = async (sql: string) =>
    (await query<RowDifference>(knex, `${sql} LIMIT ${shown}`, bindings)).rows;
  const from = `staging.${identifier(staging)}`;
  return [
    ...(await run(changedRows(spec, from))),
    ...(await run(missingRows(spec, from))),
    ...(spec.orders === undefined
      ? []
      : [
          ...(await run(changedLines(from))),
          ...(await run(wrongConversion(minorUnitsOf(spec.orders.reportingCurrency)))),
        ]),
    ...(await run(missingQuarantine(from))),
  ];
}

/** Rows that the batch wrote and that are not what their line in the lake maps to. */
function changedRows(spec: TableSpec, from: string): string {
  const key = identifier(keyColumn(spec));
  const columns = spec.columns.filter(
    (column) => spec.orders === undefined || column.name !== 'supplier_name',
  );
  const differs = [
    ...columns.map((column) => {
      const name = identifier(column.name);
      const as = column.type === 'json' ? '::text' : '';
      return `CASE WHEN t.${name}${as} IS DISTINCT FROM s.${name}${as} THEN '${column.name}' END`;
    }),
    `CASE WHEN t.raw::text IS DISTINCT FROM s.raw::text THEN 'raw' END`,
    `CASE WHEN s._row_hash IS NULL THEN 'its line in the lake' END`,
  ];
  return `SELECT '${spec.table}' AS "table", t.${key}::text AS id,
      'differs from the lake in ' || concat_ws(', ', ${differs.join(', ')}) || ' (part ' || t._part || ', line ' || t._line || ')' AS what
    FROM ${qualified(spec.table)} t LEFT JOIN ${from} s ON s._part = t._part AND s._line = t._line AND s._verdict = 'row'
    WHERE t._batch_id = :batch AND concat_ws('', ${differs.join(', ')}) <> ''`;
}

/** Keys that the batch holds and the table has lost, or holds in an older version. */
function missingRows(spec: TableSpec, from: string): string {
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

function changedLines(from: string): string {
  return `SELECT 'analytics.po_line_fact' AS "table", coalesce(w.po_id, g.po_id) || '/' || coalesce(w.line_id, g.line_id) AS id,
      CASE WHEN g.line_id IS NULL THEN 'was loaded and is gone' WHEN w.line_id IS NULL THEN 'is not in the lake' ELSE 'differs from the lake' END AS what
    FROM (SELECT f.po_id, l.* FROM analytics.po_fact f
          JOIN ${from} s ON s._part = f._part AND s._line = f._line
          CROSS JOIN LATERAL unnest(s.lines) AS l
          WHERE f._batch_id = :batch) w
    FULL JOIN (SELECT l.* FROM analytics.po_line_fact l JOIN analytics.po_fact f USING (_tenant, _source, po_id) WHERE f._batch_id = :batch) g
      ON g.po_id = w.po_id AND g.line_id = w.line_id
    WHERE (w.price, w.quantity, w.total, w.invoiced, w.type, w.description) IS DISTINCT FROM (g.price, g.quantity, g.total, g.invoiced, g.type, g.description)`;
}

/** total_usd is total × fx_rate, rounded once: the stored rate has twelve decimals, hence the margin. */
function wrongConversion(decimals: number): string {
  return `SELECT 'analytics.po_fact' AS "table", po_id AS id,
         'total_usd is ' || coalesce(total_usd::text, 'missing') || ', total × fx_rate is ' || round(total * fx_rate, 4) AS what
  FROM analytics.po_fact
  WHERE _batch_id = :batch AND fx_rate IS NOT NULL
    AND (total_usd IS NULL OR abs(total_usd - total * fx_rate) > 0.5 * power(10, -${decimals})::numeric + abs(total) * 0.000000000001)`;
}

function missingQuarantine(from: string): string {
  return `SELECT 'quarantine.records' AS "table", coalesce(s._record_id, 'part ' || s._part || ' line ' || s._line) AS id,
      CASE WHEN q.id IS NULL THEN 'was quarantined and is gone' ELSE 'its raw value differs from the lake' END AS what
    FROM ${from} s LEFT JOIN quarantine.records q ON q.target = :target AND q.batch_id = :batch AND q.part = s._part AND q.line = s._line
    WHERE s._verdict = 'quarantined' AND (q.id IS NULL OR q.raw IS DISTINCT FROM s._bad)`;
}

/** What the fresh staging comes to, to be compared with the stored accounting. */
export async function stagedCounts(knex: Knex, spec: TableSpec, staging: string) {
  const key = identifier(keyColumn(spec));
  const { rows } = await knex.raw(
    `SELECT count(*)::int AS read, count(*) FILTER (WHERE _verdict = 'filtered')::int AS filtered,
            count(*) FILTER (WHERE _verdict = 'quarantined')::int AS quarantined,
            (count(*) FILTER (WHERE _verdict = 'row') - count(DISTINCT ${key}) FILTER (WHERE _verdict = 'row'))::int AS duplicate
     FROM staging.${identifier(staging)}`,
  );
  return rows[0] as { read: number; filtered: number; quarantined: number; duplicate: number };
}
