import type { Knex } from 'knex';
import { query } from '../../../database/postgres.js';
import {
  columnFor,
  type Drift,
  driftOf,
  type FieldState,
  type FieldType,
  type SeenShape,
  stateFor,
  widest,
} from '../../../domain/shape.js';
import { hiddenTable, strategyOf } from '../../../domain/write.js';
import { BatonError } from '../../../protocol/errors.js';
import type { LoadKey, SchemaChange, TableSpec } from '../../port.js';
import { batchLabel, identifier, qualified } from '../names.js';
import { noteChange, readShape, shapeOfStored } from './registry.js';
import { addedValue, columnTypes } from './value.js';

/** A table gets so many columns by itself; fields beyond are kept in `raw` alone. */
const mostColumns = 200;
/** How long a change of the table waits for those who read it; then the load tries again later. */
const lockTimeout = '10s';

/**
 * Takes note of what a staged batch's records look like: the first batch says how they are, later ones bring
 * columns, types and absences. Changes the table where its contract evolves, under a lock per table: of two workers
 * with the same news the second finds it settled. ERR_SCHEMA_FROZEN when the contract refuses the batch; it is noted.
 */
export async function settleShape(
  knex: Knex,
  spec: TableSpec,
  load: LoadKey,
  seen: SeenShape,
): Promise<void> {
  const refusals = await knex.transaction(async (trx) => {
    await trx.raw('SELECT pg_advisory_xact_lock(hashtextextended(?, 7203321006))', [spec.table]);
    await trx.raw(`SET LOCAL lock_timeout = '${lockTimeout}'`);
    const known = await readShape(trx, spec, load.connection);
    const refused: string[] = [];
    for (const drift of driftOf(known, seen)) {
      const refusal = await settle({ trx, spec, load }, drift);
      if (refusal !== null) refused.push(refusal);
    }
    return refused;
  });
  if (refusals.length > 0)
    throw new BatonError('ERR_SCHEMA_FROZEN', {
      detail: `${spec.table} is frozen: ${refusals.slice(0, 10).join('; ')}${refusals.length > 10 ? '; …' : ''}. Nothing of batch ${batchLabel(load)} was loaded.`,
    });
}

/** Learns of a table that an earlier build has loaded what its rows held, so that it is not news. */
export async function learnStored(knex: Knex, spec: TableSpec, load: LoadKey): Promise<void> {
  const seen = await shapeOfStored(knex, spec, load.connection);
  if (seen !== null) await settleShape(knex, spec, load, seen);
}

interface Work {
  readonly trx: Knex.Transaction;
  readonly spec: TableSpec;
  readonly load: LoadKey;
}

/** Answers in words what a frozen table refuses; null otherwise. */
async function settle(work: Work, drift: Drift): Promise<string | null> {
  switch (drift.kind) {
    case 'first':
      await keep(work, drift.field.key, {
        state: 'raw',
        type: drift.field.types.reduce<FieldType | null>(
          (all, one) => (all === null ? one : widest(all, one)),
          null,
        ),
        always: drift.always,
      });
      return null;
    case 'new':
      return settleNew(work, drift);
    case 'typed':
      await setField(work, drift.key, 'type = :type', { type: drift.type });
      return null;
    case 'type':
      return settleType(work, drift);
    case 'presence': {
      const { key, always, missing, change } = drift;
      await setField(work, key, 'always = :always, missing = :missing', { always, missing });
      if (change === 'removed')
        await note(work, {
          key,
          kind: 'removed',
          mode: null,
          detail: `is in none of the last ${missing} records; it was in every one before`,
        });
      if (change === 'returned')
        await note(work, { key, kind: 'returned', mode: null, detail: 'is there again' });
      return null;
    }
  }
}

async function settleNew(work: Work, drift: Extract<Drift, { kind: 'new' }>): Promise<string | null> {
  const { field, type, mode } = drift;
  const { key } = field;
  const place = await placeFor(work, drift);
  const isNews = await keep(work, key, { ...place, type, always: false });
  // A field without a value yet: there is nothing to tell.
  if (isNews && !(type === null && place.state === 'ignored' && mode === 'evolve'))
    await note(work, { key, kind: 'new_field', mode, detail: newsOf(place, type, field.hostile) });
  return mode === 'freeze' ? `the field ${key} is new` : null;
}

