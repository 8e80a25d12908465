import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Knex } from 'knex';
import type { Client } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { BatonError } from '../../protocol/errors.js';
import type { StagedRecord, TableSpec } from '../port.js';
import { columnsOf, copyText } from './copy-text.js';
import { identifier } from './names.js';

/** A staging table that nobody merged is a leftover after this long. */
const leftoverAfter = '1 day';
/** A table that a frozen worker still holds is left alone: whoever opens the next staging tries again. */
const dropLockTimeout = '500ms';
const pieceBytes = 262_144;

/**
 * One attempt's staging table: `po_temp__3f9a01c2_1_a00007`. Visible to a reader of `staging.po_temp` too. Drops
 * what earlier attempts of the batch (by their names' order), merged batches and abandoned ones have left. What a
 * later attempt stages is not touched: whoever opens here may have been frozen and overtaken.
 */
export async function createStaging(
  knex: Knex,
  spec: TableSpec,
  batch: string,
  attempt: string,
): Promise<string> {
  const prefix = `${spec.staging.slice(0, 28)}__${batch}`;
  const name = `${prefix}_${attempt}`.toLowerCase();
  const parent = `staging.${identifier(spec.staging)}`;
  const { rows } = await knex.raw(
    `SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid,
     LATERAL (SELECT obj_description(c.oid, 'pg_class') AS note) d
     WHERE i.inhparent = ?::regclass AND ((starts_with(c.relname, ?) AND c.relname COLLATE "C" <= ?) OR d.note = 'merged'
       OR (d.note LIKE 'opened %' AND substr(d.note, 8)::timestamptz < now() - interval '${leftoverAfter}'))`,
    [parent, prefix, name],
  );
  for (const row of rows) await dropStaging(knex, row.relname);
  await knex.transaction(async (trx) => {
    await trx.raw(`CREATE UNLOGGED TABLE staging.${identifier(name)} () INHERITS (${parent})`);
    await trx.raw(`COMMENT ON TABLE staging.${identifier(name)} IS 'opened ${new Date().toISOString()}'`);
  });
  return name;
}

export async function dropStaging(knex: Knex, name: string): Promise<void> {
  await knex
    .transaction(async (trx) => {
      await trx.raw(`SET LOCAL lock_timeout = '${dropLockTimeout}'`);
      await trx.raw(`DROP TABLE IF EXISTS staging.${identifier(name)}`);
    })
    .catch((error: unknown) => {
      if ((error as { code?: string }).code !== lockNotAvailable) throw error;
    });
}

const lockNotAvailable = '55P03';

/** Turns the failure of a statement whose staging table is gone into ERR_STAGING_LOST: staging again mends it. */
export async function present<T>(staging: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if ((error as { code?: string }).code !== '42P01') throw error;
    throw new BatonError('ERR_STAGING_LOST', { detail: `staging.${staging} is gone.`, cause: error });
  }
}

export async function stagedRange(
  knex: Knex,
  staging: string,
  column: string,
  expected: number,
): Promise<{ from: string; to: string } | null> {
  const name = identifier(column);
  const likely = `${name} >= '2000-01-01'`;
  const { rows } = await knex.raw(
    `SELECT (min(${name}) FILTER (WHERE ${likely}) AT TIME ZONE 'UTC')::date::text AS "from",
            (max(${name}) FILTER (WHERE ${likely}) AT TIME ZONE 'UTC')::date::text AS "to",
            count(*)::int AS n FROM staging.${identifier(staging)}`,
  );
  const { from, to, n } = rows[0];
  if (n !== expected)
    throw new BatonError('ERR_STAGING_LOST', {
      detail: `staging.${staging} holds ${n} records of ${expected}.`,
    });
  return from === null ? null : { from, to };
}

/** Keeps the rows for a curious reader until the next batch opens its own staging. */
export async function retireStaging(knex: Knex, name: string): Promise<void> {
  await knex.raw(`COMMENT ON TABLE staging.${identifier(name)} IS 'merged'`);
}

