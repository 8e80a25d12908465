import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ContractSettings } from '../../src/domain/shape.js';
import { type Bench, openBench, order, supplier } from './bench.js';

let bench: Bench;

beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench.close());
beforeEach(async () => {
  await bench.database.knex.raw('DROP TABLE IF EXISTS raw.coupa_suppliers CASCADE');
  await bench.database.knex.raw('TRUNCATE raw._baton_fields, raw._baton_schema_changes, quarantine.records');
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

const withContract = (schemaContract: Partial<ContractSettings>) => ({
  tables: {
    suppliers: {
      write: { disposition: 'merge' as const },
      schemaContract: { columns: 'evolve' as const, dataType: 'evolve' as const, ...schemaContract },
    },
  },
});

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

  it('fills older rows from their own records when a field gets its column later than its first value', async () => {
    await bench.load('suppliers', [supplierOf(1)]);
    const ignoring = withContract({ columns: 'discard_value' });
    await bench.load('suppliers', [supplierOf(2, { tier: 'gold' }), supplierOf(3, { tier: null })], ignoring);
    expect(await changes()).toEqual([{ key: 'tier', kind: 'new_field', mode: 'discard_value' }]);
    await bench.load('suppliers', [supplierOf(4, { tier: 'silver' })]);
    expect(await suppliers('tier')).toEqual([
      { supplier_id: '1', tier: null },
      { supplier_id: '2', tier: 'gold' },
      { supplier_id: '3', tier: null },
      { supplier_id: '4', tier: 'silver' },
    ]);
  });

  it('waits with the column until there is a value', async () => {
    await bench.load('suppliers', [supplierOf(1)]);
    await bench.load('suppliers', [supplierOf(2, { tier: null })]);
    expect(await changes()).toEqual([]);
    await bench.load('suppliers', [supplierOf(3, { tier: true })]);
    expect(await changes()).toEqual([{ key: 'tier', kind: 'new_field', mode: 'evolve' }]);
    expect((await suppliers<{ tier: boolean }>('tier'))[2]?.tier).toBe(true);
  });

  it.each([
    { first: '7', next: '7.250', column: 'numeric', values: ['7', '7.250'] },
    { first: '7.50', next: '"n/a"', column: 'text', values: ['7.50', 'n/a'] },
    { first: 'true', next: '2', column: 'text', values: ['true', '2'] },
    { first: '"a"', next: '{"b":[1]}', column: 'json', values: ['a', { b: [1] }] },
    { first: '12345678901234567890', next: '"x"', column: 'text', values: ['12345678901234567890', 'x'] },
  ])('widens the column of $first for $next', async ({ first, next, column, values }) => {
    const text = (id: number, value: string) =>
      JSON.stringify(supplierOf(id)).replace(/\}$/, `,"score":${value}}`);
    await bench.load('suppliers', [supplierOf(1)]);
    await bench.load('suppliers', [text(2, first)]);
    await bench.load('suppliers', [text(3, next)]);
    const [type] = await bench.rows<{ type: string }>(
      `SELECT format_type(atttypid, NULL) AS type FROM pg_attribute WHERE attrelid = 'raw.coupa_suppliers'::regclass AND attname = 'score'`,
    );
    expect(type?.type).toBe(column);
    expect((await suppliers<{ score: unknown }>('score')).map(({ score }) => score)).toEqual([
      null,
      ...values,
    ]);
    expect(await changes()).toEqual([
      { key: 'score', kind: 'new_field', mode: 'evolve' },
      { key: 'score', kind: 'new_type', mode: 'evolve' },
    ]);
    // Once told of, narrower values are no news.
    await bench.load('suppliers', [text(4, first)]);
    expect(await changes()).toHaveLength(2);
  });

  it('leaves a column as it is that a view depends on, says so once, and widens it when the view is gone', async () => {
    await bench.load('suppliers', [supplierOf(1)]);
    await bench.load('suppliers', [supplierOf(2, { score: 1 })]);
    await bench.database.knex.raw('CREATE VIEW raw.scores AS SELECT score FROM raw.coupa_suppliers');
    await bench.load('suppliers', [supplierOf(3, { score: 'high' })]);
    await bench.load('suppliers', [supplierOf(4, { score: 'low' })]);
    expect((await suppliers<{ score: unknown }>('score')).map(({ score }) => score)).toEqual([
      null,
      '1',
      null,
      null,
    ]);
    expect((await changes()).filter(({ kind }) => kind === 'new_type')).toHaveLength(1);
    await bench.database.knex.raw('DROP VIEW raw.scores');
    await bench.load('suppliers', [supplierOf(5, { score: 'none' })]);
    expect((await suppliers<{ score: unknown }>('score')).map(({ score }) => score)).toEqual([
      null,
      '1',
      'high',
      'low',
      'none',
    ]);
  });

  it('learns from the rows of a table that was loaded before anybody looked at fields', async () => {
    await bench.load('suppliers', [supplierOf(1, { website: 'a' })]);
    await bench.database.knex.raw('TRUNCATE raw._baton_fields');
    await bench.load('suppliers', [supplierOf(2, { website: 'b', tier: 'gold' })]);
    expect(await changes()).toEqual([{ key: 'tier', kind: 'new_field', mode: 'evolve' }]);
  });

  it('stops adding columns after two hundred', async () => {
    await bench.load('suppliers', [supplierOf(1)]);
    const many = Object.fromEntries(Array.from({ length: 250 }, (_, index) => [`k${index}`, index]));
    await bench.load('suppliers', [supplierOf(2, many)]);
    await bench.load('suppliers', [supplierOf(3, many)]);
    const states = await bench.rows(
      `SELECT state, count(*)::int AS n FROM raw._baton_fields WHERE key LIKE 'k%' GROUP BY 1 ORDER BY 1`,
    );
    expect(states).toEqual([
      { state: 'column', n: 200 },
      { state: 'full', n: 50 },
    ]);
    expect(await changes()).toHaveLength(250);
  });
});

