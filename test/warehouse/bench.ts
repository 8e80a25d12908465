import { connectors } from '../../src/connectors/registry.js';
import { type Database, query } from '../../src/database/postgres.js';
import type { ExtractStep, Plan, ReconcileStep, TicketsStep } from '../../src/domain/plan.js';
import { Secret } from '../../src/domain/secret.js';
import { compilePlan } from '../../src/pipelines/index.js';
import type { OrderPipelineSettings } from '../../src/pipelines/po-data-pipeline.js';
import { orderRules } from '../../src/quality/rules/index.js';
import type { LoadKey, LoadResult, ReconcileCounts, Warehouse } from '../../src/warehouse/port.js';
import { createPostgresWarehouse, openWarehouseDatabase } from '../../src/warehouse/postgres/index.js';
import { tableOf, toStaged, watchShape } from '../../src/warehouse/staged.js';
import { createDatabase } from '../setup/database.js';

/** A vendor's record, as it answers it. */
export type VendorRecord = Readonly<Record<string, unknown>>;

export type Bench = Awaited<ReturnType<typeof openBench>>;

export const settings: OrderPipelineSettings = {
  source: 'coupa',
  customers: 'salesforce',
  rates: 'rates',
  desk: 'zendesk',
  initialValue: null,
  lagMs: null,
  reportingCurrency: 'USD',
  threshold: '10000',
  tolerance: { absolute: '0.01', relative: '0.005' },
  customerField: 'customer-account-id',
  highPriority: { field: 'Priority__c', value: 'High' },
  summaryAfter: 50,
  retries: 3,
  retryDelayMs: 1,
  reopenWithinMs: 0,
  openAfter: 1,
};

type Feed = 'orders' | 'totals' | 'suppliers' | 'invoices' | 'customers' | 'rates';

/** Orders come last: they are enriched with what the others loaded. */
const vendorOf: Readonly<Record<Feed, string>> = {
  totals: 'coupa',
  suppliers: 'coupa',
  invoices: 'coupa',
  customers: 'salesforce',
  rates: 'frankfurter',
  orders: 'coupa',
};

/** The warehouse alone: the plan's own tables, the vendors' own mappers, and no vendor, workflow or ledger. */
export async function openBench() {
  const created = await createDatabase();
  const database = openWarehouseDatabase(new Secret(created.url));
  const warehouse = createPostgresWarehouse(database);
  await warehouse.prepare();
  let batches = 0;

  /** Merges the records as one batch of its own. */
  async function load(
    feed: Feed,
    records: readonly (VendorRecord | string)[],
    more: Partial<OrderPipelineSettings> = {},
  ): Promise<LoadResult> {
    batches += 1;
    const step = extractOf(planOf(more), feed);
    const stream = streamOf(feed);
    const table = tableOf(stream, step);
    const key: LoadKey = {
      batchId: batches.toString(16).padStart(12, '0').padEnd(32, '0'),
      generation: 1,
      runId: `run/load-${batches}`,
      connection: step.connection,
      stream: step.stream,
      tenant: 'default',
    };
    const staging = await warehouse.openStaging(table, key, 'a1');
    const shapes = await watchShape(warehouse, table, key);
    const staged = records.map((record, index) =>
      toStaged(stream, bytesOf(record), 1, index + 1, step.parameters, shapes.observer),
    );
    await warehouse.stage(table, staging, key, staged);
    await shapes.settle();
    const move = { from: null, to: '2026-06-01T00:00:00Z' };
    const result = await warehouse.merge(table, staging, key, staged.length, move);
    await warehouse.fillColumns(table, new AbortController().signal);
    return result;
  }

  /** Empty batches of everything, so that every table is there. */
  async function prepareAll(more: Partial<OrderPipelineSettings> = {}): Promise<void> {
    for (const feed of Object.keys(vendorOf) as Feed[]) await load(feed, [], more);
  }

  function reconcile(runId: string, more: Partial<OrderPipelineSettings> = {}): Promise<ReconcileCounts> {
    return reconcileWith(warehouse, reconcileOf(planOf(more)), runId);
  }

  return {
    database,
    warehouse,
    load,
    prepareAll,
    reconcile,
    rows: <R = Record<string, unknown>>(sql: string) => rowsOf<R>(database, sql),
    async close(): Promise<void> {
      await warehouse.close();
      await created.drop();
    },
  };
}

/** As the vendor sends it: as text where it matters how it is written. */
function bytesOf(record: VendorRecord | string): Buffer {
  return Buffer.from(typeof record === 'string' ? record : JSON.stringify(record));
}

async function rowsOf<R>(database: Database, sql: string): Promise<R[]> {
  return (await query<R>(database.knex, sql)).rows;
}

function reconcileWith(warehouse: Warehouse, step: ReconcileStep, runId: string): Promise<ReconcileCounts> {
  return warehouse.reconcile(orderRules, { ...step, runId, tenant: 'default' });
}

export function planOf(more: Partial<OrderPipelineSettings> = {}): Plan {
  return compilePlan('po_data_pipeline', { po_data_pipeline: { ...settings, ...more } }, () => ({
    acknowledges: false,
  }));
}

export function streamOf(feed: Feed) {
  const name = extractOf(planOf(), feed).stream;
  const stream = connectors[vendorOf[feed]]?.streams[name];
  if (stream === undefined) throw new Error(`no stream ${name}`);
  return stream;
}

function extractOf(plan: Plan, feed: Feed): ExtractStep {
  const step = plan.steps.find((candidate) => candidate.id === `extract_${feed}`);
  if (step?.kind !== 'extract') throw new Error(`no step extract_${feed}`);
  return step;
}

function reconcileOf(plan: Plan): ReconcileStep {
  const step = plan.steps.find((candidate) => candidate.kind === 'reconcile');
  if (step?.kind !== 'reconcile') throw new Error('no step reconcile');
  return step;
}

export function ticketsOf(plan: Plan): TicketsStep {
  const step = plan.steps.find((candidate) => candidate.kind === 'tickets');
  if (step?.kind !== 'tickets') throw new Error('no step tickets');
  return step;
}

/** An order that breaks no rule: one line of 100 USD of a known supplier. `second` is its version. */
export function order(id: number, second = 0, more: VendorRecord = {}): VendorRecord {
  return {
    id,
    'po-number': `PO-${id}`,
    status: 'issued',
    currency: { code: 'USD' },
    supplier: { id: 1, name: 'Nordwind' },
    'order-lines': [line(id * 10)],
    'created-at': '2026-05-04T08:00:00Z',
    'updated-at': at(second),
    ...more,
  };
}

export function line(id: number, more: VendorRecord = {}): VendorRecord {
  return {
    id,
    'line-num': String(id),
    type: 'OrderQuantityLine',
    price: '100',
    quantity: '1',
    total: '100',
    ...more,
  };
}

export function headerOf(id: number, second: number, total: string): VendorRecord {
  return { id, 'updated-at': at(second), currency: { code: 'USD' }, total };
}

export const supplier: VendorRecord = { id: 1, name: 'Nordwind', status: 'active', 'updated-at': at(0) };

export function rate(date: string, rates: Readonly<Record<string, number>>): VendorRecord {
  return { date, base: 'EUR', rates };
}

function at(second: number): string {
  return new Date(Date.UTC(2026, 4, 4, 8, 0, second)).toISOString();
}
