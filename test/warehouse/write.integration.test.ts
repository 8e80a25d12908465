import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../src/database/postgres.js';
import { Secret } from '../../src/domain/secret.js';
import { strategyOf, type Write } from '../../src/domain/write.js';
import type { LoadKey, StagedRecord, TableSpec, Warehouse } from '../../src/warehouse/port.js';
import { createPostgresWarehouse, openWarehouseDatabase } from '../../src/warehouse/postgres/index.js';
import { createDatabase } from '../setup/database.js';
import { openBench, order, supplier } from './bench.js';
import { type Outcome, oracleOf, type Staged } from './write-oracle.js';

const writes: Readonly<Record<string, Write>> = {
  append: { disposition: 'append' },
  replace: { disposition: 'replace' },
  upsert: { disposition: 'merge', strategy: 'upsert' },
  'delete-insert by key': { disposition: 'merge', strategy: 'delete-insert' },
  'delete-insert by parent': { disposition: 'merge', strategy: 'delete-insert', mergeKey: 'parent' },
  scd2: { disposition: 'merge', strategy: 'scd2' },
  'scd2 with deletions': { disposition: 'merge', strategy: 'scd2', deletedColumn: 'gone' },
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

function specOf(name: string, write: Write): TableSpec {
  const table = name.replaceAll(/[^a-z0-9]/g, '_');
  return {
    table: `raw.${table}`,
    staging: `raw_${table}`,
    write,
    versionColumn: 'updated_at',
    columns: [
      { name: 'thing_id', type: 'text' },
      { name: 'parent', type: 'text', nullable: true },
      { name: 'amount', type: 'numeric' },
      { name: 'gone', type: 'boolean' },
      { name: 'updated_at', type: 'timestamp' },
    ],
  };
}

function keyOf(tenant: string): LoadKey {
  batches += 1;
  const batchId = batches.toString(16).padStart(12, '0').padEnd(32, '0');
  return { batchId, generation: 1, runId: `run/${batches}`, connection: 'source', stream: 'things', tenant };
}

const start = Date.UTC(2026, 0, 1);

function recordOf(staged: Staged, line: number): StagedRecord {
  if (staged.verdict === 'filtered')
    return { part: 1, line, raw: Buffer.from('{}'), verdict: { kind: 'filtered' } };
  if (staged.verdict === 'quarantined') {
    const violations = [{ rule: 'missing_key', path: 'id', reason: 'id is missing', value: null }];
    return { part: 1, line, raw: Buffer.from('{}'), verdict: { kind: 'quarantined', id: null, violations } };
  }
  const row = {
    thing_id: staged.id,
    parent: staged.parent,
    amount: String(staged.amount),
    gone: String(staged.gone),
    updated_at: new Date(start + staged.version * 1_000).toISOString(),
  };
  return { part: 1, line, raw: Buffer.from(JSON.stringify(row)), verdict: { kind: 'row', row } };
}

async function stage(
  spec: TableSpec,
  key: LoadKey,
  batch: readonly Staged[],
  attempt: string,
): Promise<string> {
  const staging = await warehouse.openStaging(spec, key, attempt);
  await warehouse.stage(
    spec,
    staging,
    key,
    batch.map((staged, index) => recordOf(staged, index + 1)),
  );
  return staging;
}

async function loadBatch(spec: TableSpec, key: LoadKey, batch: readonly Staged[]) {
  const staging = await stage(spec, key, batch, 'a1');
  return warehouse.merge(spec, staging, key, batch.length, { from: null, to: '2026-01-02T00:00:00Z' });
}

async function rowsOf(spec: TableSpec, tenant: string): Promise<string[]> {
  const second = (column: string) => `extract(epoch FROM ${column})::int - ${start / 1_000}`;
  const interval =
    spec.write?.disposition === 'merge' && spec.write.strategy === 'scd2'
      ? `|| ' ' || ${second('valid_from')} || '-' || coalesce((${second('valid_to')})::text, 'now')
         || CASE WHEN is_current = (valid_to IS NULL) THEN '' ELSE ' is_current is wrong' END`
      : '';
  const { rows } = await database.knex.raw(
    `SELECT thing_id || ' ' || coalesce(parent, 'null') || ' ' || ${second('updated_at')} || ' ' || amount || ' ' || gone ${interval} AS row
     FROM ${spec.table} WHERE _tenant = ? AND _source = 'source'`,
    [tenant],
  );
  return rows.map(({ row }: { row: string }) => row).sort();
}

function expectedRows(oracle: ReturnType<typeof oracleOf>): string[] {
  return oracle
    .rows()
    .map((row) => {
      const interval = 'from' in row ? ` ${row.from}-${row.to ?? 'now'}` : '';
      return `${row.id} ${row.parent} ${row.version} ${row.amount} ${row.gone}${interval}`;
    })
    .sort();
}

const thing = fc.record({
  verdict: fc.constant('row' as const),
  id: fc.constantFrom('a', 'b', 'c'),
  parent: fc.constantFrom('p', 'q', null),
  version: fc.integer({ min: 0, max: 6 }),
  amount: fc.integer({ min: 0, max: 1 }),
  gone: fc.boolean(),
});
const staged: fc.Arbitrary<Staged> = fc.oneof(
  { arbitrary: thing, weight: 8 },
  {
    arbitrary: fc.constantFrom<Staged>({ verdict: 'quarantined' }, { verdict: 'filtered' }),
    weight: 1,
  },
);
const action = fc.record({
  tenant: fc.constantFrom('one', 'two'),
  batch: fc.array(staged, { maxLength: 7 }),
  /** Which of the batches so far comes once more afterwards, under its own name. */
  replay: fc.option(fc.nat({ max: 5 })),
});

describe.each(Object.entries(writes))('%s', (name, write) => {
  const spec = specOf(name, write);

  it('comes to what a naive model says, over any sequence of batches, and accounts for every record', async () => {
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 1, maxLength: 5 }), async (actions) => {
        runs += 1;
        const tenantOf = (tenant: string) => `${tenant}${runs}`;
        const oracles = { one: oracleOf(write), two: oracleOf(write) };
        const done: { key: LoadKey; batch: readonly Staged[]; counts: Outcome }[] = [];
        for (const { tenant, batch, replay } of actions) {
          const key = keyOf(tenantOf(tenant));
          const counts = oracles[tenant].load(batch);
          expect(await loadBatch(spec, key, batch)).toEqual({ merged: true, counts });
          done.push({ key, batch, counts });
          const again = replay === null ? undefined : done[replay];
          if (again !== undefined)
            expect(await loadBatch(spec, again.key, again.batch)).toEqual({
              merged: false,
              counts: again.counts,
            });
          for (const one of ['one', 'two'] as const)
            expect(await rowsOf(spec, tenantOf(one))).toEqual(expectedRows(oracles[one]));
        }
        for (const { key, batch, counts } of done) {
          const staging = await stage(spec, key, batch, 'v1');
          expect((await warehouse.verify(spec, staging, key)).differences).toEqual([]);
          const { read, filtered, quarantined, duplicate } = counts;
          expect(await warehouse.stagedCounts(spec, staging)).toEqual({
            read,
            filtered,
            quarantined,
            duplicate,
          });
          await warehouse.dropStaging(staging);
        }
      }),
      { numRuns: 30 },
    );
  });
});

