import { createHash } from 'node:crypto';
import type { Knex } from 'knex';
import { only, query } from '../../database/postgres.js';
import { identifier, qualified } from './names.js';

export interface TableChecksum {
  readonly table: string;
  readonly rows: number;
  readonly digest: string;
}

/** What of the quarantine is its content: not its own numbers, nor when it was noted. */
const quarantineColumns = [
  'target',
  'tenant',
  'source',
  'stream',
  'record_id',
  'rule',
  'reason',
  'path',
  'value',
  'violations',
  'raw',
  'state',
];

/**
 * A digest of each loaded table and of the quarantine, whatever the order of the rows: the sum over the rows'
 * own digests. Of business columns and the tombstone; when and by which run a row came makes no difference.
 */
export async function checksums(knex: Knex): Promise<TableChecksum[]> {
  const found: TableChecksum[] = [];
  for (const { name, columns } of await loadedTables(knex)) found.push(await checksum(knex, name, columns));
  return found;
}

interface LoadedTable {
  readonly name: string;
  readonly columns: readonly string[];
}

async function loadedTables(knex: Knex): Promise<LoadedTable[]> {
  const { rows } = await knex.raw(
    `SELECT table_schema || '.' || table_name AS name,
            array_agg(column_name::text ORDER BY column_name) FILTER (
              WHERE column_name NOT LIKE '\\_%' OR column_name IN ('_tenant', '_source', '_deleted')) AS columns,
            bool_or(column_name = '_row_hash') AS loaded
     FROM information_schema.columns WHERE table_schema IN ('raw', 'analytics', 'quarantine')
     GROUP BY 1 ORDER BY 1`,
  );
  return rows.flatMap(({ name, columns, loaded }: LoadedTable & { loaded: boolean }) =>
    loaded
      ? [{ name, columns }]
      : name === 'quarantine.records'
        ? [{ name, columns: quarantineColumns }]
        : [],
  );
}

async function checksum(knex: Knex, table: string, columns: readonly string[]): Promise<TableChecksum> {
  const half = (from: number) =>
    `coalesce(sum(('x' || substr(digest, ${from}, 16))::bit(64)::bigint), 0)::text`;
  const { rows } = await query<{ rows: number; low: string; high: string }>(
    knex,
    `SELECT count(*)::float8 AS rows, ${half(1)} AS high, ${half(17)} AS low
     FROM (SELECT md5(ROW(${columns.map(identifier).join(', ')})::text) AS digest FROM ${qualified(table)} OFFSET 0) d`,
  );
  const { rows: count, low, high } = only(rows);
  const digest = createHash('sha256')
    .update(`${columns.join()} ${count} ${high} ${low}`)
    .digest('hex')
    .slice(0, 32);
  return { table, rows: count, digest };
}
