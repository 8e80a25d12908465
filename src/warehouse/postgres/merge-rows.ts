import type { Knex } from 'knex';
import { only, query } from '../../database/postgres.js';
import { minorUnitsOf } from '../../domain/money.js';
import type { OrderEnrichment } from '../../domain/plan.js';
import { orderLineColumns } from '../../domain/purchase-order.js';
import type { LoadCounts, LoadKey, TableSpec } from '../port.js';
import { batchLabel, identifier, keyColumn, qualified } from './names.js';
import { addedValues, type MergedSpec } from './shape/value.js';
import { readable } from './write/readable.js';
import type { LoadBindings } from './write/strategy.js';

/** A rate older than this many days is no rate: it covers the longest closing of the quoting banks. */
const rateMaxAgeDays = 7;

const provenance = [
  ['_tenant', ':tenant'],
  ['_source', ':source'],
  ['_ingested_at', 'now()'],
  ['_pipeline_run_id', ':run'],
  ['_batch_id', ':batch'],
  ['_part', 'w._part'],
  ['_line', 'w._line'],
  ['_row_hash', 'w._row_hash'],
] as const;

export function bindingsOf(spec: TableSpec, load: LoadKey, opened: string): LoadBindings {
  return {
    tenant: load.tenant,
    source: load.connection,
    run: load.runId,
    batch: batchLabel(load),
    opened,
    reporting: spec.orders?.reportingCurrency ?? '',
  };
}

/**
 * Newest version of each key wins within the batch, and against the table; older ones are counted, not written.
 * Only keys are sorted, judged and joined, into a table of their own with statistics of its own; the rows
 * themselves are then fetched once, in the order in which they lie in staging.
 */
export async function upsertRows(
  trx: Knex.Transaction,
  spec: MergedSpec,
  from: string,
  bindings: LoadBindings,
): Promise<void> {
  await query(trx, judgement(await withReadable(trx, spec), from), bindings);
  await trx.raw('ANALYZE judged');
  await query(trx, `${insertion(spec, from)} ${overwriting(spec)}`, bindings);
  if (spec.orders !== undefined) await replaceLines(trx, from, bindings);
}

/** The tables that orders are enriched from, as they may stand behind FROM. */
async function withReadable(trx: Knex.Transaction, spec: MergedSpec): Promise<MergedSpec> {
  const { orders } = spec;
  if (orders === undefined) return spec;
  const [rates = '', suppliers] = await readable(
    trx,
    orders.suppliers === undefined ? [orders.rates] : [orders.rates, orders.suppliers],
  );
  return { ...spec, orders: { ...orders, rates, ...(suppliers === undefined ? {} : { suppliers }) } };
}

/** What became of the staged rows, as `judged` says. */
export async function countOutcomes(trx: Knex.Transaction, from: string): Promise<LoadCounts> {
  const { rows } = await query<LoadCounts>(
    trx,
    `SELECT * FROM
       (SELECT count(*)::int AS read, count(*) FILTER (WHERE _verdict = 'quarantined')::int AS quarantined,
               count(*) FILTER (WHERE _verdict = 'filtered')::int AS filtered FROM ${from}) s,
       (SELECT count(*) FILTER (WHERE _becomes = 'loaded')::int AS loaded,
               count(*) FILTER (WHERE _becomes = 'unchanged')::int AS unchanged,
               count(*) FILTER (WHERE _becomes = 'stale')::int AS stale,
               count(*) FILTER (WHERE _becomes = 'duplicate')::int AS duplicate FROM judged) j`,
    {},
  );
  return only(rows);
}