describe.each(Object.entries(writes).filter(([name]) => name !== 'append' && name !== 'replace'))(
  'a deletion that the vendor tells of, by %s',
  (name, write) => {
    const spec = { ...specOf(`told ${name}`, write), deletedColumn: 'gone' };
    const at = (version: number, gone = false): Staged => ({
      verdict: 'row',
      id: 'a',
      parent: 'p',
      version,
      amount: version,
      gone,
    });
    /** Readers' view: the rows that are so now and not deleted, and since when the others are. */
    const seen = async () => {
      const historical = strategyOf(write) === 'scd2';
      const { rows } = await database.knex.raw(
        `SELECT amount::int AS amount, _deleted AS deleted, _deleted_at AS since FROM ${spec.table}
       ${historical ? 'WHERE is_current' : ''}
       ${
         historical
           ? `UNION ALL SELECT amount::int, _deleted, _deleted_at FROM ${spec.table}__hidden h WHERE _deleted
         AND NOT EXISTS (SELECT FROM ${spec.table} t WHERE t.valid_from > h.valid_from)`
           : ''
       }`,
      );
      return rows;
    };
    const alive = (amount: number) => [{ amount, deleted: false, since: null }];
    const deleted = (amount: number) => [{ amount, deleted: true, since: new Date(start + amount * 1_000) }];

    it('marks the row, no older version revives it, a newer one does', async () => {
      await loadBatch(spec, keyOf('told'), [at(1)]);
      expect(await seen()).toEqual(alive(1));
      await loadBatch(spec, keyOf('told'), [at(3, true)]);
      expect(await seen()).toEqual(deleted(3));
      await loadBatch(spec, keyOf('told'), [at(2)]);
      await loadBatch(spec, keyOf('told'), [at(1)]);
      expect(await seen()).toEqual(deleted(3));
      expect((await loadBatch(spec, keyOf('told'), [at(3, true)])).counts).toMatchObject({ unchanged: 1 });
      await loadBatch(spec, keyOf('told'), [at(4), at(3, true)]);
      expect(await seen()).toEqual(alive(4));
    });
  },
);

