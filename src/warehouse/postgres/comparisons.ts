import type { Knex } from 'knex';
import { type Database, only, query } from '../../database/postgres.js';
import { hiddenTable, strategyOf } from '../../domain/write.js';
import { BatonError } from '../../protocol/errors.js';
import type {
  Comparison,
  ComparisonKey,
  Comparisons,
  FoundDifferences,
  LostObject,
  TableSpec,
} from '../port.js';
import { identifier, keyColumn, qualified, sqlTypes } from './names.js';

export const comparisonFoundation = `
CREATE TABLE IF NOT EXISTS raw._baton_comparisons (
  run_id      text NOT NULL,
  step_id     text NOT NULL,
  target      text NOT NULL,
  tenant      text NOT NULL,
  source      text NOT NULL,
  stream      text NOT NULL,
  window_from text,
  window_to   text NOT NULL,
  cursor      jsonb,
  listed      bigint NOT NULL DEFAULT 0,
  calls       bigint NOT NULL DEFAULT 0,
  is_listed   boolean NOT NULL DEFAULT false,
  found       jsonb,
  lost        jsonb NOT NULL DEFAULT '[]',
  opened_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (run_id, step_id)
);
CREATE TABLE IF NOT EXISTS raw._baton_compared (
  run_id  text NOT NULL,
  step_id text NOT NULL,
  id      text NOT NULL,
  version text,
  verdict text,
  ordinal bigint,
  PRIMARY KEY (run_id, step_id, id),
  FOREIGN KEY (run_id, step_id) REFERENCES raw._baton_comparisons (run_id, step_id) ON DELETE CASCADE
);
CREATE INDEX IF NOT EXISTS _baton_compared_in_order ON raw._baton_compared (run_id, step_id, ordinal) WHERE ordinal IS NOT NULL;
`;

const columns = `step_id AS "stepId", target, tenant, source, stream, window_from AS "windowFrom", window_to AS "windowTo",
  cursor, is_listed AS "isListed", listed::int, calls::int, found, lost`;
const mine = 'run_id = :run AND step_id = :step';

/** `prepareTable` makes sure that the table, and Baton's own, are there. */
export function createComparisons(
  { knex, guard }: Database,
  prepareTable: (table: TableSpec) => Promise<void>,
): Comparisons {
  const find = async (key: ComparisonKey): Promise<Comparison | null> => {
    const { rows } = await query<Comparison>(
      knex,
      `SELECT ${columns} FROM raw._baton_comparisons WHERE ${mine}`,
      bindingsOf(key),
    );
    return rows[0] ?? null;
  };
  return {
    prepare: (table) => guard(`preparing ${table.table}`, () => prepareTable(table)),
    find: (key) => guard('reading a comparison', () => find(key)),
    open: (key, { target, tenant, source, stream, windowFrom, windowTo }) =>
      guard('opening a comparison', async () => {
        await query(
          knex,
          `INSERT INTO raw._baton_comparisons (run_id, step_id, target, tenant, source, stream, window_from, window_to)
           VALUES (:run, :step, :target, :tenant, :source, :stream, :windowFrom, :windowTo) ON CONFLICT DO NOTHING`,
          { ...bindingsOf(key), target, tenant, source, stream, windowFrom, windowTo },
        );
        return found(await find(key), key);
      }),
    ofRun: (runId) =>
      guard('reading comparisons', async () => {
        const { rows } = await query<Comparison>(
          knex,
          `SELECT ${columns} FROM raw._baton_comparisons WHERE run_id = :run ORDER BY opened_at`,
          { run: runId },
        );
        return rows;
      }),
    keepPage: (key, before, page) => guard('keeping listed keys', () => keepPage(knex, key, before, page)),
    compare: (key, table, lost) =>
      guard(`comparing ${table.table}`, async () => {
        const comparison = found(await find(key), key);
        return comparison.found ?? compareListed(knex, key, comparison, table, lost);
      }),
    differing: (key, after, limit) =>
      guard('reading differing keys', async () => {
        const { rows } = await query<{ id: string }>(
          knex,
          `SELECT id FROM raw._baton_compared WHERE ${mine} AND ordinal > :after ORDER BY ordinal LIMIT :limit::int`,
          { ...bindingsOf(key), after, limit },
        );
        return rows.map(({ id }) => id);
      }),
    unlisted: (key, table) =>
      guard(`comparing ${table.table}`, async () => {
        const { rows } = await query<{ gone: number; rows: number }>(
          knex,
          `SELECT (SELECT count(*)::int FROM raw._baton_compared WHERE ${mine} AND verdict IN ('unlisted','asked')) AS gone,
                  (SELECT count(*)::int FROM ${qualified(table.table)} WHERE _tenant = :tenant AND _source = :source AND NOT _deleted) AS rows`,
          { ...bindingsOf(key), ...placeOf(found(await find(key), key)) },
        );
        return only(rows);
      }),
    toConfirm: (key, limit) =>
      guard('reading keys that were not listed', async () => {
        const { rows } = await query<{ id: string }>(
          knex,
          `SELECT id FROM raw._baton_compared WHERE ${mine} AND verdict = 'unlisted' ORDER BY length(id), id LIMIT :limit::int`,
          { ...bindingsOf(key), limit },
        );
        return rows.map(({ id }) => id);
      }),
    markGone: (key, table, answer) =>
      guard(`marking deleted rows of ${table.table}`, async () =>
        markGone(knex, key, found(await find(key), key), table, answer),
      ),
    remaining: (key, table) =>
      guard(`comparing ${table.table}`, async () => {
        const comparison = found(await find(key), key);
        const { rows } = await query<{ n: number }>(
          knex,
          `SELECT count(*)::int AS n FROM (${judged(table, `AND c.verdict IN ('missing','older')`)}) j WHERE j.verdict IS NOT NULL`,
          { ...bindingsOf(key), ...placeOf(comparison) },
        );
        return only(rows).n;
      }),
  };
}

