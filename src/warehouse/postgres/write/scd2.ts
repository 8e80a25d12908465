import type { Knex } from 'knex';
import { query } from '../../../database/postgres.js';
import { indexName } from '../../../domain/plan.js';
import { hiddenTable } from '../../../domain/write.js';
import type { TableSpec } from '../../port.js';
import { insertion } from '../merge-rows.js';
import { identifier, keyColumn, qualified, systemColumns } from '../names.js';
import type { MergedSpec } from '../shape/value.js';
import {
  chain,
  missingVersions,
  stagedVersions,
  storedVersions,
  versionOf,
  versionType,
  wrongIntervals,
} from './scd2-chain.js';
import type { LoadBindings, WriteStrategy } from './strategy.js';

/**
 * Keeps every version: valid from the vendor's own time of it until the next one's. The table is a function of the
 * set of versions that were ever seen, whatever the order in which they came: of consecutive versions that say the
 * same only the first has a row, a deletion ends the one before it, and a version that comes late splits the
 * interval that it lies in. What has no row of its own (repetitions, deletions) is kept in `<table>__hidden`, since
 * a late version may make it the start of an interval again.
 */
export const scd2: WriteStrategy = {
  key: (spec) => [keyColumn(spec), 'valid_from'],
  columns: (spec) => {
    const type = versionType(spec);
    return [
      ['valid_from', `${type} NOT NULL`],
      ['valid_to', type],
      ['is_current', 'boolean NOT NULL'],
    ];
  },
  prepare: prepareHidden,
  write: writeVersions,
  identity: (spec) => [keyColumn(spec), versionOf(spec)],
  removes: false,
  missing: missingVersions,
  holds: (spec, from) => [wrongIntervals(spec, from)],
};

async function prepareHidden(trx: Knex.Transaction, spec: TableSpec): Promise<void> {
  const key = identifier(keyColumn(spec));
  const hidden = qualified(hiddenTable(spec.table));
  await trx.raw(
    `CREATE TABLE IF NOT EXISTS ${hidden} (LIKE ${qualified(spec.table)} INCLUDING DEFAULTS, PRIMARY KEY (_tenant, _source, ${key}, valid_from))`,
  );
  // What a hidden table of an earlier build lacks.
  await trx.raw(`ALTER TABLE ${hidden} ADD COLUMN IF NOT EXISTS _deleted_at timestamptz`);
  const name = identifier(indexName(spec.table.split('.')[1] ?? '', 'current'));
  await trx.raw(
    `CREATE UNIQUE INDEX IF NOT EXISTS ${name} ON ${qualified(spec.table)} (_tenant, _source, ${key}) WHERE is_current`,
  );
}

async function writeVersions(
  trx: Knex.Transaction,
  spec: MergedSpec,
  from: string,
  bindings: LoadBindings,
): Promise<void> {
  const run = (sql: string) => query(trx, sql, bindings);
  await run(judgement(spec, from));
  await trx.raw('CREATE INDEX ON judged (_key, _version) WHERE _is_fresh; ANALYZE judged');
  await run(`CREATE TEMP TABLE chain ON COMMIT DROP AS ${chain(observed(spec, from))}`);
  await trx.raw('CREATE INDEX ON chain (_key, _version); ANALYZE chain');
  await run(
    `UPDATE judged j SET _becomes = CASE WHEN c._changes THEN 'loaded' ELSE 'unchanged' END FROM chain c WHERE c._place = j._place`,
  );
  await moveStored(spec, run);
  await insertStaged(spec, from, run);
}