/** `judged`: the place of each staged row, what becomes of it, and what of other tables it is enriched with. */
export function judgement(spec: TableSpec, from: string, overtakes = false): string {
  const { orders } = spec;
  const key = identifier(keyColumn(spec));
  const version = spec.versionColumn === null ? null : identifier(spec.versionColumn);
  const isOlder = overtakes || version === null ? 'false' : `t.${version} > c._version`;
  const isStale = `(${isOlder} OR ${isFromBefore(spec)})`;
  // A row whose version was set back is not the same, though its digest is.
  const isCurrent = version === null ? '' : `AND t.${version} = c._version `;
  const isSame = `t._row_hash = c._row_hash ${isCurrent}AND ${isAlive(spec)}${orders === undefined ? '' : ` AND NOT ${isRateNew(orders)}`}`;
  return `CREATE TEMP TABLE judged ON COMMIT DROP AS
    WITH candidates AS MATERIALIZED (
      SELECT ctid AS _place, ${key} AS _key, ${version ?? 'NULL'} AS _version, _row_hash
             ${orders === undefined ? '' : ', currency, created_at, supplier_id'},
             row_number() OVER (PARTITION BY ${key} ORDER BY ${version === null ? '' : `${version} DESC, `}_part DESC, _line DESC) AS _rank
      FROM ${from} WHERE _verdict = 'row'
    )${orders === undefined ? '' : `, fx AS MATERIALIZED (${ratesNeeded(orders)})`}
    SELECT c._place, t.${key} IS NOT NULL AS _exists,
           CASE WHEN c._rank > 1 THEN 'duplicate' WHEN t.${key} IS NULL THEN 'loaded'
                WHEN ${isStale} THEN 'stale' WHEN ${isSame} THEN 'unchanged' ELSE 'loaded' END AS _becomes
           ${orders === undefined ? '' : `, ${orders.suppliers === undefined ? 'NULL' : 's.name'} AS supplier, fx.rate_date, fx.reporting_rate, fx.currency_rate`}
    FROM candidates c LEFT JOIN ${qualified(spec.table)} t
      ON c._rank = 1 AND t._tenant = :tenant AND t._source = :source AND t.${key} = c._key
    ${orders === undefined ? '' : orderJoins(orders)}
    ORDER BY c._place`;
}

/** Not taken for deleted, unless by the record's own word, which it still says. */
export function isAlive({ deletedColumn }: TableSpec): string {
  return deletedColumn === undefined
    ? 'NOT t._deleted'
    : `t._deleted = coalesce(t.${identifier(deletedColumn)}, false)`;
}

/** What was read before the row was found to be deleted does not revive it; a deletion that the vendor tells of has a version. */
export function isFromBefore({ deletedColumn }: TableSpec): string {
  return deletedColumn === undefined ? 't._deleted AND t._deleted_at > :opened::timestamptz' : 'false';
}

/** Inserts staged rows (`w`), those that `judged` (`j`) says are loaded; `more` are further columns with their values. */
export function insertion(
  spec: MergedSpec,
  from: string,
  into: {
    readonly table?: string;
    readonly more?: readonly (readonly [string, string])[];
    readonly which?: string;
  } = {},
): string {
  const { table = spec.table, more = [], which = `j._becomes = 'loaded'` } = into;
  const values = [...writtenValues(spec), ...more];
  return `INSERT INTO ${qualified(table)} AS t (${values.map(([name]) => name).join(', ')})
    SELECT ${values.map(([, value]) => value).join(', ')}
    FROM judged j JOIN ${from} w ON w.ctid = j._place WHERE ${which}`;
}

/** Behind an insertion: a row with the same key becomes this one. */
export function overwriting(spec: MergedSpec): string {
  const key = identifier(keyColumn(spec));
  const updated = writtenValues(spec)
    .map(([name]) => name)
    .filter((name) => name !== key && name !== '_tenant' && name !== '_source');
  return `ON CONFLICT (_tenant, _source, ${key}) DO UPDATE SET
      ${updated.map((name) => `${name} = excluded.${name}`).join(', ')}`;
}

/** Every column that a load writes, with its value. */
function writtenValues(spec: MergedSpec): readonly (readonly [string, string])[] {
  return [
    ...spec.columns.map(({ name }) => [identifier(name), writtenValue(spec, name)] as const),
    ...(spec.orders === undefined ? [] : orderValues(spec.orders.reportingCurrency)),
    ...addedValues(spec.added),
    ['raw', 'w.raw'],
    ...provenance,
    ...deletion(spec),
  ];
}

/** A record that its vendor says is deleted stays, marked so since the version that says it. */
function deletion(spec: TableSpec): readonly (readonly [string, string])[] {
  const { deletedColumn, versionColumn, columns } = spec;
  const isDeleted = deletedColumn === undefined ? 'false' : `coalesce(w.${identifier(deletedColumn)}, false)`;
  const isTime = columns.some(({ name, type }) => name === versionColumn && type === 'timestamp');
  const since = isTime && versionColumn !== null ? `w.${identifier(versionColumn)}` : 'now()';
  return [
    ['_deleted', isDeleted],
    ['_deleted_at', `CASE WHEN ${isDeleted} THEN ${since} END`],
  ];
}

const lineColumns = orderLineColumns.map(({ name }) => name);

