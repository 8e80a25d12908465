import type { Knex } from 'knex';
import { query } from '../../../database/postgres.js';
import type { TableSpec } from '../../port.js';
import { insertion } from '../merge-rows.js';
import { identifier, keyColumn, qualified } from '../names.js';
import type { MergedSpec } from '../shape/value.js';
import type { LoadBindings, WriteStrategy } from './strategy.js';

/** Every record is a row, known by its place in the lake; the fence alone keeps a batch from coming twice. */
export const append: WriteStrategy = {
  key: () => ['_batch_id', '_part', '_line'],
  columns: () => [],
  write: appendRows,
  identity: () => [],
  removes: false,
  missing: missingPlaces,
};

async function appendRows(
  trx: Knex.Transaction,
  spec: MergedSpec,
  from: string,
  bindings: LoadBindings,
): Promise<void> {
  await trx.raw(
    `CREATE TEMP TABLE judged ON COMMIT DROP AS
     SELECT ctid AS _place, 'loaded'::text AS _becomes FROM ${from} WHERE _verdict = 'row'`,
  );
  await query(trx, insertion(spec, from), bindings);
}

function missingPlaces(spec: TableSpec, from: string): string {
  return `SELECT '${spec.table}' AS "table", s.${identifier(keyColumn(spec))}::text AS id,
      'was loaded and is gone (part ' || s._part || ', line ' || s._line || ')' AS what
    FROM ${from} s LEFT JOIN ${qualified(spec.table)} t ON t._tenant = :tenant AND t._source = :source
      AND t._batch_id = :batch AND t._part = s._part AND t._line = s._line
    WHERE s._verdict = 'row' AND t._part IS NULL`;
}