describe('a record that its mapper quarantines', () => {
  it('brings no column, and tells of another type of a field that is there', async () => {
    await bench.load('suppliers', [supplierOf(1)]);
    const { counts } = await bench.load('suppliers', [supplierOf(2, { name: { long: 'x' }, slip: 1 })]);
    expect(counts).toMatchObject({ quarantined: 1 });
    expect(await changes()).toEqual([{ key: 'name', kind: 'new_type', mode: 'evolve' }]);
  });
});

describe('a field that is gone', () => {
  const batch = (from: number, more: Readonly<Record<string, unknown>>) =>
    Array.from({ length: 10 }, (_, index) => supplierOf(from + index, more));

  it('is told of once, when it is missing in twenty records that came after it was in all; its column stays', async () => {
    await bench.load('suppliers', batch(0, { tier: 'gold', note: 'x' }));
    await bench.load('suppliers', batch(10, { note: 'x' }));
    expect(await changes()).toEqual([]);
    await bench.load('suppliers', batch(20, { note: 'x' }));
    await bench.load('suppliers', batch(30, { note: 'x' }));
    expect(await changes()).toEqual([{ key: 'tier', kind: 'removed', mode: null }]);
    await bench.load('suppliers', batch(40, { tier: 'iron', note: 'x' }));
    await bench.load('suppliers', batch(50, { note: 'x' }));
    await bench.load('suppliers', batch(60, { note: 'x' }));
    await bench.load('suppliers', batch(70, { note: 'x' }));
    expect((await changes()).map(({ kind }) => kind)).toEqual(['removed', 'returned']);
  });

  it('is not missed when it was not in every record before', async () => {
    await bench.load('suppliers', [...batch(0, { tier: 'gold' }), supplierOf(10)]);
    await bench.load('suppliers', [...batch(20, {}), ...batch(30, {})]);
    expect(await changes()).toEqual([]);
  });
});

