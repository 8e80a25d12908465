import type { Knex } from 'knex';
import { only, query } from '../../../database/postgres.js';
import type {
  Contract,
  FieldState,
  FieldType,
  KnownField,
  KnownShape,
  SeenShape,
} from '../../../domain/shape.js';
import { defaultContract } from '../../../domain/shape.js';
import type { LoadKey, SchemaChange, ShapeNews, TableSpec } from '../../port.js';
import { observeShapes } from '../../shape-observer.js';
import { qualified } from '../names.js';
import { type AddedColumn, valueFunctions } from './value.js';

/** Part of the foundation: what is known of each source's fields, and what changed when. */
export const shapeFoundation = `
CREATE TABLE IF NOT EXISTS raw._baton_fields (
  target      text NOT NULL,
  source      text NOT NULL,
  key         text NOT NULL,
  state       text NOT NULL CHECK (state IN ('raw','column','ignored','refused','full')),
  type        text CHECK (type IN ('boolean','integer','numeric','text','json')),
  misfits     text[] NOT NULL DEFAULT '{}',
  always      boolean NOT NULL,
  missing     bigint NOT NULL DEFAULT 0,
  column_name text CHECK ((column_name IS NOT NULL) = (state = 'column')),
  -- how far rows that are older than the column are filled: the table's file, its next block, and the last one to look at
  filled      boolean NOT NULL DEFAULT true,
  fill_file   bigint,
  fill_next   bigint,
  fill_end    bigint,
  noted_batch text NOT NULL,
  noted_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (target, source, key)
);
CREATE TABLE IF NOT EXISTS raw._baton_schema_changes (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  target      text NOT NULL,
  source      text NOT NULL,
  tenant      text NOT NULL,
  key         text NOT NULL,
  kind        text NOT NULL CHECK (kind IN ('new_field','new_type','removed','returned')),
  mode        text CHECK (mode IN ('evolve','freeze','discard_row','discard_value')),
  detail      text NOT NULL,
  run_id      text NOT NULL,
  batch_id    text NOT NULL,
  changed_at  timestamptz NOT NULL DEFAULT now(),
  alerted     boolean NOT NULL DEFAULT false
);
CREATE INDEX IF NOT EXISTS _baton_schema_changes_open ON raw._baton_schema_changes (target) WHERE NOT alerted;
${valueFunctions}`;

/** Records of an earlier build's table from which it is learned what was there already. */
const sample = 1_000;

interface FieldRow {
  readonly key: string;
  readonly state: FieldState;
  readonly type: FieldType | null;
  readonly misfits: readonly FieldType[];
  readonly always: boolean;
  readonly missing: number;
  readonly column_name: string | null;
}

export function contractOf(spec: TableSpec): Contract {
  return spec.contract ?? defaultContract;
}

export async function readShape(knex: Knex, spec: TableSpec, source: string): Promise<KnownShape> {
  const rows = await fieldsOf(knex, spec.table, source);
  return { contract: contractOf(spec), fields: rows.length === 0 ? null : rows.map(knownField) };
}

function knownField({ key, state, type, misfits, always, missing }: FieldRow): KnownField {
  return { key, state, type, misfits, always, missing };
}

async function fieldsOf(knex: Knex, table: string, source: string): Promise<FieldRow[]> {
  const { rows } = await query<FieldRow>(
    knex,
    `SELECT key, state, type, misfits, always, missing::float8 AS missing, column_name
     FROM raw._baton_fields WHERE target = :table AND source = :source`,
    { table, source },
  );
  return rows;
}

/** What stored rows say of a table that was loaded before anybody looked at its fields; null when it is empty. */
export async function shapeOfStored(knex: Knex, spec: TableSpec, source: string): Promise<SeenShape | null> {
  const { rows } = await query<{ raw: string }>(
    knex,
    `SELECT raw::text AS raw FROM ${qualified(spec.table)} WHERE _source = :source LIMIT ${sample}`,
    { source },
  );
  if (rows.length === 0) return null;
  const observer = observeShapes({ contract: contractOf(spec), fields: null });
  for (const { raw } of rows) observer.see({ fields: JSON.parse(raw), inBytes: false });
  return observer.seen();
}

/** The columns that were added for the fields of a source, in the order of their names. */
export function addedColumns(knex: Knex, table: string, source: string): Promise<AddedColumn[]> {
  return columnsWhere(knex, table, source, 'true');
}

/** Those of them that have their values in older rows too. */
export function filledColumns(knex: Knex, table: string, source: string): Promise<AddedColumn[]> {
  return columnsWhere(knex, table, source, 'filled');
}

async function columnsWhere(
  knex: Knex,
  table: string,
  source: string,
  which: string,
): Promise<AddedColumn[]> {
  const { rows } = await query<AddedColumn>(
    knex,
    `SELECT column_name AS name, key, type FROM raw._baton_fields
     WHERE target = :table AND source = :source AND state = 'column' AND ${which} ORDER BY 1`,
    { table, source },
  );
  return rows;
}

export async function noteChange(
  knex: Knex,
  spec: TableSpec,
  load: LoadKey,
  batch: string,
  change: Pick<SchemaChange, 'key' | 'kind' | 'mode' | 'detail'>,
): Promise<void> {
  await query(
    knex,
    `INSERT INTO raw._baton_schema_changes (target, source, tenant, key, kind, mode, detail, run_id, batch_id)
     VALUES (:target, :source, :tenant, :key, :kind, :mode, :detail, :run, :batch)`,
    { ...change, target: spec.table, source: load.connection, tenant: load.tenant, run: load.runId, batch },
  );
}

/** In one question: every load asks it. */
export async function shapeNews(knex: Knex, table: string): Promise<ShapeNews> {
  const { rows } = await query<ShapeNews>(
    knex,
    `SELECT coalesce((SELECT json_agg(c ORDER BY c.id) FROM (
              SELECT id::text, target, source, tenant, key, kind, mode, detail, run_id, batch_id, changed_at
              FROM raw._baton_schema_changes WHERE target = :table AND NOT alerted) c), '[]') AS untold,
            EXISTS (SELECT FROM raw._baton_fields WHERE target = :table AND state = 'column' AND NOT filled) AS "isUnfilled"`,
    { table },
  );
  return only(rows);
}

export async function markTold(knex: Knex, ids: readonly string[]): Promise<void> {
  await query(knex, `UPDATE raw._baton_schema_changes SET alerted = true WHERE id = ANY (:ids::bigint[])`, {
    ids: `{${ids.join()}}`,
  });
}
