import type { Knex } from 'knex';
import { query } from '../../../database/postgres.js';
import type { FieldType } from '../../../domain/shape.js';
import { hiddenTable, strategyOf } from '../../../domain/write.js';
import type { TableSpec } from '../../port.js';
import { identifier, qualified } from '../names.js';
import { addedValue } from './value.js';

/** Blocks of 8 KB for each transaction: a second's work at most, and what a kill costs. */
const blocksPerStep = 512;

interface Unfilled {
  readonly source: string;
  readonly key: string;
  readonly type: FieldType;
  readonly column: string;
  readonly file: string | null;
  readonly next: number;
  readonly end: number;
  readonly file_now: string;
  readonly blocks_now: number;
}

/**
 * Gives rows that are older than an added column its value, from each row's own record: the vendor is not asked. Goes
 * through the table from its first block to what was its last when it began; every step notes how far it is in its own
 * transaction, so that whoever comes after a kill goes on there, and of two only one takes a step. Answers how many rows were filled.
 */
export async function fillColumns(knex: Knex, spec: TableSpec, signal?: AbortSignal): Promise<number> {
  let filled = 0;
  for (;;) {
    signal?.throwIfAborted();
    const step = await knex.transaction((trx) => fillStep(trx, spec));
    if (step === null) return filled;
    filled += step;
  }
}

/** Null when nothing is left to fill. */
async function fillStep(trx: Knex.Transaction, spec: TableSpec): Promise<number | null> {
  const { rows } = await query<Unfilled>(
    trx,
    `SELECT source, key, type, column_name AS column, fill_file::text AS file, coalesce(fill_next, 0)::float8 AS next,
            coalesce(fill_end, 0)::float8 AS end, pg_relation_filenode(target)::text AS file_now,
            (pg_relation_size(target) / current_setting('block_size')::int)::float8 AS blocks_now
     FROM raw._baton_fields WHERE target = :table AND state = 'column' AND NOT filled
     ORDER BY source, key LIMIT 1 FOR UPDATE`,
    { table: spec.table },
  );
  const [work] = rows;
  if (work === undefined) return null;
  // Rewritten meanwhile: the rows lie elsewhere.
  const isSame = work.file === work.file_now;
  const from = isSame ? work.next : 0;
  const end = isSame ? work.end : work.blocks_now;
  const to = Math.min(end, from + blocksPerStep);
  const filled =
    (await fillBlocks(trx, qualified(spec.table), work, from, to)) +
    (from === 0 ? await fillHidden(trx, spec, work) : 0);
  await query(
    trx,
    `UPDATE raw._baton_fields SET fill_file = :file, fill_next = :to, fill_end = :end, filled = :to::bigint >= :end::bigint
     WHERE target = :table AND source = :source AND key = :key`,
    { table: spec.table, source: work.source, key: work.key, file: work.file_now, to, end },
  );
  return filled;
}

async function fillBlocks(
  trx: Knex.Transaction,
  table: string,
  work: Unfilled,
  from: number,
  to: number,
): Promise<number> {
  if (to <= from) return 0;
  return fill(trx, table, work, `t.ctid >= '(${from},0)'::tid AND t.ctid < '(${to},0)'::tid`);
}

/** What scd2 does not show is little. */
async function fillHidden(trx: Knex.Transaction, spec: TableSpec, work: Unfilled): Promise<number> {
  if (strategyOf(spec.write) !== 'scd2') return 0;
  return fill(trx, qualified(hiddenTable(spec.table)), work, 'true');
}

async function fill(trx: Knex.Transaction, table: string, work: Unfilled, which: string): Promise<number> {
  const column = identifier(work.column);
  const { rowCount } = await query(
    trx,
    `UPDATE ${table} t SET ${column} = ${addedValue(work, 't.raw')}
     WHERE ${which} AND t._source = :source AND t.${column} IS NULL AND ${addedValue(work, 't.raw')} IS NOT NULL`,
    { source: work.source },
  );
  return rowCount;
}
