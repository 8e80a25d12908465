import type { Knex } from 'knex';
import { only, query } from '../../database/postgres.js';
import { minorUnitsOf } from '../../domain/money.js';
import type { OrderEnrichment } from '../../domain/plan.js';
import type { LoadCounts, LoadKey, TableSpec } from '../port.js';
import { batchLabel, identifier, keyColumn, qualified } from './names.js';

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

/**
 * Newest version of each key wins within the batch, and against the table; older ones are counted, not written.
 * Only keys are sorted, judged and joined; the rows themselves are fetched once, by their place in staging.
 */
export async function mergeRows(
  trx: Knex.Transaction,
  spec: TableSpec,
  staging: string,
  load: LoadKey,
): Promise<LoadCounts> {
  const key = identifier(keyColumn(spec));
  const version = spec.versionColumn === null ? null : identifier(spec.versionColumn);
  const from = `staging.${identifier(staging)}`;
  const { orders } = spec;
  const values: readonly (readonly [string, string])[] = [
    ...spec.columns.map(({ name }) => [identifier(name), writtenValue(spec, name)] as const),
    ...(orders === undefined ? [] : orderValues(orders.reportingCurrency)),
    ['raw', 'w.raw'],
    ...provenance,
  ];
  const written = values.map(([name]) => name);
  const updated = written.filter((name) => name !== key && name !== '_tenant' && name !== '_source');
  const isStale = version === null ? 'false' : `t.${version} > c._version`;
  const isSame = `t._row_hash = c._row_hash AND NOT t._deleted${orders === undefined ? '' : ` AND NOT ${isRateNew(orders)}`}`;
  const { rows } = await query<LoadCounts>(
    trx,
    `WITH candidates AS MATERIALIZED (
       SELECT ctid AS _place, ${key} AS _key, ${version ?? 'NULL'} AS _version, _row_hash
              ${orders === undefined ? '' : ', currency, created_at, supplier_id'},
              row_number() OVER (PARTITION BY ${key} ORDER BY ${version === null ? '' : `${version} DESC, `}_part DESC, _line DESC) AS _rank
       FROM ${from} WHERE _verdict = 'row'
     ), judged AS MATERIALIZED (
       SELECT c.*, CASE WHEN c._rank > 1 THEN 'duplicate' WHEN t.${key} IS NULL THEN 'loaded'
                        WHEN ${isStale} THEN 'stale' WHEN ${isSame} THEN 'unchanged' ELSE 'loaded' END AS _becomes
       FROM candidates c LEFT JOIN ${qualified(spec.table)} t
         ON c._rank = 1 AND t._tenant = :tenant AND t._source = :source AND t.${key} = c._key
     ), ${orders === undefined ? '' : `fx AS MATERIALIZED (${ratesNeeded(orders)}), `}loading AS MATERIALIZED (
       SELECT j._place${orders === undefined ? '' : ', s.name AS supplier, fx.rate_date, fx.reporting_rate, fx.currency_rate'}
       FROM (SELECT *, _becomes = 'loaded' AS _loads FROM judged) j ${orders === undefined ? '' : orderJoins(orders)}
       WHERE j._loads
     ), written AS (
       INSERT INTO ${qualified(spec.table)} AS t (${written.join(', ')})
       SELECT ${values.map(([, value]) => value).join(', ')}
       FROM ${from} w JOIN loading l ON l._place = w.ctid
       ON CONFLICT (_tenant, _source, ${key}) DO UPDATE SET
         ${updated.map((name) => `${name} = excluded.${name}`).join(', ')}, _deleted = false
       RETURNING 1
     ), verdicts AS (
       SELECT count(*) AS read, count(*) FILTER (WHERE _verdict = 'quarantined') AS quarantined,
              count(*) FILTER (WHERE _verdict = 'filtered') AS filtered FROM ${from}
     ), reasons AS (
       SELECT count(*) FILTER (WHERE _becomes = 'unchanged') AS unchanged, count(*) FILTER (WHERE _becomes = 'stale') AS stale,
              count(*) FILTER (WHERE _becomes = 'duplicate') AS duplicate FROM judged
     )
     SELECT (SELECT count(*) FROM written)::int AS loaded, unchanged::int, stale::int, duplicate::int, read::int,
            quarantined::int, filtered::int
     FROM verdicts, reasons`,
    {
      tenant: load.tenant,
      source: load.connection,
      run: load.runId,
      batch: batchLabel(load),
      reporting: orders?.reportingCurrency ?? '',
    },
  );
  return only(rows);
}

function writtenValue(spec: TableSpec, column: string): string {
  const value = `w.${identifier(column)}`;
  return spec.orders !== undefined && column === 'supplier_name' ? `coalesce(l.supplier, ${value})` : value;
}

/** total_usd, fx_rate, fx_date, flags: one multiplication, rounded once, half away from zero. */
function orderValues(reportingCurrency: string): (readonly [string, string])[] {
  const isReporting = 'w.currency = :reporting';
  const exact = `CASE WHEN ${isReporting} THEN w.total ELSE w.total * l.reporting_rate / l.currency_rate END`;
  return [
    ['total_usd', `round(${exact}, ${minorUnitsOf(reportingCurrency)})`],
    ['fx_rate', `CASE WHEN ${isReporting} THEN 1 ELSE round(l.reporting_rate / l.currency_rate, 12) END`],
    ['fx_date', `CASE WHEN ${isReporting} THEN ${dayOf('w')} ELSE l.rate_date END`],
    [
      'flags',
      `CASE WHEN NOT ${isReporting} AND l.rate_date IS NULL THEN ARRAY['no_rate'] ELSE ARRAY[]::text[] END`,
    ],
  ];
}

/** The supplier, and the rate. */
function orderJoins(orders: OrderEnrichment): string {
  return `
       LEFT JOIN ${qualified(orders.suppliers)} s
         ON s._tenant = :tenant AND s._source = :source AND s.supplier_id = j.supplier_id AND NOT s._deleted
       LEFT JOIN fx ON fx.currency = j.currency AND fx.day = ${dayOf('j')}`;
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
      FROM ${qualified(orders.rates)} q
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
