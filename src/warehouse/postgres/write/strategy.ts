import type { Knex } from 'knex';
import { BatonError } from '../../../protocol/errors.js';
import type { TableSpec } from '../../port.js';
import type { MergedSpec } from '../shape/value.js';

/** What the statements of one load refer to by name. */
export interface LoadBindings extends Readonly<Record<string, string>> {
  readonly tenant: string;
  readonly source: string;
  readonly run: string;
  /** As rows name it in `_batch_id`. */
  readonly batch: string;
  /** When the load was opened: what it brings was read by then, or since. RFC 3339. */
  readonly opened: string;
  /** ISO 4217; empty where no orders are loaded. */
  readonly reporting: string;
}

/**
 * One way in which a batch meets what its table already holds. Everything happens inside the load's transaction,
 * behind its fence and under the table's lock: a strategy need not be safe from a second one of its kind.
 */
export interface WriteStrategy {
  /** The table's primary key behind (_tenant, _source). */
  readonly key: (spec: TableSpec) => readonly string[];
  /** Columns that the table has beside the stream's own, with their types. */
  readonly columns: (spec: TableSpec) => readonly (readonly [string, string])[];
  /** Indexes and further tables; once the table is there. May be repeated. */
  readonly prepare?: (trx: Knex.Transaction, spec: TableSpec) => Promise<void>;
  /**
   * Writes. Leaves a temporary table `judged` with one row for each staged one of verdict `row`: `_place` (its ctid)
   * and `_becomes`: loaded, unchanged, duplicate or stale.
   */
  readonly write: (
    trx: Knex.Transaction,
    spec: MergedSpec,
    from: string,
    bindings: LoadBindings,
  ) => Promise<void>;
  /** Columns in which two staged rows agree that are one: those beyond the first are duplicates. Empty: there are none. */
  readonly identity: (spec: TableSpec) => readonly string[];
  /**
   * Whether a batch may rightly lack rows afterwards: a later one removes them, or they were stale as members of
   * their group. Absent rows then prove nothing.
   */
  readonly removes: boolean;
  /** Rows of the batch (staged afresh in `from`) that the table has lost, as RowDifference. */
  readonly missing: (spec: TableSpec, from: string) => string;
  /** What else must hold of the batch's keys, as selects of RowDifference. */
  readonly holds?: (spec: TableSpec, from: string) => readonly string[];
}

/** A column that the pipeline's settings name and the stream does not have. */
export function noSuchColumn(spec: TableSpec, setting: string, column: string): BatonError {
  return new BatonError('ERR_PLAN_INVALID', {
    detail: `${spec.table} has no column ${column}, which its ${setting} names; it has ${spec.columns.map(({ name }) => name).join(', ')}.`,
  });
}
