import type { Knex } from 'knex';
import { indexName } from '../../domain/plan.js';
import { orderLineColumns } from '../../domain/purchase-order.js';
import { strategyOf } from '../../domain/write.js';
import { BatonError } from '../../protocol/errors.js';
import type { TableSpec } from '../port.js';
import { comparisonFoundation } from './comparisons.js';
import { stagingColumns } from './copy-text.js';
import { identifier, qualified, sqlTypes, systemColumns } from './names.js';
import { shapeFoundation } from './shape/registry.js';
import { strategyFor } from './write/index.js';

const systemDdl = systemColumns.map(([name, type]) => `${name} ${type}`).join(',\n  ');

/** Baton's own schemas and tables; created once, all `IF NOT EXISTS`, under a lock. */
const foundation = `
CREATE SCHEMA IF NOT EXISTS raw;
CREATE SCHEMA IF NOT EXISTS staging;
CREATE SCHEMA IF NOT EXISTS analytics;
CREATE SCHEMA IF NOT EXISTS quarantine;

CREATE TABLE IF NOT EXISTS raw._baton_loads (
  batch_id      text NOT NULL,
  generation    integer NOT NULL,
  run_id        text NOT NULL,
  tenant        text NOT NULL,
  connection    text NOT NULL,
  stream        text NOT NULL,
  target        text NOT NULL,
  state         text NOT NULL DEFAULT 'open' CHECK (state IN ('open','loaded')),
  read          bigint, loaded bigint, unchanged bigint, quarantined bigint, duplicate bigint, stale bigint, filtered bigint,
  opened_at     timestamptz NOT NULL DEFAULT now(),
  loaded_at     timestamptz,
  reconciled_by text[] NOT NULL DEFAULT '{}',
  PRIMARY KEY (batch_id, generation),
  CHECK (state = 'open' OR read = loaded + unchanged + quarantined + duplicate + stale + filtered)
);
CREATE INDEX IF NOT EXISTS _baton_loads_unreconciled ON raw._baton_loads (tenant, connection)
  WHERE state = 'loaded' AND NOT connection = ANY (reconciled_by);
CREATE INDEX IF NOT EXISTS _baton_loads_shared ON raw._baton_loads (tenant, target) WHERE state = 'loaded' AND loaded > 0;

CREATE TABLE IF NOT EXISTS raw._baton_watermarks (
  connection text NOT NULL,
  stream     text NOT NULL,
  tenant     text NOT NULL,
  value      text NOT NULL,
  moved_by   text NOT NULL,
  moved_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (connection, stream, tenant)
);

CREATE TABLE IF NOT EXISTS raw._baton_watermark_changes (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  connection text NOT NULL,
  stream     text NOT NULL,
  tenant     text NOT NULL,
  before     text,
  after      text,
  changed_by text NOT NULL,
  changed_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS quarantine.records (
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  target        text NOT NULL,
  tenant        text NOT NULL,
  source        text NOT NULL,
  stream        text NOT NULL,
  record_id     text,
  rule          text NOT NULL,
  reason        text NOT NULL,
  path          text NOT NULL,
  value         text,
  violations    jsonb NOT NULL,
  raw           text NOT NULL,
  run_id        text NOT NULL,
  batch_id      text NOT NULL,
  part          integer NOT NULL,
  line          integer NOT NULL,
  state         text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting','superseded')),
  quarantined_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (batch_id, target, part, line)
);
CREATE INDEX IF NOT EXISTS quarantine_records_by_record ON quarantine.records (target, tenant, source, record_id);

CREATE TABLE IF NOT EXISTS analytics.po_fact (
  po_id text NOT NULL,
  tenant text GENERATED ALWAYS AS (_tenant) STORED,
  source text GENERATED ALWAYS AS (_source) STORED,
  po_number text NOT NULL,
  status text NOT NULL,
  vendor_status text NOT NULL,
  version bigint,
  supplier_id text,
  supplier_name text,
  customer_account_id text,
  currency text NOT NULL,
  total numeric NOT NULL,
  total_usd numeric,
  fx_rate numeric,
  fx_date date,
  line_count bigint NOT NULL,
  flags text[] NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  raw json NOT NULL,
  ${systemDdl},
  PRIMARY KEY (_tenant, _source, po_id)
);
CREATE INDEX IF NOT EXISTS po_fact_by_batch ON analytics.po_fact (_batch_id);

CREATE TABLE IF NOT EXISTS analytics.po_line_fact (
  po_id text NOT NULL,
  line_id text NOT NULL,
  line_num text,
  type text NOT NULL,
  description text,
  price numeric,
  quantity numeric,
  total numeric NOT NULL,
  invoiced numeric,
  accounts jsonb NOT NULL DEFAULT '[]',
  created_at timestamptz,
  updated_at timestamptz,
  ${systemDdl},
  PRIMARY KEY (_tenant, _source, po_id, line_id)
);

CREATE TABLE IF NOT EXISTS analytics.po_discrepancy (
  tenant        text NOT NULL,
  source        text NOT NULL,
  po_id         text NOT NULL,
  rule          text NOT NULL,
  episode       integer NOT NULL DEFAULT 1,
  state         text NOT NULL CHECK (state IN ('open','resolved')),
  evidence      jsonb NOT NULL,
  opened_run    text NOT NULL,
  opened_at     timestamptz NOT NULL DEFAULT now(),
  seen_run      text NOT NULL,
  resolved_run  text,
  resolved_at   timestamptz,
  ticket_cause  text,
  ticket_episode integer,
  planned_state text CHECK (planned_state IN ('open','resolved')),
  planned_evidence jsonb,
  PRIMARY KEY (tenant, source, po_id, rule)
);
ALTER TABLE analytics.po_discrepancy ADD COLUMN IF NOT EXISTS sightings integer NOT NULL DEFAULT 1,
  ADD COLUMN IF NOT EXISTS mended_at timestamptz, ADD COLUMN IF NOT EXISTS ticket_ordinal integer;
CREATE INDEX IF NOT EXISTS po_discrepancy_open ON analytics.po_discrepancy (tenant, source) WHERE state = 'open';
CREATE INDEX IF NOT EXISTS po_discrepancy_unplanned ON analytics.po_discrepancy (tenant, source, rule)
  WHERE ticket_episode IS DISTINCT FROM episode OR planned_state IS DISTINCT FROM state OR planned_evidence IS DISTINCT FROM evidence;
CREATE INDEX IF NOT EXISTS po_discrepancy_by_summary ON analytics.po_discrepancy (tenant, ticket_cause) WHERE ticket_cause LIKE 'summary:%';
`;