/** The lines of every order that is loaded, replaced as a whole. */
async function replaceLines(trx: Knex.Transaction, from: string, bindings: LoadBindings): Promise<void> {
  await query(
    trx,
    `DELETE FROM analytics.po_line_fact l USING judged j JOIN ${from} w ON w.ctid = j._place
     WHERE j._becomes = 'loaded' AND j._exists AND l._tenant = :tenant AND l._source = :source AND l.po_id = w.po_id`,
    bindings,
  );
  await query(
    trx,
    `INSERT INTO analytics.po_line_fact (po_id, ${lineColumns.join(', ')},
            _tenant, _source, _ingested_at, _pipeline_run_id, _batch_id, _part, _line, _row_hash)
     SELECT w.po_id, ${lineColumns.map((name) => `l.${name}`).join(', ')},
            :tenant, :source, now(), :run, :batch, w._part, w._line, w._row_hash
     FROM judged j JOIN ${from} w ON w.ctid = j._place CROSS JOIN LATERAL unnest(w.lines) AS l
     WHERE j._becomes = 'loaded'`,
    bindings,
  );
}

function writtenValue(spec: TableSpec, column: string): string {
  const value = `w.${identifier(column)}`;
  return spec.orders !== undefined && column === 'supplier_name' ? `coalesce(j.supplier, ${value})` : value;
}

/** total_usd, fx_rate, fx_date, flags: one multiplication, rounded once, half away from zero. */
function orderValues(reportingCurrency: string): (readonly [string, string])[] {
  const isReporting = 'w.currency = :reporting';
  const exact = `CASE WHEN ${isReporting} THEN w.total ELSE w.total * j.reporting_rate / j.currency_rate END`;
  return [
    ['total_usd', `round(${exact}, ${minorUnitsOf(reportingCurrency)})`],
    ['fx_rate', `CASE WHEN ${isReporting} THEN 1 ELSE round(j.reporting_rate / j.currency_rate, 12) END`],
    ['fx_date', `CASE WHEN ${isReporting} THEN ${dayOf('w')} ELSE j.rate_date END`],
    [
      'flags',
      `CASE WHEN NOT ${isReporting} AND j.rate_date IS NULL THEN ARRAY['no_rate'] ELSE ARRAY[]::text[] END`,
    ],
  ];
}

/** The supplier, and the rate. */
function orderJoins(orders: OrderEnrichment): string {
  const supplier = `LEFT JOIN ${orders.suppliers} s
         ON s._tenant = :tenant AND s._source = :source AND s.supplier_id = c.supplier_id AND NOT s._deleted`;
  return `
       ${orders.suppliers === undefined ? '' : supplier}
       LEFT JOIN fx ON fx.currency = c.currency AND fx.day = ${dayOf('c')}`;
}

/** A rate for each currency and day that the batch has: far fewer than it has orders. */
function ratesNeeded(orders: OrderEnrichment): string {
  return `
       SELECT c.currency, ${dayOf('c')} AS day, r.rate_date, r.reporting_rate, r.currency_rate
       FROM (SELECT DISTINCT ON (currency, ${dayOf('candidates')}) currency, created_at FROM candidates
             WHERE currency <> :reporting) c
       CROSS JOIN LATERAL (${rateOf(orders, 'c')}) r`;
}

/** The day's quotes of both currencies against the same base, or those of the last quoted day. */
function rateOf(orders: OrderEnrichment, row: string): string {
  const quote = (currency: string) =>
    `CASE WHEN q.base = ${currency} THEN 1 ELSE (q.rates ->> ${currency})::numeric END`;
  const day = dayOf(row);
  return `
      SELECT q.rate_date, ${quote(':reporting')} AS reporting_rate, ${quote(`${row}.currency`)} AS currency_rate
      FROM ${orders.rates} q
      WHERE q._tenant = :tenant AND q.rate_date <= ${day} AND q.rate_date > ${day} - ${rateMaxAgeDays}
        AND (q.base = ${row}.currency OR (q.rates ->> ${row}.currency) IS NOT NULL)
        AND (q.base = :reporting OR (q.rates ->> :reporting) IS NOT NULL)
      ORDER BY q.rate_date DESC LIMIT 1`;
}

/** Whether an order that was loaded without a rate has one by now: then it is not the same any more. */
function isRateNew(orders: OrderEnrichment): string {
  return `CASE WHEN 'no_rate' = ANY (t.flags) THEN EXISTS (${rateOf(orders, 'c')}) ELSE false END`;
}

function dayOf(row: string): string {
  return `(${row}.created_at AT TIME ZONE 'UTC')::date`;
}
