import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../src/database/postgres.js';
import { Secret } from '../../src/domain/secret.js';
import type { LoadKey, StagedRecord, TableSpec, Warehouse } from '../../src/warehouse/port.js';
import { createPostgresWarehouse, openWarehouseDatabase } from '../../src/warehouse/postgres/index.js';
import { createDatabase } from '../setup/database.js';
import { line, openBench, order } from './bench.js';

const things: TableSpec = {
  table: 'raw.things',
  staging: 'raw_things',
  versionColumn: 'updated_at',
  columns: [
    { name: 'thing_id', type: 'text' },
    { name: 'amount', type: 'numeric', nullable: true },
    { name: 'updated_at', type: 'timestamp' },
  ],
};

let drop: () => Promise<void>;
let database: Database;
let warehouse: Warehouse;
let batches = 0;

beforeAll(async () => {
  const created = await createDatabase();
  drop = created.drop;
  database = openWarehouseDatabase(new Secret(created.url));
  warehouse = createPostgresWarehouse(database);
  await warehouse.prepare();
});
afterAll(async () => {
  await warehouse.close();
  await drop();
});

function load(tenant: string): LoadKey {
  batches += 1;
  const batchId = batches.toString(16).padStart(32, '0');
  return { batchId, generation: 1, runId: `run/${batches}`, connection: 'source', stream: 'things', tenant };
}

function record(line: number, id: string, version: number, amount: string | null = '1'): StagedRecord {
  const updated = new Date(Date.UTC(2026, 0, 1, 0, 0, version)).toISOString();
  const row = { thing_id: id, amount, updated_at: updated };
  return { part: 1, line, raw: Buffer.from(JSON.stringify(row)), verdict: { kind: 'row', row } };
}

async function loadBatch(
  key: LoadKey,
  records: readonly StagedRecord[],
  watermark = { from: null as string | null, to: '2026-01-02T00:00:00Z' },
) {
  const staging = await warehouse.openStaging(things, key, 'a1');
  await warehouse.stage(things, staging, key, records);
  return warehouse.merge(things, staging, key, records.length, watermark);
}

async function table(tenant: string): Promise<Record<string, string>> {
  const { rows } = await database.knex.raw(
    `SELECT thing_id, extract(epoch FROM updated_at)::int - 1767225600 || ':' || amount AS value FROM raw.things WHERE _tenant = ?`,
    [tenant],
  );
  return Object.fromEntries(
    rows.map((row: { thing_id: string; value: string }) => [row.thing_id, row.value]),
  );
}

describe('merge', () => {
  it('keeps the newest version of each key over any sequence of batches, and accounts for every record', async () => {
    const item = fc.record({
      id: fc.constantFrom('a', 'b', 'c', 'd'),
      version: fc.integer({ min: 0, max: 6 }),
    });
    let tenants = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(item, { maxLength: 8 }), { minLength: 1, maxLength: 4 }),
        async (all) => {
          tenants += 1;
          const tenant = `p${tenants}`;
          const newest = new Map<string, number>();
          for (const batch of all) {
            const records = batch.map(({ id, version }, index) =>
              record(index + 1, id, version, String(version)),
            );
            const { counts } = await loadBatch(load(tenant), records);
            const distinct = new Map<string, number>();
            for (const { id, version } of batch) distinct.set(id, Math.max(distinct.get(id) ?? -1, version));
            const stale = [...distinct].filter(([id, version]) => version < (newest.get(id) ?? -1)).length;
            const same = [...distinct].filter(([id, version]) => version === newest.get(id)).length;
            expect(counts).toEqual({
              read: batch.length,
              duplicate: batch.length - distinct.size,
              stale,
              unchanged: same,
              loaded: distinct.size - stale - same,
              quarantined: 0,
              filtered: 0,
            });
            for (const [id, version] of distinct) newest.set(id, Math.max(newest.get(id) ?? -1, version));
          }
          const expected = Object.fromEntries(
            [...newest].map(([id, version]) => [id, `${version}:${version}`]),
          );
          expect(await table(tenant)).toEqual(expected);
        },
      ),
      { numRuns: 25 },
    );
  });

  it('merges a batch once: whoever comes second gets the stored counts and changes nothing', async () => {
    const key = load('twice');
    const first = await loadBatch(key, [record(1, 'a', 1)]);
    await database.knex.raw(`DELETE FROM raw.things WHERE _tenant = 'twice'`);
    const second = await loadBatch(key, [record(1, 'a', 1), record(2, 'b', 1)]);
    expect(first).toMatchObject({ merged: true, counts: { loaded: 1 } });
    expect(second).toEqual({ merged: false, counts: first.counts });
    expect(await table('twice')).toEqual({});
  });

  it('of two workers that merge at the same moment, one does', async () => {
    const key = load('race');
    const one = await warehouse.openStaging(things, key, 'a1');
    await warehouse.stage(things, one, key, [record(1, 'a', 1)]);
    await database.knex.raw(
      `CREATE UNLOGGED TABLE staging.raw_things__other () INHERITS (staging.raw_things)`,
    );
    await warehouse.stage(things, 'raw_things__other', key, [record(1, 'a', 1)]);
    const mark = { from: null, to: '2026-01-02T00:00:00Z' };
    const results = await Promise.all(
      [one, 'raw_things__other'].map((from) => warehouse.merge(things, from, key, 1, mark)),
    );
    expect(results.map((result) => result.merged).sort()).toEqual([false, true]);
    expect(results.every((result) => result.counts.loaded === 1)).toBe(true);
  });

  it('refuses a staging that has lost records, and leaves everything as it was', async () => {
    const key = load('lost');
    const staging = await warehouse.openStaging(things, key, 'a1');
    await warehouse.stage(things, staging, key, [record(1, 'a', 1), record(2, 'b', 1)]);
    await database.knex.raw(`TRUNCATE staging.${staging}`); // what crash recovery does to an unlogged table
    const merging = warehouse.merge(things, staging, key, 2, { from: null, to: '2026-01-02T00:00:00Z' });
    await expect(merging).rejects.toMatchObject({ error: 'ERR_STAGING_LOST' });
    expect(await warehouse.loadCounts(key.batchId, key.generation)).toBeNull();
    expect((await loadBatch(key, [record(1, 'a', 1), record(2, 'b', 1)])).merged).toBe(true);
  });

  it('moves the watermark only from the value that the run has read', async () => {
    const mark = async () => (await warehouse.watermark('source', 'things', 'marks')).value;
    await loadBatch(load('marks'), [], { from: null, to: '2026-01-02T00:00:00Z' });
    expect(await mark()).toBe('2026-01-02T00:00:00Z');
    await loadBatch(load('marks'), [], { from: '2026-01-02T00:00:00Z', to: '2026-01-05T00:00:00Z' });
    expect(await mark()).toBe('2026-01-05T00:00:00Z');
    await loadBatch(load('marks'), [], { from: '2026-01-02T00:00:00Z', to: '2026-01-03T00:00:00Z' }); // overtaken
    await loadBatch(load('marks'), [], { from: null, to: '2026-01-01T00:00:00Z' });
    expect(await mark()).toBe('2026-01-05T00:00:00Z');
  });
});