export async function prepareFoundation(knex: Knex): Promise<void> {
  await knex.transaction(async (trx) => {
    await trx.raw('SELECT pg_advisory_xact_lock(7203321003)');
    await trx.raw(foundation);
    await trx.raw(shapeFoundation);
    await trx.raw(comparisonFoundation);
    for (const table of ['analytics.po_fact', 'analytics.po_line_fact'])
      await addMissing(trx, table, systemColumns);
    await prepareLines(trx);
  });
}

/** Lines are staged in their order's row, as an array of this type: taken apart when they come, not when they are merged. */
async function prepareLines(trx: Knex.Transaction): Promise<void> {
  const { rows } = await trx.raw(`SELECT to_regtype('staging.order_line') IS NOT NULL AS exists`);
  if (rows[0].exists) return;
  const columns = orderLineColumns.map(
    ({ name, type }) => `${name} ${type === 'json' ? 'jsonb' : sqlTypes[type]}`,
  );
  await trx.raw(`CREATE TYPE staging.order_line AS (${columns.join(', ')})`);
}

/**
 * Indexes that only readers need are made after the first load, when they cost a fraction of what every row of it
 * would pay. Those of later loads are kept up as they are.
 */
export async function prepareReaders(knex: Knex, spec: TableSpec): Promise<void> {
  const own = (spec.indexes ?? []).map((column) => [column, `_tenant, ${identifier(column)}`] as const);
  const wanted = spec.orders === undefined ? own : [...orderIndexes, ...own];
  // Side by side: each reads the table once more, and none keeps another from it.
  await Promise.all(
    wanted.map(([by, columns]) =>
      knex.transaction(async (trx) => {
        await trx.raw('SELECT pg_advisory_xact_lock(hashtextextended(?, 7203321005))', [
          indexName(spec.table, by),
        ]);
        await createIndex(trx, spec.table, by, columns);
      }),
    ),
  );
}

const orderIndexes = [
  ['supplier', '_tenant, _source, supplier_id'],
  ['customer', '_tenant, customer_account_id'],
  ['number', '_tenant, _source, po_number'],
] as const;

async function createIndex(trx: Knex, table: string, by: string, columns: string): Promise<void> {
  const name = identifier(indexName(table.split('.')[1] ?? '', by));
  await trx.raw(`CREATE INDEX IF NOT EXISTS ${name} ON ${qualified(table)} (${columns})`);
}