/** Rows of tables that hold one row for each key: a history has no row to mark. */
export function isSweepable(table: TableSpec): boolean {
  return ['upsert', 'delete-insert'].includes(strategyOf(table.write)) && table.deletedColumn === undefined;
}

/** Keys of live rows that were not listed, beside those that were. What is younger than the window says nothing. */
function unlisted(table: TableSpec): string {
  const column = identifier(keyColumn(table));
  const { versionColumn } = table;
  const isOld = versionColumn === null ? 'true' : `t.${identifier(versionColumn)} < :to::timestamptz`;
  return `INSERT INTO raw._baton_compared (run_id, step_id, id, verdict)
    SELECT :run, :step, t.${column}::text, 'unlisted' FROM ${qualified(table.table)} t
    WHERE t._tenant = :tenant AND t._source = :source AND NOT t._deleted AND ${isOld}
      AND NOT EXISTS (SELECT FROM raw._baton_compared c WHERE c.run_id = :run AND c.step_id = :step AND c.id = t.${column}::text)
    ON CONFLICT DO NOTHING`;
}

async function markGone(
  knex: Knex,
  key: ComparisonKey,
  comparison: Comparison,
  table: TableSpec,
  { asked, gone, calls }: Parameters<Comparisons['markGone']>[2],
): Promise<number> {
  const column = identifier(keyColumn(table));
  const { versionColumn } = table;
  const isOld = versionColumn === null ? 'true' : `t.${identifier(versionColumn)} < :to::timestamptz`;
  const bindings = {
    ...bindingsOf(key),
    ...placeOf(comparison),
    to: comparison.windowTo,
    asked: JSON.stringify(asked),
    gone: JSON.stringify(gone),
    calls,
  };
  return knex.transaction(async (trx) => {
    // Behind the lock of the table's merges: none of them is half-way between its judgement and its writing.
    await trx.raw('SELECT pg_advisory_xact_lock(hashtextextended(?, 7203321004))', [table.table]);
    const { rowCount } = await query(
      trx,
      `UPDATE ${qualified(table.table)} t SET _deleted = true, _deleted_at = clock_timestamp()
       WHERE t._tenant = :tenant AND t._source = :source AND NOT t._deleted AND ${isOld}
         AND t.${column} IN (SELECT jsonb_array_elements_text(:gone::jsonb))`,
      bindings,
    );
    await query(
      trx,
      `UPDATE raw._baton_compared SET verdict = 'asked' WHERE ${mine} AND id IN (SELECT jsonb_array_elements_text(:asked::jsonb))`,
      bindings,
    );
    await query(trx, `UPDATE raw._baton_comparisons SET calls = calls + :calls::int WHERE ${mine}`, bindings);
    return rowCount;
  });
}

