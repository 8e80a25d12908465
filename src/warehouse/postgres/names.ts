import type { ColumnType } from '../../domain/columns.js';
import { BatonError } from '../../protocol/errors.js';
import type { TableSpec } from '../port.js';

export { batchLabel } from '../staged.js';

const namePattern = /^[a-z_][a-z0-9_]{0,62}$/;

/** Quotes an identifier after checking it against the strict pattern that all of Baton's names follow. */
export function identifier(name: string): string {
  if (!namePattern.test(name))
    throw new BatonError('ERR_PLAN_INVALID', {
      detail: `"${name}" is not a name that a table or column may have.`,
    });
  return `"${name}"`;
}

/** `analytics.po_fact` → `"analytics"."po_fact"`. */
export function qualified(table: string): string {
  const parts = table.split('.');
  if (parts.length !== 2)
    throw new BatonError('ERR_PLAN_INVALID', { detail: `"${table}" is not of the form schema.table.` });
  return parts.map(identifier).join('.');
}

export const sqlTypes: Readonly<Record<ColumnType, string>> = {
  text: 'text',
  integer: 'bigint',
  numeric: 'numeric',
  boolean: 'boolean',
  date: 'date',
  timestamp: 'timestamptz',
  json: 'json',
};

/** What every loaded row carries beside its own columns. */
export const systemColumns = [
  ['_tenant', 'text NOT NULL'],
  ['_source', 'text NOT NULL'],
  ['_ingested_at', 'timestamptz NOT NULL'],
  ['_pipeline_run_id', 'text NOT NULL'],
  ['_batch_id', 'text NOT NULL'],
  ['_part', 'integer NOT NULL'],
  ['_line', 'integer NOT NULL'],
  ['_row_hash', 'text NOT NULL'],
  ['_deleted', 'boolean NOT NULL DEFAULT false'],
  ['_deleted_at', 'timestamptz'],
] as const;

export function keyColumn(table: TableSpec): string {
  const [first] = table.columns;
  if (first === undefined)
    throw new BatonError('ERR_PLAN_INVALID', { detail: `${table.table} has no columns, so it has no key.` });
  return first.name;
}
