import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Bench, openBench, order, supplier } from './bench.js';

let bench: Bench;

beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench.close());
beforeEach(async () => {
  await bench.database.knex.raw('DROP TABLE IF EXISTS raw.coupa_suppliers CASCADE');
  await bench.database.knex.raw('TRUNCATE raw._baton_fields, raw._baton_schema_changes');
  await bench.close();
  bench = await openBench();
});

let version = 0;

function supplierOf(id: number, more: Readonly<Record<string, unknown>> = {}) {
  version += 1;
  return {
    ...supplier,
    id,
    'updated-at': new Date(Date.UTC(2026, 4, 4, 8, 0, version)).toISOString(),
    ...more,
  };
}

const changes = () =>
  bench.rows<{ key: string; kind: string; mode: string | null }>(
    'SELECT key, kind, mode FROM raw._baton_schema_changes ORDER BY id',
  );

function suppliers<R>(columns: string): Promise<R[]> {
  return bench.rows<R>(`SELECT supplier_id, ${columns} FROM raw.coupa_suppliers ORDER BY supplier_id`);
}

describe('a table that evolves', () => {
  it('gets a column for a field that comes later, and none for what was there from the beginning', async () => {
    await bench.load('suppliers', [supplierOf(1, { website: 'https://nordwind.example' })]);
    expect(await changes()).toEqual([]);
    await bench.load('suppliers', [supplierOf(2, { website: 'x', 'risk-score': 7 }), supplierOf(3)]);
    expect(await changes()).toEqual([{ key: 'risk-score', kind: 'new_field', mode: 'evolve' }]);
    expect(await suppliers('risk_score')).toEqual([
      { supplier_id: '1', risk_score: null },
      { supplier_id: '2', risk_score: '7' },
      { supplier_id: '3', risk_score: null },
    ]);
    await bench.load('suppliers', [supplierOf(3, { 'risk-score': 9 })]);
    expect(await changes()).toHaveLength(1);
    expect((await suppliers<{ risk_score: string }>('risk_score'))[2]?.risk_score).toBe('9');
  });
});

describe('orders', () => {
  it('evolve as any table does', async () => {
    await bench.prepareAll();
    await bench.load('orders', [order(1)]);
    await bench.load('orders', [order(2, 0, { 'cost-center': 'A-7' })]);
    expect(await bench.rows('SELECT po_id, cost_center FROM analytics.po_fact ORDER BY 1')).toEqual([
      { po_id: '1', cost_center: null },
      { po_id: '2', cost_center: 'A-7' },
    ]);
  });
});