function bindingsOf({ runId, stepId }: ComparisonKey) {
  return { run: runId, step: stepId };
}

function placeOf({ target, tenant, source }: Comparison) {
  return { target, tenant, source };
}

function found(comparison: Comparison | null, { runId, stepId }: ComparisonKey): Comparison {
  if (comparison !== null) return comparison;
  throw new BatonError('ERR_INTERNAL', { detail: `The comparison ${stepId} of ${runId} is gone.` });
}

/** A key that is listed twice counts in its newest version. */
async function keepPage(
  knex: Knex,
  key: ComparisonKey,
  before: Comparison['cursor'],
  page: Parameters<Comparisons['keepPage']>[2],
): Promise<boolean> {
  return knex.transaction(async (trx) => {
    const moved = await query(
      trx,
      `UPDATE raw._baton_comparisons SET cursor = :next::jsonb, is_listed = :next::jsonb IS NULL, calls = calls + :calls::int
       WHERE ${mine} AND cursor IS NOT DISTINCT FROM :before::jsonb AND NOT is_listed`,
      { ...bindingsOf(key), next: json(page.next), before: json(before), calls: page.calls },
    );
    if (moved.rowCount !== 1) return false;
    const kept = await query<{ is_new: boolean }>(
      trx,
      `INSERT INTO raw._baton_compared AS c (run_id, step_id, id, version)
       SELECT DISTINCT ON (k.id) :run, :step, k.id, k.version FROM jsonb_to_recordset(:keys::jsonb) AS k(id text, version text)
       ORDER BY k.id, k.version DESC NULLS LAST
       ON CONFLICT (run_id, step_id, id) DO UPDATE SET version = greatest(c.version, excluded.version)
       RETURNING xmax = 0 AS is_new`,
      { ...bindingsOf(key), keys: JSON.stringify(page.keys) },
    );
    const news = kept.rows.filter((row) => row.is_new).length;
    await query(trx, `UPDATE raw._baton_comparisons SET listed = listed + :news::int WHERE ${mine}`, {
      ...bindingsOf(key),
      news,
    });
    return true;
  });
}

function json(value: unknown): string | null {
  return value === null ? null : JSON.stringify(value);
}

/** In one transaction: a verdict for each listed key, those of lost objects, and an order for those that differ. */
async function compareListed(
  knex: Knex,
  key: ComparisonKey,
  comparison: Comparison,
  table: TableSpec,
  lost: readonly LostObject[],
): Promise<FoundDifferences> {
  const bindings = { ...bindingsOf(key), ...placeOf(comparison) };
  return knex.transaction(async (trx) => {
    await trx.raw('ANALYZE raw._baton_compared');
    await query(
      trx,
      `UPDATE raw._baton_compared c SET verdict = j.verdict FROM (${judged(table)}) j
       WHERE c.run_id = :run AND c.step_id = :step AND c.id = j.id AND j.verdict IS NOT NULL`,
      bindings,
    );
    if (comparison.windowFrom === null && isSweepable(table))
      await query(trx, unlisted(table), { ...bindings, to: comparison.windowTo });
    await query(trx, `DELETE FROM raw._baton_compared WHERE ${mine} AND verdict IS NULL`, bindings);
    if (lost.length > 0) await query(trx, keysOfLost(table), { ...bindings, lost: JSON.stringify(lost) });
    await query(
      trx,
      `UPDATE raw._baton_compared c SET ordinal = o.ordinal
       FROM (SELECT id, row_number() OVER (ORDER BY length(id), id) AS ordinal
             FROM raw._baton_compared WHERE ${mine} AND verdict IN ('missing','older','lost')) o
       WHERE c.run_id = :run AND c.step_id = :step AND c.id = o.id`,
      bindings,
    );
    if (table.orders !== undefined) await query(trx, strayLines, bindings);
    const { rows } = await query<FoundDifferences>(
      trx,
      `SELECT count(*) FILTER (WHERE verdict = 'missing')::int AS missing, count(*) FILTER (WHERE verdict = 'older')::int AS older,
              count(*) FILTER (WHERE verdict = 'lost')::int AS lost FROM raw._baton_compared WHERE ${mine}`,
      bindings,
    );
    const counts = only(rows);
    await query(
      trx,
      `UPDATE raw._baton_comparisons SET found = :found::jsonb, lost = :lost::jsonb WHERE ${mine}`,
      { ...bindingsOf(key), found: JSON.stringify(counts), lost: JSON.stringify(lost) },
    );
    return counts;
  });
}