describe('staging', () => {
  it('quarantines what the warehouse itself refuses, and loads the rest of the batch', async () => {
    const key = load('refused');
    const bad = record(2, 'b', 1, 'not a number');
    const nul = record(3, 'c\0', 1);
    const { counts } = await loadBatch(key, [record(1, 'a', 1), bad, nul, record(4, 'd', 1)]);
    expect(counts).toMatchObject({ read: 4, loaded: 2, quarantined: 2 });
    const { rows } = await database.knex.raw(
      `SELECT line, rule, raw FROM quarantine.records WHERE tenant = 'refused' ORDER BY line`,
    );
    expect(rows.map((row: { line: number; rule: string }) => [row.line, row.rule])).toEqual([
      [2, 'refused_by_warehouse'],
      [3, 'nul_character'],
    ]);
    expect(rows[0].raw).toContain('not a number');
  });

  it('quarantines the orders that no index or key could hold, and loads the rest of the batch', async () => {
    const bench = await openBench();
    try {
      await bench.prepareAll();
      const { counts } = await bench.load('orders', [
        order(1),
        order(2, 0, { 'order-lines': [line(20), line(20)] }),
        order(3, 0, { 'po-number': randomBytes(9_000).toString('hex') }),
        order(4, 0, { id: randomBytes(9_000).toString('hex') }),
        order(5),
      ]);
      expect(counts).toMatchObject({ read: 5, loaded: 2, quarantined: 3 });
      const found = await bench.rows('SELECT record_id, rule, path FROM quarantine.records ORDER BY line');
      expect(found).toEqual([
        { record_id: '2', rule: 'doubled_line', path: 'order-lines' },
        { record_id: '3', rule: 'too_long', path: 'po-number' },
        { record_id: null, rule: 'too_long', path: 'id' },
      ]);
    } finally {
      await bench.close();
    }
  });

  it('carries every character of COPY’s text format unharmed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme', maxLength: 40 }), async (text) => {
        const id = `x${text}\\N\\.\t\n\r`;
        const key = load('escapes');
        await loadBatch(key, [record(1, id, batches)]);
        const { rows } = await database.knex.raw('SELECT thing_id FROM raw.things WHERE _batch_id = ?', [
          `${key.batchId}.1`,
        ]);
        if (text.includes('\0')) return;
        expect(rows.map((row: { thing_id: string }) => row.thing_id)).toEqual([id]);
      }),
      { numRuns: 40 },
    );
  });

  it('is not held up by a frozen worker that still has an earlier attempt’s table', async () => {
    const key = load('frozen');
    const staging = await warehouse.openStaging(things, key, 'a1');
    await database.knex.transaction(async (frozen) => {
      await frozen.raw(`LOCK TABLE staging.${staging} IN ROW EXCLUSIVE MODE`);
      const next = await warehouse.openStaging(things, key, 'a2');
      await warehouse.stage(things, next, key, [record(1, 'a', 1)]);
      expect(
        (await warehouse.merge(things, next, key, 1, { from: null, to: '2026-01-02T00:00:00Z' })).merged,
      ).toBe(true);
    });
  });
});