interface Place {
  readonly state: FieldState;
  readonly column?: string;
}

/** Where the values of a new field go; makes the column. */
async function placeFor(
  { trx, spec }: Work,
  { field, type, mode }: Extract<Drift, { kind: 'new' }>,
): Promise<Place> {
  const state = stateFor(mode, field, type);
  if (state !== 'column' || type === null) return { state };
  const shared = await query<{ column_name: string; type: FieldType }>(
    trx,
    `SELECT column_name, type FROM raw._baton_fields WHERE target = :table AND key = :key AND state = 'column'`,
    { table: spec.table, key: field.key },
  );
  const [other] = shared.rows;
  if (other !== undefined) return { state, column: other.column_name };
  const { names, added } = await columnsThere(trx, spec);
  const plain = columnFor(field.key, new Set());
  if (spec.columns.some(({ name }) => name === plain) && !(await isReadAs(trx, spec, plain)))
    return { state: 'raw' };
  if (added >= mostColumns) return { state: 'full' };
  const column = columnFor(field.key, names);
  for (const table of tablesOf(spec))
    await trx.raw(`ALTER TABLE ${table} ADD COLUMN ${identifier(column)} ${columnTypes[type]}`);
  return { state, column };
}

/** Whether another field of the source is known by now that gives the mapped column its value. */
async function isReadAs(trx: Knex.Transaction, spec: TableSpec, column: string): Promise<boolean> {
  const { rows } = await query<{ key: string }>(
    trx,
    `SELECT key FROM raw._baton_fields WHERE target = :table AND state = 'raw'`,
    { table: spec.table },
  );
  return rows.some(({ key }) => columnFor(key, new Set()) === column);
}

/** Every name that the table has given away, the server's own among them; and how many columns were added. */
async function columnsThere(trx: Knex.Transaction, spec: TableSpec) {
  const { rows } = await query<{ name: string }>(
    trx,
    `SELECT attname::text AS name FROM pg_attribute WHERE attrelid = :table::regclass AND NOT attisdropped`,
    { table: spec.table },
  );
  const counted = await query<{ added: number }>(
    trx,
    `SELECT count(DISTINCT column_name)::int AS added FROM raw._baton_fields WHERE target = :table AND state = 'column'`,
    { table: spec.table },
  );
  return { names: new Set(rows.map(({ name }) => name)), added: counted.rows[0]?.added ?? 0 };
}

/** The table, and where it keeps versions that are not shown. */
function tablesOf(spec: TableSpec): readonly string[] {
  const hidden = strategyOf(spec.write) === 'scd2' ? [qualified(hiddenTable(spec.table))] : [];
  return [qualified(spec.table), ...hidden];
}

async function settleType(
  work: Work,
  { key, from, to, mode }: Extract<Drift, { kind: 'type' }>,
): Promise<string | null> {
  if (mode === 'freeze') {
    if (await addMisfit(work, key, to))
      await note(work, {
        key,
        kind: 'new_type',
        mode,
        detail: `has values of the type ${to}; it had ${from}`,
      });
    return `the field ${key} has values of the type ${to}, it had ${from}`;
  }
  if (mode !== 'evolve') {
    await addMisfit(work, key, to);
    const kept = mode === 'discard_row' ? 'such records are quarantined' : 'such values are in raw only';
    await note(work, {
      key,
      kind: 'new_type',
      mode,
      detail: `has values of the type ${to}; it had ${from}, and ${kept}`,
    });
    return null;
  }
  const column = await columnOf(work, key);
  if (column === null) {
    await setField(work, key, 'type = :to', { to });
    // A whole number that is none any more is no change of what it is.
    if (to !== 'numeric')
      await note(work, {
        key,
        kind: 'new_type',
        mode,
        detail: `has values of the type ${to}; it had ${from}`,
      });
    return null;
  }
  const obstacle = await widen(work, { key, column, to });
  if (obstacle === null) await setType(work, column, to);
  if (obstacle === null || (await addMisfit(work, key, to)))
    await note(work, {
      key,
      kind: 'new_type',
      mode,
      detail:
        obstacle === null
          ? `its column ${column} is ${to} now; it was ${from}`
          : `has values of the type ${to}, which are in raw only: ${column} stays ${from} because ${obstacle}`,
    });
  return null;
}

