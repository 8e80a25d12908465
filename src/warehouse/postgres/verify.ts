import type { Knex } from 'knex';
import { only, query } from '../../database/postgres.js';
import { minorUnitsOf } from '../../domain/money.js';
import { strategyOf } from '../../domain/write.js';
import type { LoadKey, LoadVerification, RowDifference, TableSpec } from '../port.js';
import { batchLabel, identifier, keyColumn, qualified } from './names.js';
import { filledColumns } from './shape/registry.js';
import { type AddedColumn, addedValue } from './shape/value.js';
import { strategyFor } from './write/index.js';

/** The most differences that are named one by one. */
const shown = 50;

/**
 * Compares what the lake says now (staged afresh) with what the batch left in the warehouse: rows that were
 * changed or removed, lines, quarantine. Enriched columns are checked against each other. Where a later batch may
 * rightly have removed rows of this one, that is said, and absent rows are no difference.
 */
export async function verifyLoad(
  knex: Knex,
  spec: TableSpec,
  staging: string,
  load: LoadKey,
): Promise<LoadVerification> {
  const bindings = {
    tenant: load.tenant,
    source: load.connection,
    batch: batchLabel(load),
    target: spec.table,
  };
  const run = async (sql: string) =>
    (await query<RowDifference>(knex, `${sql} LIMIT ${shown}`, bindings)).rows;
  const from = `staging.${identifier(staging)}`;
  const strategy = strategyFor(spec);
  const mayBeGone = strategy.removes && (await mayLackRows(knex, bindings, load));
  const differences = [
    ...(await run(changedRows(spec, from, await filledColumns(knex, spec.table, load.connection)))),
    ...(mayBeGone ? [] : await run(strategy.missing(spec, from))),
    ...(await Promise.all((strategy.holds?.(spec, from) ?? []).map(run))).flat(),
    ...(spec.orders === undefined
      ? []
      : [
          ...(await run(changedLines(from))),
          ...(await run(wrongConversion(minorUnitsOf(spec.orders.reportingCurrency)))),
        ]),
    ...(await run(missingQuarantine(from))),
  ];
  const notes = mayBeGone
    ? [
        `${spec.table} is loaded by ${strategyOf(spec.write)}, which removes rows, and was loaded again since or held newer ones: rows of this batch that are there were compared, absent ones were not missed.`,
      ]
    : [];
  return { differences, notes };
}

/** A later batch was loaded, or the batch itself had stale rows. */
async function mayLackRows(
  knex: Knex,
  bindings: { readonly tenant: string; readonly source: string; readonly target: string },
  load: LoadKey,
): Promise<boolean> {
  const { rows } = await query<{ may: boolean }>(
    knex,
    `SELECT mine.stale > 0 OR EXISTS (SELECT FROM raw._baton_loads l
         WHERE l.loaded_at > mine.loaded_at AND l.target = :target AND l.tenant = :tenant AND l.connection = :source) AS may
     FROM raw._baton_loads mine WHERE mine.batch_id = :id AND mine.generation = :generation`,
    { ...bindings, id: load.batchId, generation: load.generation },
  );
  return only(rows).may;
}

/** Rows that the batch wrote and that are not what their line in the lake maps to. */
function changedRows(spec: TableSpec, from: string, added: readonly AddedColumn[]): string {
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
    ...added.map((column) => {
      const value = addedValue(column, 's.raw');
      return `CASE WHEN t.${identifier(column.name)}::text IS DISTINCT FROM (${value})::text THEN '${column.name}' END`;
    }),
    `CASE WHEN t.raw::text IS DISTINCT FROM s.raw::text THEN 'raw' END`,
    `CASE WHEN s._row_hash IS NULL THEN 'its line in the lake' END`,
  ];
  return `SELECT '${spec.table}' AS "table", t.${key}::text AS id,
      'differs from the lake in ' || concat_ws(', ', ${differs.join(', ')}) || ' (part ' || t._part || ', line ' || t._line || ')' AS what
    FROM ${qualified(spec.table)} t LEFT JOIN ${from} s ON s._part = t._part AND s._line = t._line AND s._verdict = 'row'
    WHERE t._batch_id = :batch AND concat_ws('', ${differs.join(', ')}) <> ''`;
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
  const identity = strategyFor(spec).identity(spec).map(identifier);
  const distinct = identity.length === 0 ? `ROW(_part, _line)` : `ROW(${identity.join(', ')})`;
  const { rows } = await knex.raw(
    `SELECT count(*)::int AS read, count(*) FILTER (WHERE _verdict = 'filtered')::int AS filtered,
            count(*) FILTER (WHERE _verdict = 'quarantined')::int AS quarantined,
            (count(*) FILTER (WHERE _verdict = 'row') - count(DISTINCT ${distinct}) FILTER (WHERE _verdict = 'row'))::int AS duplicate
     FROM staging.${identifier(staging)}`,
  );
  return rows[0] as { read: number; filtered: number; quarantined: number; duplicate: number };
}
