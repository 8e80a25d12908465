import type { Knex } from 'knex';
import { query } from '../../../database/postgres.js';
import { insertion, judgement, overwriting } from '../merge-rows.js';
import { identifier, keyColumn, qualified } from '../names.js';
import type { MergedSpec } from '../shape/value.js';
import type { LoadBindings, WriteStrategy } from './strategy.js';
import { missingKeys } from './upsert.js';

/**
 * The rows of a tenant and source become the batch's, of each key the newest. Rows that are the same stay as they
 * are: a million of them with ten changed cost ten writes. A version older than the table's is loaded too: the
 * batch is the truth. Readers see the one state or the other.
 */
export const replace: WriteStrategy = {
  key: (spec) => [keyColumn(spec)],
  columns: () => [],
  write: replaceRows,
  identity: (spec) => [keyColumn(spec)],
  removes: true,
  missing: missingKeys,
};

async function replaceRows(
  trx: Knex.Transaction,
  spec: MergedSpec,
  from: string,
  bindings: LoadBindings,
): Promise<void> {
  await query(trx, judgement(spec, from, true), bindings);
  await trx.raw('ANALYZE judged');
  const key = identifier(keyColumn(spec));
  await query(
    trx,
    `DELETE FROM ${qualified(spec.table)} t WHERE t._tenant = :tenant AND t._source = :source
       AND NOT EXISTS (SELECT FROM ${from} w WHERE w._verdict = 'row' AND w.${key} = t.${key})`,
    bindings,
  );
  await query(trx, `${insertion(spec, from)} ${overwriting(spec)}`, bindings);
}