/** Rewrites the column from the rows' own records. Answers what stands in the way, such as a view; then nothing is changed. */
async function widen(
  { trx, spec }: Work,
  { key, column, to }: { readonly key: string; readonly column: string; readonly to: FieldType },
): Promise<string | null> {
  const value = addedValue({ key, type: to }, 'raw');
  try {
    await trx.transaction(async (inner) => {
      for (const table of tablesOf(spec))
        await inner.raw(
          `ALTER TABLE ${table} ALTER COLUMN ${identifier(column)} TYPE ${columnTypes[to]} USING ${value}`,
        );
    });
    return null;
  } catch (error) {
    const { code, message } = error as { code?: string; message?: string };
    if (code !== dependedOn) throw error;
    return message?.slice(message.lastIndexOf(' - ') + 3) ?? 'something depends on it';
  }
}

/** feature_not_supported: what a view or a rule says of a column that it uses. */
const dependedOn = '0A000';

// --- the registry's rows -----------------------------------------------------------------------------------

/** Answers whether the field is in this place only now. */
async function keep(
  { trx, spec, load }: Work,
  key: string,
  field: Place & { readonly type: FieldType | null; readonly always: boolean },
): Promise<boolean> {
  const { rows } = await query<{ key: string }>(
    trx,
    `INSERT INTO raw._baton_fields AS f (target, source, key, state, type, always, column_name, filled, noted_batch)
     VALUES (:target, :source, :key, :state, :type, :always, :column, :column::text IS NULL, :batch)
     ON CONFLICT (target, source, key) DO UPDATE SET state = excluded.state, type = excluded.type, misfits = '{}',
       column_name = excluded.column_name, filled = excluded.filled, noted_batch = excluded.noted_batch, noted_at = now()
     WHERE f.state <> excluded.state RETURNING key`,
    {
      target: spec.table,
      source: load.connection,
      key,
      state: field.state,
      type: field.type,
      always: field.always,
      column: field.column ?? null,
      batch: batchLabel(load),
    },
  );
  return rows.length > 0;
}

async function setField(
  { trx, spec, load }: Work,
  key: string,
  assignment: string,
  values: Readonly<Record<string, string | number | boolean>>,
): Promise<void> {
  await query(
    trx,
    `UPDATE raw._baton_fields SET ${assignment} WHERE target = :target AND source = :source AND key = :key`,
    { ...values, target: spec.table, source: load.connection, key },
  );
}

/** For every source that shares the column. */
async function setType({ trx, spec }: Work, column: string, to: FieldType): Promise<void> {
  await query(
    trx,
    `UPDATE raw._baton_fields SET type = :to, misfits = '{}' WHERE target = :target AND column_name = :column`,
    {
      target: spec.table,
      column,
      to,
    },
  );
}

/** Answers false when it was told of before. */
async function addMisfit({ trx, spec, load }: Work, key: string, type: FieldType): Promise<boolean> {
  const { rows } = await query<{ key: string }>(
    trx,
    `UPDATE raw._baton_fields SET misfits = misfits || :type::text
     WHERE target = :target AND source = :source AND key = :key AND NOT :type = ANY (misfits) RETURNING key`,
    { target: spec.table, source: load.connection, key, type },
  );
  return rows.length > 0;
}

async function columnOf({ trx, spec, load }: Work, key: string): Promise<string | null> {
  const { rows } = await query<{ column_name: string | null }>(
    trx,
    `SELECT column_name FROM raw._baton_fields WHERE target = :target AND source = :source AND key = :key`,
    { target: spec.table, source: load.connection, key },
  );
  return rows[0]?.column_name ?? null;
}

function note(work: Work, change: Pick<SchemaChange, 'key' | 'kind' | 'mode' | 'detail'>): Promise<void> {
  return noteChange(work.trx, work.spec, work.load, batchLabel(work.load), change);
}

function newsOf({ state, column }: Place, type: FieldType | null, hostile: boolean): string {
  switch (state) {
    case 'column':
      return `is new, and has the column ${column} (${type})`;
    case 'raw':
      return 'is new, and is taken for the mapped column of that name';
    case 'full':
      return `is new, and kept in raw only: ${mostColumns} columns were added already`;
    case 'refused':
      return 'is new, and the contract refuses it';
    case 'ignored':
      return hostile
        ? 'is new, and kept in raw only: its name can be no column'
        : 'is new, and kept in raw only';
  }
}
