import type { Knex } from 'knex';
import { type Database, type DatabaseOptions, openDatabase } from '../../database/postgres.js';
import type { Row } from '../../domain/columns.js';
import type { Secret } from '../../domain/secret.js';
import { strategyOf } from '../../domain/write.js';
import type { TableSpec, Warehouse } from '../port.js';
import { createComparisons } from './comparisons.js';
import { mergeBatch, readCounts, readLoadNote } from './merge.js';
import { identifier, qualified } from './names.js';
import { reconcile } from './reconcile.js';
import { prepareFoundation, prepareReaders, prepareTable } from './schema.js';
import { fillColumns } from './shape/fill.js';
import { markTold, readShape, shapeNews } from './shape/registry.js';
import { learnStored, settleShape } from './shape/settle.js';
import {
  copyRecords,
  copyRows,
  createStaging,
  dropStaging,
  present,
  refreshStatistics,
  retireStaging,
  stagedRange,
} from './staging.js';
import { assignTickets, markPlanned, summarised, unplanned } from './tickets.js';
import { stagedCounts, verifyLoad } from './verify.js';

export function openWarehouseDatabase(url: Secret, options: Partial<DatabaseOptions> = {}): Database {
  return openDatabase({
    url,
    poolMax: 8,
    applicationName: 'baton-warehouse',
    unavailable: 'ERR_WAREHOUSE_UNAVAILABLE',
    ...options,
  });
}

/** A warehouse on PostgreSQL 14 or newer. */
export function createPostgresWarehouse(database: Database): Warehouse {
  return warehouseOn(database, database.knex, new Map());
}

/** `base` is what all share: what is prepared once must not end with one piece of work. */
function warehouseOn(database: Database, base: Knex, prepared: Map<string, Promise<void>>): Warehouse {
  const { knex, guard } = database;

  /** Once per process and name; a failure is forgotten, so that the next call tries again. */
  function once(name: string, work: () => Promise<void>): Promise<void> {
    let running = prepared.get(name);
    if (running === undefined) {
      running = work().catch((error: unknown) => {
        prepared.delete(name);
        throw error;
      });
      prepared.set(name, running);
    }
    return running;
  }

  const prepare = () =>
    once('foundation', () => guard('preparing the warehouse', () => prepareFoundation(base)));

  return {
    prepare,

    during: (signal) => warehouseOn(database.during(signal), base, prepared),

    watermark: (connection, stream, tenant) =>
      guard('reading the watermark', async () => {
        await prepare();
        const { rows } = await knex.raw(
          'SELECT value FROM raw._baton_watermarks WHERE connection = ? AND stream = ? AND tenant = ?',
          [connection, stream, tenant],
        );
        return { value: rows[0]?.value ?? null };
      }),

    openStaging: (table, load, attempt) =>
      guard(`opening the staging of ${table.table}`, async () => {
        await prepare();
        await once(shapeOf(table), () => prepareTable(base, table));
        await knex.raw(
          `INSERT INTO raw._baton_loads (batch_id, generation, run_id, tenant, connection, stream, target)
           VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
          [load.batchId, load.generation, load.runId, load.tenant, load.connection, load.stream, table.table],
        );
        return createStaging(knex, table, `${load.batchId.slice(0, 12)}_${load.generation}`, attempt);
      }),

    stage: (table, staging, _load, records) =>
      guard(`staging ${table.table}`, () => present(staging, copyRecords(knex, table, staging, records))),

    stageEncoded: (table, staging, { text }, recordsOf) =>
      guard(`staging ${table.table}`, () =>
        present(staging, copyRows(knex, table, staging, text, recordsOf)),
      ),

    knownShape: (table, load) =>
      guard(`reading the shape of ${table.table}`, async () => {
        const known = await readShape(knex, table, load.connection);
        if (known.fields !== null) return known;
        await learnStored(knex, table, load);
        return readShape(knex, table, load.connection);
      }),

    settleShape: (table, load, seen) =>
      guard(`changing ${table.table}`, () => settleShape(knex, table, load, seen)),

    fillColumns: (table, signal) => guard(`filling ${table.table}`, () => fillColumns(knex, table, signal)),

    shapeNews: (table) => guard('reading changes of a table', () => shapeNews(knex, table.table)),

    markTold: (changes) =>
      guard('noting changes of a table', () =>
        markTold(
          knex,
          changes.map(({ id }) => id),
        ),
      ),

    stagedRange: (staging, column, expected) =>
      guard('reading the staged range', () => present(staging, stagedRange(knex, staging, column, expected))),

    merge: (table, staging, load, expected, watermark) =>
      guard(`merging into ${table.table}`, async () => {
        const result = await mergeBatch(knex, table, staging, load, expected, watermark);
        if (result.merged) {
          await retireStaging(knex, staging);
          await once(`readers of ${table.table}`, () => prepareReaders(base, table));
          await refreshStatistics(knex, tablesOf(table), result.counts.loaded);
        }
        return result;
      }),

    dropStaging: (staging) => guard('dropping a staging table', () => dropStaging(knex, staging)),

    loadCounts: (batchId, generation) => guard('reading a load', () => readCounts(knex, batchId, generation)),

    loadNote: (batchId, generation) => guard('reading a load', () => readLoadNote(knex, batchId, generation)),

    comparisons: createComparisons(database, async (table) => {
      await prepare();
      await once(shapeOf(table), () => prepareTable(base, table));
    }),

    verify: (table, staging, load) =>
      guard(`verifying ${table.table}`, () => verifyLoad(knex, table, staging, load)),

    stagedCounts: (table, staging) =>
      guard(`verifying ${table.table}`, () => stagedCounts(knex, table, staging)),

    reconcile: (rules, input) => guard('reconciling orders', () => reconcile(knex, rules, input)),

    assignTickets: (input) => guard('assigning tickets', () => assignTickets(knex, input)),

    unplanned: (tenant, source, limit) =>
      guard('reading discrepancies', () => unplanned(knex, tenant, source, limit)),

    markPlanned: (tenant, source, items) =>
      guard('noting planned tickets', () => markPlanned(knex, tenant, source, items)),

    rowsOfBatch: (table, { batch, column, value, limit }) =>
      guard(`reading ${table.table}`, async () => {
        const [key = ''] = table.columns.map(({ name }) => name);
        const names = table.columns.map(({ name }) => `${identifier(name)}::text`).join(', ');
        const { rows } = await knex.raw(
          `SELECT ${names}, count(*) OVER ()::int AS _total FROM ${qualified(table.table)}
           WHERE _batch_id = ? AND ${identifier(column)} = ? ORDER BY ${identifier(key)} LIMIT ?`,
          [batch, value, limit],
        );
        const total: number = rows[0]?._total ?? 0;
        return { total, rows: rows.map(({ _total, ...row }: Row & { _total: number }) => row) };
      }),

    summarised: (tenant, cause) => guard('reading discrepancies', () => summarised(knex, tenant, cause)),

    close: () => database.close(),
  };
}

/** What a load writes: the table itself, and the lines of orders. */
function tablesOf({ table, orders }: TableSpec): string[] {
  return [qualified(table), ...(orders === undefined ? [] : [qualified('analytics.po_line_fact')])];
}

/** What `prepareTable` has to be done for once: pipelines may load one table through stagings of their own. */
function shapeOf({ table, staging, write }: TableSpec): string {
  return `${table} through ${staging} by ${strategyOf(write)}`;
}
