import { readBounded } from '../../database/bounded.js';
import { type Database, only, query } from '../../database/postgres.js';
import type { LoadCounts } from '../port.js';

export type LoadOutcome = keyof Omit<LoadCounts, 'read'>;
export const loadOutcomes = [
  'loaded',
  'unchanged',
  'quarantined',
  'duplicate',
  'stale',
  'filtered',
] as const satisfies readonly LoadOutcome[];

/** What the warehouse says of all loads so far. Counts, never rows. */
export interface WarehouseMeasures {
  readonly rows: Readonly<Record<LoadOutcome, number>>;
  /** Seconds since the watermark of what feeds the table; of the tenant furthest behind. */
  readonly freshness: readonly { readonly asset: string; readonly seconds: number }[];
  /** Records that wait in quarantine, by the table they were meant for. */
  readonly quarantine: readonly { readonly table: string; readonly waiting: number }[];
  readonly openDiscrepancies: number;
}

/** Whether a worker has made Baton's tables here. */
export async function isWarehousePrepared(warehouse: Database, timeoutMs: number): Promise<boolean> {
  return readBounded(warehouse, 'asking the warehouse', timeoutMs, async (trx) => {
    const sql = `SELECT to_regclass('analytics.po_discrepancy') IS NOT NULL AS prepared`;
    return only((await query<{ prepared: boolean }>(trx, sql)).rows).prepared;
  });
}

export function readWarehouseMeasures(warehouse: Database, timeoutMs: number): Promise<WarehouseMeasures> {
  return readBounded(warehouse, 'measuring the warehouse', timeoutMs, async (trx) => ({
    rows: only((await query<Record<LoadOutcome, number>>(trx, rowsSql)).rows),
    freshness: (await query<WarehouseMeasures['freshness'][number]>(trx, freshnessSql, { instant })).rows,
    quarantine: (await query<WarehouseMeasures['quarantine'][number]>(trx, quarantineSql)).rows,
    openDiscrepancies: only((await query<{ open: number }>(trx, discrepanciesSql)).rows).open,
  }));
}

const rowsSql = `
  SELECT ${loadOutcomes.map((name) => `coalesce(sum(${name}), 0)::float8 AS ${name}`).join(', ')}
  FROM raw._baton_loads WHERE state = 'loaded'`;

const instant = String.raw`^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d))?$`;

/** A watermark that is no time (a vendor's own sequence, say) tells nothing of freshness and is left out. */
const freshnessSql = `
  SELECT l.target AS asset, extract(epoch FROM now() - min(w.value::timestamptz))::float8 AS seconds
  FROM (SELECT * FROM raw._baton_watermarks WHERE value ~ :instant OFFSET 0) w
  JOIN (SELECT DISTINCT connection, stream, tenant, target FROM raw._baton_loads WHERE state = 'loaded') l
    USING (connection, stream, tenant)
  GROUP BY l.target ORDER BY l.target`;

const quarantineSql = `
  SELECT target AS "table", count(*)::float8 AS waiting FROM quarantine.records
  WHERE state = 'waiting' GROUP BY target ORDER BY target`;

const discrepanciesSql = `SELECT count(*)::float8 AS open FROM analytics.po_discrepancy WHERE state = 'open'`;