/** Tells the planner how many rows came to the tables, when that is more than a tenth: what follows joins them at once. */
export async function refreshStatistics(
  knex: Knex,
  tables: readonly string[],
  loaded: number,
): Promise<void> {
  for (const table of tables) {
    const { rows } = await knex.raw(`SELECT reltuples FROM pg_class WHERE oid = ?::regclass`, [table]);
    if (loaded > Math.max(0, rows[0].reltuples) / 10) await analyze(knex, table);
  }
}

/** A sample of 6,000 rows, of all columns but documents: no plan depends on what stands in those. */
async function analyze(knex: Knex, table: string): Promise<void> {
  await knex.transaction(async (trx) => {
    const { rows } = await trx.raw(
      `SELECT string_agg(quote_ident(attname), ', ') AS columns FROM pg_attribute
       WHERE attrelid = ?::regclass AND attnum > 0 AND NOT attisdropped AND atttypid NOT IN ('json'::regtype, 'jsonb'::regtype)`,
      [table],
    );
    await trx.raw('SET LOCAL default_statistics_target = 20');
    await trx.raw(`ANALYZE ${table} (${rows[0].columns})`);
  });
}

/** Copies the records; those that the server refuses for their content end up quarantined in place. */
export function copyRecords(
  knex: Knex,
  spec: TableSpec,
  staging: string,
  records: readonly StagedRecord[],
): Promise<void> {
  return copyRows(knex, spec, staging, copyText(spec, records), () => records);
}

/** Copies encoded rows. When the server refuses one of them, the records they were made from tell which. */
export async function copyRows(
  knex: Knex,
  spec: TableSpec,
  staging: string,
  text: Uint8Array,
  recordsOf: () => readonly StagedRecord[],
): Promise<void> {
  const client = (await knex.client.acquireConnection()) as Client;
  try {
    await copyOrSplit(client, spec, staging, text, recordsOf);
  } finally {
    await knex.client.releaseConnection(client);
  }
}

async function copyOrSplit(
  client: Client,
  spec: TableSpec,
  staging: string,
  text: Uint8Array,
  recordsOf: () => readonly StagedRecord[],
): Promise<void> {
  try {
    await copy(client, spec, staging, text);
  } catch (error) {
    if (!isRefusal(error)) throw error;
    const records = recordsOf();
    const [record] = records;
    if (records.length === 1 && record !== undefined) {
      await copy(client, spec, staging, copyText(spec, [refusedByServer(record, error)]));
      return;
    }
    const middle = Math.ceil(records.length / 2);
    for (const half of [records.slice(0, middle), records.slice(middle)])
      await copyOrSplit(client, spec, staging, copyText(spec, half), () => half);
  }
}

/** Class 22: the content of a row. */
function isRefusal(error: unknown): boolean {
  const { code } = error as { code?: string };
  return typeof code === 'string' && code.startsWith('22');
}

async function copy(client: Client, spec: TableSpec, staging: string, text: Uint8Array): Promise<void> {
  const columns = columnsOf(spec).map(identifier).join(', ');
  const sink = client.query(copyFrom(`COPY staging.${identifier(staging)} (${columns}) FROM STDIN`));
  await pipeline(Readable.from(piecesOf(text), { objectMode: true }), sink);
}

/** In pieces, so that neither side waits for the whole. */
function* piecesOf(text: Uint8Array): Generator<Buffer> {
  const bytes = Buffer.from(text.buffer, text.byteOffset, text.byteLength);
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

function refusedByServer(record: StagedRecord, error: unknown): StagedRecord {
  const reason = `The warehouse refused it: ${error instanceof Error ? error.message : String(error)}.`;
  const violation = { rule: 'refused_by_warehouse', path: '', reason, value: null };
  return { ...record, verdict: { kind: 'quarantined', id: null, violations: [violation] } };
}
