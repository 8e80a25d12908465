import type { Knex } from 'knex';
import { only, query } from '../../database/postgres.js';
import { minorUnitsOf } from '../../domain/money.js';
import type { OrderEnrichment } from '../../domain/plan.js';
import { BatonError } from '../../protocol/errors.js';
import type { LoadCounts, LoadKey, LoadResult, TableSpec, WatermarkMove } from '../port.js';
import { batchLabel, identifier, keptColumns, keyColumn, qualified } from './names.js';

/** A rate older than this many days is no rate: it covers the longest closing of the quoting banks. */
const rateMaxAgeDays = 7;

/**
 * Merges one staged batch in one transaction: takes the fence, merges, quarantines, accounts, moves the
 * watermark. A batch that is merged already answers its stored counts and changes nothing.
 */
export async function mergeBatch(
  knex: Knex,
  spec: TableSpec,
  staging: string,
  load: LoadKey,
  expected: number,
  watermark: WatermarkMove,
): Promise<LoadResult> {
  return knex.transaction(async (trx) => {
    await trx.raw('SELECT pg_advisory_xact_lock(hashtextextended(?, 7203321004))', [spec.table]);
    // Room for the keys of a million rows; beyond it the server goes to disk.
    await trx.raw(`SET LOCAL work_mem = '64MB'; SET LOCAL default_statistics_target = 10`);
    const fence = await trx.raw(
      `UPDATE raw._baton_loads SET state = 'loaded', loaded_at = now(),
              read = 0, loaded = 0, unchanged = 0, quarantined = 0, duplicate = 0, stale = 0, filtered = 0
       WHERE batch_id = ? AND generation = ? AND state = 'open'`,
      [load.batchId, load.generation],
    );
    if (fence.rowCount !== 1) {
      const stored = await readCounts(trx, load.batchId, load.generation);
      if (stored === null)
        throw new BatonError('ERR_INTERNAL', {
          detail: `Batch ${batchLabel(load)} was never opened in the warehouse.`,
        });
      return { counts: stored, merged: false };
    }
    // A table as fresh as this has no statistics: the planner would take it for a handful of rows and loop over
    // the target once for each of them.
    await trx.raw(
      `ANALYZE staging.${identifier(staging)} (${identifier(keyColumn(spec))}, _verdict, _part, _line)`,
    );

    const counts = await mergeRows(trx, spec, staging, load);
    if (counts.read !== expected)
      throw new BatonError('ERR_STAGING_LOST', {
        detail: `staging.${staging} holds ${counts.read} records of ${expected}.`,
      });
    if (spec.orders !== undefined && counts.loaded > 0) await replaceLines(trx, staging, load);
    await supersedeQuarantine(trx, spec, staging, load);
    if (counts.quarantined > 0) await quarantine(trx, spec, staging, load);
    await trx.raw(
      `UPDATE raw._baton_loads SET read = ?, loaded = ?, unchanged = ?, quarantined = ?, duplicate = ?, stale = ?, filtered = ?
       WHERE batch_id = ? AND generation = ?`,
      [
        counts.read,
        counts.loaded,
        counts.unchanged,
        counts.quarantined,
        counts.duplicate,
        counts.stale,
        counts.filtered,
        load.batchId,
        load.generation,
      ],
    );
    await moveWatermark(trx, load, watermark);
    return { counts, merged: true };
  });
}