/** Creates the table, its indexes and its staging parent; `analytics.po_fact` is part of the foundation. */
export async function prepareTable(knex: Knex, spec: TableSpec): Promise<void> {
  const columns = spec.columns.map((column) => `${identifier(column.name)} ${sqlTypes[column.type]}`);
  const staging = `staging.${identifier(spec.staging)}`;
  await knex.transaction(async (trx) => {
    await trx.raw('SELECT pg_advisory_xact_lock(7203321003)');
    if (spec.orders === undefined) {
      const kept = spec.columns.map(
        (column) =>
          `${identifier(column.name)} ${sqlTypes[column.type]}${column.nullable === true ? '' : ' NOT NULL'}`,
      );
      const strategy = strategyFor(spec);
      const further = strategy.columns(spec).map(([name, type]) => `${name} ${type}, `);
      await trx.raw(`CREATE TABLE IF NOT EXISTS ${qualified(spec.table)} (
        ${kept.join(',\n')}, ${further.join('')}raw json NOT NULL, ${systemDdl},
        PRIMARY KEY (_tenant, _source, ${strategy.key(spec).map(identifier).join(', ')}))`);
      await assertShape(trx, spec);
      const own = spec.columns.map(({ name, type }) => [name, sqlTypes[type]] as const);
      await addMissing(trx, spec.table, [...own, ...systemColumns]);
      await createIndex(trx, spec.table, 'batch', '_batch_id');
      await strategy.prepare?.(trx, spec);
    }
    await dropOutdated(trx, spec);
    const lines = spec.orders === undefined ? '' : 'lines staging.order_line[], ';
    await trx.raw(`CREATE TABLE IF NOT EXISTS ${staging} (
      ${columns.join(',\n')}, ${lines}raw json, _part integer NOT NULL, _line integer NOT NULL, _row_hash text,
      _verdict text NOT NULL, _record_id text, _violations jsonb, _bad text)`);
  });
}

/** Columns that a table of an earlier build lacks; looked for first, because adding one locks the table. */
async function addMissing(
  trx: Knex.Transaction,
  table: string,
  columns: readonly (readonly [string, string])[],
): Promise<void> {
  const { rows } = await trx.raw(
    'SELECT attname::text AS name FROM pg_attribute WHERE attrelid = to_regclass(?) AND attnum > 0 AND NOT attisdropped',
    [table],
  );
  const found = new Set((rows as { name: string }[]).map(({ name }) => name));
  for (const [name, type] of columns)
    if (!found.has(name))
      await trx.raw(`ALTER TABLE ${qualified(table)} ADD COLUMN IF NOT EXISTS ${identifier(name)} ${type}`);
}

/** A table that was made for another way of writing has another key, and is not turned into this one in passing. */
async function assertShape(trx: Knex.Transaction, spec: TableSpec): Promise<void> {
  const { rows } = await trx.raw(
    `SELECT array_agg(a.attname::text ORDER BY array_position(i.indkey::int2[], a.attnum)) AS key
     FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey::int2[])
     WHERE i.indrelid = to_regclass(?) AND i.indisprimary`,
    [spec.table],
  );
  const found: readonly string[] = rows[0].key ?? [];
  const wanted = ['_tenant', '_source', ...strategyFor(spec).key(spec)];
  if (found.join() !== wanted.join())
    throw new BatonError('ERR_TABLE_SHAPE', {
      detail: `${spec.table} has one row for each ${found.join(', ')}; to be loaded by ${strategyOf(spec.write)} it would need one for each ${wanted.join(', ')}.`,
    });
}

/** Staging of an earlier build that had other columns: what is staged there is staged again from the lake. */
async function dropOutdated(trx: Knex.Transaction, spec: TableSpec): Promise<void> {
  const { rows } = await trx.raw(
    `SELECT array_agg(attname::text) AS names FROM pg_attribute
     WHERE attrelid = to_regclass(?) AND attnum > 0 AND NOT attisdropped AND attname <> 'lines'`,
    [`staging.${spec.staging}`],
  );
  const found: readonly string[] | null = rows[0].names;
  if (found === null) return;
  const lines = await trx.raw(
    `SELECT atttypid = to_regtype('staging.order_line[]') AS current FROM pg_attribute
     WHERE attrelid = to_regclass(?) AND attname = 'lines' AND NOT attisdropped`,
    [`staging.${spec.staging}`],
  );
  const wanted = [...spec.columns.map(({ name }) => name), ...stagingColumns].filter(
    (name) => name !== 'lines',
  );
  const same = wanted.length === found.length && wanted.every((name) => found.includes(name));
  const linesFit = spec.orders === undefined || lines.rows[0]?.current === true;
  if (!same || !linesFit) await trx.raw(`DROP TABLE staging.${identifier(spec.staging)} CASCADE`);
}