/** `_is_fresh`: a version not seen before, or seen with another content, which it corrects. */
function judgement(spec: TableSpec, from: string): string {
  const key = identifier(keyColumn(spec));
  const version = identifier(versionOf(spec));
  const at = (alias: string) =>
    `${alias}._tenant = :tenant AND ${alias}._source = :source AND ${alias}.${key} = c._key AND ${alias}.valid_from = c._version`;
  return `CREATE TEMP TABLE judged ON COMMIT DROP AS
    WITH candidates AS MATERIALIZED (
      SELECT ctid AS _place, ${key} AS _key, ${version} AS _version, _row_hash,
             row_number() OVER (PARTITION BY ${key}, ${version} ORDER BY _part DESC, _line DESC) AS _rank
      FROM ${from} WHERE _verdict = 'row'
    )
    SELECT c._place, c._key, c._version, CASE WHEN c._rank > 1 THEN 'duplicate' ELSE 'unchanged' END AS _becomes,
           c._rank = 1 AND c._row_hash IS DISTINCT FROM coalesce(t._row_hash, h._row_hash) AS _is_fresh
    FROM candidates c LEFT JOIN ${qualified(spec.table)} t ON c._rank = 1 AND ${at('t')}
    LEFT JOIN ${qualified(hiddenTable(spec.table))} h ON c._rank = 1 AND ${at('h')}
    ORDER BY c._place`;
}

/** Everything that was ever seen of the keys that the batch brings news of. */
function observed(spec: TableSpec, from: string): string {
  const key = identifier(keyColumn(spec));
  const which = `t.${key} IN (SELECT _key FROM judged WHERE _is_fresh)
    AND NOT EXISTS (SELECT FROM judged j WHERE j._is_fresh AND j._key = t.${key} AND j._version = t.valid_from)`;
  return `${storedVersions(spec, which)} UNION ALL ${stagedVersions(spec, from)}`;
}

type Run = (sql: string) => Promise<unknown>;

/** Takes out what is corrected, moves rows between table and hidden, and sets the intervals of those that stay. */
async function moveStored(spec: MergedSpec, run: Run): Promise<void> {
  const key = identifier(keyColumn(spec));
  const [shown, hidden] = [qualified(spec.table), qualified(hiddenTable(spec.table))];
  const mine = `t._tenant = :tenant AND t._source = :source AND t.${key} = c._key AND t.valid_from = c._version`;
  for (const table of [shown, hidden])
    await run(`DELETE FROM ${table} t USING judged c WHERE c._is_fresh AND ${mine}`);
  const names = [
    ...[...spec.columns, ...(spec.added ?? [])].map(({ name }) => identifier(name)),
    'raw',
    ...systemNames,
    'valid_from',
  ];
  const move = (source: string, target: string, which: string, ends: string) => `
    WITH moved AS (DELETE FROM ${source} t USING chain c WHERE ${which} AND ${mine}
                   RETURNING ${names.map((name) => `t.${name}`).join(', ')}, c._until)
    INSERT INTO ${target} (${names.join(', ')}, valid_to, is_current) SELECT ${names.join(', ')}, ${ends} FROM moved`;
  await run(move(shown, hidden, `c._origin = 'table' AND NOT c._is_shown`, 'NULL, false'));
  await run(
    `UPDATE ${shown} t SET valid_to = c._until, is_current = c._until IS NULL FROM chain c
     WHERE c._origin = 'table' AND c._is_shown AND ${mine}
       AND (t.valid_to, t.is_current) IS DISTINCT FROM (c._until, c._until IS NULL)`,
  );
  await run(move(hidden, shown, `c._origin = 'hidden' AND c._is_shown`, '_until, _until IS NULL'));
}

const systemNames = systemColumns.map(([name]) => name);

async function insertStaged(spec: MergedSpec, from: string, run: Run): Promise<void> {
  const until = '(SELECT c._until FROM chain c WHERE c._place = j._place)';
  const isShown = 'EXISTS (SELECT FROM chain c WHERE c._place = j._place AND c._is_shown)';
  const versioned = (to: string, current: string): readonly (readonly [string, string])[] => [
    ['valid_from', 'j._version'],
    ['valid_to', to],
    ['is_current', current],
  ];
  await run(
    insertion(spec, from, {
      more: versioned(until, `${until} IS NULL`),
      which: `j._is_fresh AND ${isShown}`,
    }),
  );
  await run(
    insertion(spec, from, {
      table: hiddenTable(spec.table),
      more: versioned('NULL', 'false'),
      which: `j._is_fresh AND NOT ${isShown}`,
    }),
  );
}