/** Lines whose order is gone would be in the way of those that come back with it. */
const strayLines = `DELETE FROM analytics.po_line_fact l USING raw._baton_compared c
  WHERE c.run_id = :run AND c.step_id = :step AND c.verdict = 'missing'
    AND l._tenant = :tenant AND l._source = :source AND l.po_id = c.id
    AND NOT EXISTS (SELECT FROM analytics.po_fact f WHERE f._tenant = l._tenant AND f._source = l._source AND f.po_id = l.po_id)`;

/** Each key that was listed (or those of them that `which` names), and what is wrong with it now, if anything. */
function judged(table: TableSpec, which = ''): string {
  const column = identifier(keyColumn(table));
  const { versionColumn, deletedColumn } = table;
  const type = sqlTypes[table.columns.find(({ name }) => name === versionColumn)?.type ?? 'timestamp'];
  const version = versionColumn === null ? 'NULL::timestamptz' : identifier(versionColumn);
  const isHistory = strategyOf(table.write) === 'scd2';
  // A deletion of which the vendor itself tells has a version of its own.
  const isDeleted = isHistory || deletedColumn !== undefined ? 'false' : '_deleted';
  const rows = relations(table).map(
    (
      relation,
    ) => `SELECT ${column}::text AS _key, ${version} AS _version, ${isDeleted} AS _gone FROM ${relation}
      WHERE _tenant = :tenant AND _source = :source
        AND ${column} IN (SELECT id FROM raw._baton_compared WHERE run_id = :run AND step_id = :step)`,
  );
  return `SELECT c.id, CASE
        WHEN NOT (t._key IS NULL OR t._gone OR t._version < c.version::${type}) THEN NULL
        WHEN EXISTS (SELECT FROM quarantine.records q WHERE q.target = :target AND q.tenant = :tenant AND q.source = :source
             AND q.record_id = c.id AND q.state = 'waiting' AND (c.version IS NULL OR q.quarantined_at >= c.version::timestamptz)) THEN NULL
        WHEN t._key IS NULL THEN 'missing' ELSE 'older' END AS verdict
    FROM raw._baton_compared c
    LEFT JOIN (SELECT _key, max(_version) AS _version, bool_and(_gone) AS _gone FROM (${rows.join(' UNION ALL ')}) r GROUP BY 1) t
      ON t._key = c.id
    WHERE c.run_id = :run AND c.step_id = :step ${which}`;
}

/** The rows and quarantined records that came from lost objects: those that differ already are read again anyway. */
function keysOfLost(table: TableSpec): string {
  const column = identifier(keyColumn(table));
  const rows = relations(table).map(
    (
      relation,
    ) => `SELECT t.${column}::text AS id FROM ${relation} t JOIN lost l ON t._batch_id = l.batch AND t._part = l.ordinal
      WHERE t._tenant = :tenant AND t._source = :source`,
  );
  return `WITH lost AS MATERIALIZED (SELECT * FROM jsonb_to_recordset(:lost::jsonb) AS l(batch text, ordinal int))
    INSERT INTO raw._baton_compared (run_id, step_id, id, verdict)
    SELECT :run, :step, id, 'lost' FROM (
      ${rows.join(' UNION ')}
      UNION SELECT q.record_id FROM quarantine.records q JOIN lost l ON q.batch_id = l.batch AND q.part = l.ordinal
        WHERE q.target = :target AND q.record_id IS NOT NULL) ids
    ON CONFLICT DO NOTHING`;
}

function relations(table: TableSpec): readonly string[] {
  const hidden = strategyOf(table.write) === 'scd2' ? [qualified(hiddenTable(table.table))] : [];
  return [qualified(table.table), ...hidden];
}