describe.each(['upsert', 'delete-insert by key', 'delete-insert by parent'])(
  'a row that was found to be deleted, by %s',
  (name) => {
    it('is revived by what is read afterwards, and not by what was read before', async () => {
      const spec = specOf(`found ${name}`, writes[name] as Write);
      const at = (version: number): Staged => ({
        verdict: 'row',
        id: 'a',
        parent: 'p',
        version,
        amount: version,
        gone: false,
      });
      const isDeleted = async () =>
        (await database.knex.raw(`SELECT _deleted FROM ${spec.table}`)).rows[0]?._deleted as boolean;
      await loadBatch(spec, keyOf('found'), [at(1)]);
      const early = keyOf('found');
      const staging = await stage(spec, early, [at(1)], 'a1');
      await database.knex.raw(`UPDATE ${spec.table} SET _deleted = true, _deleted_at = clock_timestamp()`);
      const { counts } = await warehouse.merge(spec, staging, early, 1, null);
      expect(counts).toMatchObject({ stale: 1, loaded: 0 });
      expect(await isDeleted()).toBe(true);
      expect((await loadBatch(spec, keyOf('found'), [at(1)])).counts).toMatchObject({ loaded: 1 });
      expect(await isDeleted()).toBe(false);
    });
  },
);

describe('a table', () => {
  it('of an earlier build gets the columns that a deletion needs', async () => {
    const spec = { ...specOf('earlier', writes['upsert'] as Write), deletedColumn: 'gone' };
    const before = {
      ...specOf('earlier', writes['upsert'] as Write),
      columns: spec.columns.filter(({ name }) => name !== 'gone'),
    };
    // A process of that build: what it has prepared is not known to this one.
    await createPostgresWarehouse(database).openStaging(before, keyOf('earlier'), 'a1');
    await database.knex.raw(`ALTER TABLE ${spec.table} DROP COLUMN _deleted_at`);
    const row = { verdict: 'row', id: 'a', parent: null, version: 1, amount: 1, gone: true } as const;
    await loadBatch(spec, keyOf('earlier'), [row]);
    const { rows } = await database.knex.raw(`SELECT gone, _deleted, _deleted_at FROM ${spec.table}`);
    expect(rows).toEqual([{ gone: true, _deleted: true, _deleted_at: new Date(start + 1_000) }]);
  });

  it('that was made for one key is not loaded by another', async () => {
    const key = keyOf('shape');
    const things = specOf('shape', { disposition: 'append' });
    await loadBatch(things, key, []);
    const history = { ...things, write: writes['scd2'] } as TableSpec;
    await expect(warehouse.openStaging(history, keyOf('shape'), 'a1')).rejects.toMatchObject({
      error: 'ERR_TABLE_SHAPE',
    });
  });

  it('that keeps its history is joined by its current rows, and refuses a stream without versions', async () => {
    const bench = await openBench();
    try {
      const tables = { suppliers: { write: { disposition: 'merge', strategy: 'scd2' } } } as const;
      await bench.prepareAll({ tables });
      const named = (name: string, second: string) => ({
        ...supplier,
        name,
        'updated-at': `2026-05-04T08:00:${second}Z`,
      });
      await bench.load('suppliers', [named('Before', '01'), named('Now', '02')], { tables });
      await bench.load('orders', [order(1)], { tables });
      await bench.load('suppliers', [named('Since', '03')], { tables });
      const name = async () => (await bench.rows('SELECT supplier_name FROM analytics.po_fact'))[0];
      expect(await name()).toEqual({ supplier_name: 'Now' });
      await bench.reconcile('run/1', { tables });
      expect(await name()).toEqual({ supplier_name: 'Since' });
      const versions = 'SELECT name, is_current FROM raw.coupa_suppliers ORDER BY valid_from';
      expect(await bench.rows(versions)).toEqual([
        { name: 'Before', is_current: false },
        { name: 'Now', is_current: false },
        { name: 'Since', is_current: true },
      ]);
    } finally {
      await bench.close();
    }
    const unversioned = {
      ...specOf('unversioned', { disposition: 'merge', strategy: 'scd2' }),
      versionColumn: null,
    };
    await expect(warehouse.openStaging(unversioned, keyOf('x'), 'a1')).rejects.toThrow('scd2');
  });

  it('that is replaced shows a reader the one state or the other', async () => {
    const spec = specOf('swapped', { disposition: 'replace' });
    const all = (amount: number): Staged[] =>
      Array.from({ length: 2_000 }, (_, n) => ({
        verdict: 'row',
        id: `${amount}-${n}`,
        parent: null,
        version: 1,
        amount,
        gone: false,
      }));
    await loadBatch(spec, keyOf('reader'), all(0));
    let loading = true;
    const swaps = (async () => {
      for (const amount of [1, 2, 3]) await loadBatch(spec, keyOf('reader'), all(amount));
      loading = false;
    })();
    while (loading) {
      const { rows } = await database.knex.raw(
        `SELECT amount::int, count(*)::int AS n FROM ${spec.table} GROUP BY 1`,
      );
      expect(rows).toEqual([{ amount: rows[0]?.amount, n: 2_000 }]);
    }
    await swaps;
  });
});