/** Newest version of each key wins within the batch, and against the table; older ones are counted, not written. */
async function mergeRows(
  trx: Knex.Transaction,
  spec: TableSpec,
  staging: string,
  load: LoadKey,
): Promise<LoadCounts> {
  const key = identifier(keyColumn(spec));
  const version = spec.versionColumn === null ? null : identifier(spec.versionColumn);
  const kept = keptColumns(spec).map((column) => identifier(column.name));
  const enriched = spec.orders === undefined ? [] : ['total_usd', 'fx_rate', 'fx_date', 'flags'];
  const system = [
    '_tenant',
    '_source',
    '_ingested_at',
    '_pipeline_run_id',
    '_batch_id',
    '_part',
    '_line',
    '_row_hash',
  ];
  const written = [...kept, ...enriched, 'raw', ...system];
  const updated = [...written, '_deleted'].filter(
    (name) => name !== key && name !== '_tenant' && name !== '_source',
  );
  const values = [
    ...kept.map((name) =>
      spec.orders !== undefined && name === '"supplier_name"'
        ? 'coalesce(s.name, w.supplier_name)'
        : `w.${name}`,
    ),
    ...(spec.orders === undefined ? [] : orderValues(spec.orders.reportingCurrency)),
    'w.raw',
    ':tenant',
    ':source',
    'now()',
    ':run',
    ':batch',
    'w._part',
    'w._line',
    'w._row_hash',
  ];
  const isStale = version === null ? 'false' : `t.${version} > c._version`;
  const isSame = `t._row_hash = c._row_hash AND NOT t._deleted${spec.orders === undefined ? '' : ` AND NOT ${isRateNew(spec.orders)}`}`;
  const from = `staging.${identifier(staging)}`;
  // Only keys are sorted and kept; the rows themselves are fetched once, by their place in staging.
  const { rows } = await query<LoadCounts>(
    trx,
    `WITH candidates AS (
       SELECT ctid AS _place, ${key} AS _key, ${version ?? 'NULL'} AS _version, _row_hash${spec.orders === undefined ? '' : ', currency, created_at'},
              row_number() OVER (PARTITION BY ${key} ORDER BY ${version === null ? '' : `${version} DESC, `}_part DESC, _line DESC) AS _rank
       FROM ${from} WHERE _verdict = 'row'
     ), judged AS MATERIALIZED (
       SELECT c._place, CASE WHEN c._rank > 1 THEN 'duplicate' WHEN t.${key} IS NULL THEN 'loaded'
                             WHEN ${isStale} THEN 'stale' WHEN ${isSame} THEN 'unchanged' ELSE 'loaded' END AS _becomes
       FROM candidates c LEFT JOIN ${qualified(spec.table)} t
         ON c._rank = 1 AND t._tenant = :tenant AND t._source = :source AND t.${key} = c._key
     ), written AS (
       INSERT INTO ${qualified(spec.table)} AS t (${written.join(', ')})
       SELECT ${values.join(', ')} FROM ${from} w JOIN judged j ON j._place = w.ctid AND j._becomes = 'loaded'
       ${spec.orders === undefined ? '' : orderJoins(spec.orders)}
       ON CONFLICT (_tenant, _source, ${key}) DO UPDATE SET
         ${updated.map((name) => (name === '_deleted' ? '_deleted = false' : `${name} = excluded.${name}`)).join(', ')}
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
      reporting: spec.orders?.reportingCurrency ?? '',
    },
  );
  return only(rows);
}

/** total_usd, fx_rate, fx_date, flags: one multiplication, rounded once, half away from zero. */
function orderValues(reportingCurrency: string): string[] {
  const rate = `CASE WHEN w.currency = :reporting THEN 1 ELSE round(fx.reporting_rate / fx.currency_rate, 12) END`;
  const exact = `CASE WHEN w.currency = :reporting THEN w.total ELSE w.total * fx.reporting_rate / fx.currency_rate END`;
  return [
    `round(${exact}, ${minorUnitsOf(reportingCurrency)})`,
    rate,
    `CASE WHEN w.currency = :reporting THEN (w.created_at AT TIME ZONE 'UTC')::date ELSE fx.rate_date END`,
    `CASE WHEN w.currency <> :reporting AND fx.rate_date IS NULL THEN ARRAY['no_rate'] ELSE ARRAY[]::text[] END`,
  ];
}

/** The supplier, and the rate. */
function orderJoins(orders: OrderEnrichment): string {
  return `
    LEFT JOIN ${qualified(orders.suppliers)} s
      ON s._tenant = :tenant AND s._source = :source AND s.supplier_id = w.supplier_id AND NOT s._deleted
    LEFT JOIN LATERAL (${rateOf(orders, 'w')}) fx ON w.currency <> :reporting`;
}

/** The day's quotes of both currencies against the same base, or those of the last quoted day. */
function rateOf(orders: OrderEnrichment, row: string): string {
  const quote = (currency: string) =>
    `CASE WHEN q.base = ${currency} THEN 1 ELSE (q.rates ->> ${currency})::numeric END`;
  const day = `(${row}.created_at AT TIME ZONE 'UTC')::date`;
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

/** The lines of every order that this batch wrote, replaced as a whole. */
async function replaceLines(trx: Knex.Transaction, staging: string, load: LoadKey): Promise<void> {
  const bindings = { tenant: load.tenant, source: load.connection, batch: batchLabel(load), run: load.runId };
  await query(
    trx,
    `DELETE FROM analytics.po_line_fact l USING analytics.po_fact f
     WHERE f._batch_id = :batch AND l._tenant = f._tenant AND l._source = f._source AND l.po_id = f.po_id`,
    bindings,
  );
  await query(
    trx,
    `INSERT INTO analytics.po_line_fact (po_id, line_id, line_num, type, description, price, quantity, total, invoiced,
            accounts, created_at, updated_at, _tenant, _source, _ingested_at, _pipeline_run_id, _batch_id, _part, _line, _row_hash)
     SELECT s.po_id, l.line_id, l.line_num, l.type, l.description, l.price, l.quantity, l.total, l.invoiced,
            coalesce(l.accounts, '[]'), l.created_at, l.updated_at,
            :tenant, :source, now(), :run, :batch, s._part, s._line, s._row_hash
     FROM staging.${identifier(staging)} s
     JOIN analytics.po_fact f ON f._batch_id = :batch AND f.po_id = s.po_id AND f._part = s._part AND f._line = s._line
     CROSS JOIN LATERAL json_to_recordset(s.lines) AS l(line_id text, line_num text, type text, description text,
       price numeric, quantity numeric, total numeric, invoiced numeric, accounts jsonb, created_at timestamptz, updated_at timestamptz)
     WHERE s._verdict = 'row'`,
    bindings,
  );
}

/** A record that comes good, or fails anew, supersedes its earlier failure. */
async function supersedeQuarantine(
  trx: Knex.Transaction,
  spec: TableSpec,
  staging: string,
  load: LoadKey,
): Promise<void> {
  const bindings = { target: spec.table, tenant: load.tenant, source: load.connection };
  const waiting = `q.target = :target AND q.tenant = :tenant AND q.source = :source AND q.state = 'waiting'
       AND q.record_id IS NOT NULL`;
  const { rows } = await query(
    trx,
    `SELECT EXISTS (SELECT FROM quarantine.records q WHERE ${waiting}) AS any`,
    bindings,
  );
  if (!only(rows as { any: boolean }[]).any) return;
  await query(
    trx,
    `UPDATE quarantine.records q SET state = 'superseded'
     FROM staging.${identifier(staging)} s
     WHERE ${waiting} AND q.record_id = coalesce(s.${identifier(keyColumn(spec))}::text, s._record_id)`,
    bindings,
  );
}

/** Failing records, beside the table they were meant for. */
async function quarantine(
  trx: Knex.Transaction,
  spec: TableSpec,
  staging: string,
  load: LoadKey,
): Promise<void> {
  await query(
    trx,
    `INSERT INTO quarantine.records (target, tenant, source, stream, record_id, rule, reason, path, value, violations,
                                     raw, run_id, batch_id, part, line)
     SELECT :target, :tenant, :source, :stream, _record_id, _violations -> 0 ->> 'rule', _violations -> 0 ->> 'reason',
            _violations -> 0 ->> 'path', _violations -> 0 ->> 'value', _violations, _bad, :run, :batch, _part, _line
     FROM staging.${identifier(staging)} WHERE _verdict = 'quarantined'`,
    {
      target: spec.table,
      tenant: load.tenant,
      source: load.connection,
      stream: load.stream,
      run: load.runId,
      batch: batchLabel(load),
    },
  );
}

async function moveWatermark(trx: Knex.Transaction, load: LoadKey, move: WatermarkMove): Promise<void> {
  await query(
    trx,
    `INSERT INTO raw._baton_watermarks AS w (connection, stream, tenant, value, moved_by)
     SELECT :connection, :stream, :tenant, :to, :run WHERE :from::text IS NULL
        OR EXISTS (SELECT 1 FROM raw._baton_watermarks WHERE connection = :connection AND stream = :stream AND tenant = :tenant)
     ON CONFLICT (connection, stream, tenant) DO UPDATE SET value = excluded.value, moved_by = excluded.moved_by, moved_at = now()
     WHERE w.value = :from::text`,
    {
      connection: load.connection,
      stream: load.stream,
      tenant: load.tenant,
      to: move.to,
      run: load.runId,
      from: move.from,
    },
  );
}

export async function readCounts(
  knex: Knex,
  batchId: string,
  generation: number,
): Promise<LoadCounts | null> {
  const { rows } = await knex.raw(
    `SELECT read::int, loaded::int, unchanged::int, quarantined::int, duplicate::int, stale::int, filtered::int
     FROM raw._baton_loads WHERE batch_id = ? AND generation = ? AND state = 'loaded'`,
    [batchId, generation],
  );
  return rows[0] ?? null;
}