describe('a table that discards', () => {
  it('the record with a new field: it is in quarantine with its bytes, the rest is loaded, and it is told of once', async () => {
    const strict = withContract({ columns: 'discard_row' });
    await bench.load('suppliers', [supplierOf(1)], strict);
    const odd = supplierOf(2, { tier: 'gold' });
    const { counts } = await bench.load('suppliers', [odd, supplierOf(3)], strict);
    expect(counts).toMatchObject({ read: 2, loaded: 1, quarantined: 1 });
    await bench.load('suppliers', [supplierOf(4, { tier: 'iron' })], strict);
    expect(await changes()).toEqual([{ key: 'tier', kind: 'new_field', mode: 'discard_row' }]);
    const [kept] = await bench.rows<Record<string, unknown>>(
      'SELECT record_id, rule, path, raw FROM quarantine.records ORDER BY id LIMIT 1',
    );
    expect(kept).toEqual({ record_id: '2', rule: 'schema_contract', path: 'tier', raw: JSON.stringify(odd) });
  });

  it('the value of a new field: the row is loaded, raw has it', async () => {
    const loose = withContract({ columns: 'discard_value' });
    await bench.load('suppliers', [supplierOf(1)], loose);
    await bench.load('suppliers', [supplierOf(2, { tier: 'gold' })], loose);
    await bench.load('suppliers', [supplierOf(3, { tier: 'iron' })], loose);
    expect(await changes()).toEqual([{ key: 'tier', kind: 'new_field', mode: 'discard_value' }]);
    expect(await suppliers(`raw ->> 'tier' AS tier`)).toEqual([
      { supplier_id: '1', tier: null },
      { supplier_id: '2', tier: 'gold' },
      { supplier_id: '3', tier: 'iron' },
    ]);
    const columns = await bench.rows(
      `SELECT FROM pg_attribute WHERE attrelid = 'raw.coupa_suppliers'::regclass AND attname = 'tier'`,
    );
    expect(columns).toEqual([]);
  });

  it.each([
    { mode: 'discard_row' as const, loaded: 1, quarantined: 1, scores: [null, '1', '2'] },
    { mode: 'discard_value' as const, loaded: 2, quarantined: 0, scores: [null, '1', null, '2'] },
  ])('$mode: what has another type than before', async ({ mode, loaded, quarantined, scores }) => {
    const more = withContract({ dataType: mode });
    await bench.load('suppliers', [supplierOf(1)], more);
    await bench.load('suppliers', [supplierOf(2, { score: 1 })], more);
    const { counts } = await bench.load(
      'suppliers',
      [supplierOf(3, { score: 'high' }), supplierOf(4, { score: 2 })],
      more,
    );
    expect(counts).toMatchObject({ loaded, quarantined });
    await bench.load('suppliers', [supplierOf(5, { score: 'low' })], more);
    expect((await changes()).filter(({ kind }) => kind === 'new_type')).toEqual([
      { key: 'score', kind: 'new_type', mode },
    ]);
    const found = (await suppliers<{ score: string | null }>('score')).map(({ score }) => score);
    expect(found.slice(0, scores.length)).toEqual(scores);
  });
});

describe('a table that is frozen', () => {
  it('refuses the batch each time, loads nothing of it, and tells of it once', async () => {
    const frozen = withContract({ columns: 'freeze' });
    await bench.load('suppliers', [supplierOf(1)], frozen);
    for (const id of [2, 3])
      await expect(bench.load('suppliers', [supplierOf(id, { tier: 'gold' })], frozen)).rejects.toMatchObject(
        { code: 'BTN-4011', message: expect.stringContaining('tier is new') },
      );
    expect(await suppliers('1 AS one')).toHaveLength(1);
    expect(await changes()).toEqual([{ key: 'tier', kind: 'new_field', mode: 'freeze' }]);
    await bench.load('suppliers', [supplierOf(2, { tier: 'gold' })]);
    expect((await suppliers<{ tier: string }>('tier'))[1]?.tier).toBe('gold');
  });

  it('refuses another type', async () => {
    const frozen = withContract({ dataType: 'freeze' });
    await bench.load('suppliers', [supplierOf(1, { score: 1 })], frozen);
    for (const id of [2, 3])
      await expect(bench.load('suppliers', [supplierOf(id, { score: 'x' })], frozen)).rejects.toMatchObject({
        code: 'BTN-4011',
      });
    expect(await changes()).toEqual([{ key: 'score', kind: 'new_type', mode: 'freeze' }]);
  });

  it('may evolve in single fields', async () => {
    const frozen = withContract({ columns: 'freeze', fields: [{ name: 'tier', mode: 'evolve' }] });
    await bench.load('suppliers', [supplierOf(1)], frozen);
    await bench.load('suppliers', [supplierOf(2, { tier: 'gold' })], frozen);
    expect((await suppliers<{ tier: string }>('tier'))[1]?.tier).toBe('gold');
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