describe('verification', () => {
  it('finds an interval that was changed by hand', async () => {
    const spec = specOf('tampered', { disposition: 'merge', strategy: 'scd2' });
    const key = keyOf('tampered');
    const version = (n: number): Staged => ({
      verdict: 'row',
      id: 'a',
      parent: null,
      version: n,
      amount: n,
      gone: false,
    });
    const batch = [version(1), version(2)];
    await loadBatch(spec, key, batch);
    await database.knex.raw(
      `UPDATE ${spec.table} SET valid_to = valid_to + interval '1 hour' WHERE NOT is_current`,
    );
    const staging = await stage(spec, key, batch, 'v1');
    expect((await warehouse.verify(spec, staging, key)).differences).toMatchObject([{ id: 'a' }]);
    await database.knex.raw(`DELETE FROM ${spec.table} WHERE is_current`);
    const { differences } = await warehouse.verify(spec, staging, key);
    expect(differences.map(({ what }) => what).join()).toContain('was loaded and is gone');
  });

  it('does not miss a row that was stale as a child of a parent whose children have moved since', async () => {
    const spec = specOf('moved', writes['delete-insert by parent'] as Write);
    const child = (id: string, parent: string, version: number): Staged => ({
      verdict: 'row',
      id,
      parent,
      version,
      amount: 0,
      gone: false,
    });
    await loadBatch(spec, keyOf('moved'), [child('a', 'p', 1)]);
    const key = keyOf('moved');
    const batch = [child('c', 'p', 0), child('a', 'q', 1)];
    expect((await loadBatch(spec, key, batch)).counts).toMatchObject({ loaded: 1, stale: 1 });
    const { differences, notes } = await warehouse.verify(spec, await stage(spec, key, batch, 'v1'), key);
    expect(differences).toEqual([]);
    expect(notes).toHaveLength(1);
  });

  it('says so where a later batch may rightly have removed rows', async () => {
    const spec = specOf('overtaken', { disposition: 'replace' });
    const key = keyOf('overtaken');
    const batch: Staged[] = [{ verdict: 'row', id: 'a', parent: null, version: 1, amount: 1, gone: false }];
    await loadBatch(spec, key, batch);
    await loadBatch(spec, keyOf('overtaken'), []);
    const staging = await stage(spec, key, batch, 'v1');
    const { differences, notes } = await warehouse.verify(spec, staging, key);
    expect(differences).toEqual([]);
    expect(notes).toHaveLength(1);
  });
});
