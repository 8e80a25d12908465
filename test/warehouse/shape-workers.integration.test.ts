import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Database } from '../../src/database/postgres.js';
import { Secret } from '../../src/domain/secret.js';
import type { LoadKey, TableSpec, Warehouse } from '../../src/warehouse/port.js';
import { createPostgresWarehouse, openWarehouseDatabase } from '../../src/warehouse/postgres/index.js';
import { watchShape } from '../../src/warehouse/staged.js';
import { createDatabase } from '../setup/database.js';

/** Two workers: each has a pool and a memory of its own. */
let crew: readonly { readonly database: Database; readonly warehouse: Warehouse }[];
let drop: () => Promise<void>;
let batches = 0;

beforeAll(async () => {
  const created = await createDatabase();
  drop = created.drop;
  crew = [1, 2].map(() => {
    const database = openWarehouseDatabase(new Secret(created.url));
    return { database, warehouse: createPostgresWarehouse(database) };
  });
  for (const { warehouse } of crew) await warehouse.prepare();
});
afterAll(async () => {
  for (const { warehouse } of crew) await warehouse.close();
  await drop();
});

const rows = async <R>(sql: string): Promise<R[]> => (await crew[0]?.database.knex.raw(sql))?.rows;

function things(name: string, more: Partial<TableSpec> = {}): TableSpec {
  const columns = [{ name: 'thing_id', type: 'text' }] as const;
  return { table: `raw.${name}`, staging: `raw_${name}`, columns, versionColumn: null, ...more };
}

async function load(
  warehouse: Warehouse,
  spec: TableSpec,
  records: readonly Readonly<Record<string, unknown>>[],
  tenant = 'default',
): Promise<void> {
  batches += 1;
  const batchId = batches.toString(16).padStart(12, '0').padEnd(32, '0');
  const key: LoadKey = {
    batchId,
    generation: 1,
    runId: `run/${batches}`,
    connection: 's',
    stream: 't',
    tenant,
  };
  const staging = await warehouse.openStaging(spec, key, 'a1');
  const shapes = await watchShape(warehouse, spec, key);
  const staged = records.map((fields, index) => {
    const raw = Buffer.from(JSON.stringify(fields));
    shapes.observer.see({ fields, inBytes: false });
    return {
      part: 1,
      line: index + 1,
      raw,
      verdict: { kind: 'row', row: { thing_id: String(fields['id']) } },
    } as const;
  });
  await warehouse.stage(spec, staging, key, staged);
  await shapes.settle();
  await warehouse.merge(spec, staging, key, records.length, null);
  await warehouse.fillColumns(spec, new AbortController().signal);
}

it('two workers with the same news at once: one column, told of once, and every row has its value', async () => {
  for (let round = 0; round < 12; round += 1) {
    const spec = things(`both_${round}`);
    const [one, other] = crew;
    if (one === undefined || other === undefined) throw new Error('two workers');
    await load(one.warehouse, spec, [{ id: 'first' }]);
    await Promise.all(
      [one, other].map(({ warehouse }, index) =>
        load(
          warehouse,
          spec,
          Array.from({ length: 50 }, (_, at) => ({
            id: `${index}-${at}`,
            tier: at,
            'risk-score': `r${at}`,
            Tier: at,
          })),
          `tenant-${index}`,
        ),
      ),
    );
    expect(
      await rows(
        `SELECT key, count(*)::int AS n FROM raw._baton_schema_changes WHERE target = '${spec.table}' GROUP BY key ORDER BY key COLLATE "C"`,
      ),
    ).toEqual([
      { key: 'Tier', n: 1 },
      { key: 'risk-score', n: 1 },
      { key: 'tier', n: 1 },
    ]);
    const wrong = await rows(
      `SELECT thing_id FROM ${spec.table} WHERE thing_id <> 'first' AND
         (tier::text, risk_score) IS DISTINCT FROM (split_part(thing_id, '-', 2), 'r' || split_part(thing_id, '-', 2))`,
    );
    expect(wrong).toEqual([]);
  }
}, 60_000);

it('a fill that is killed goes on where it was, and fills every older row once', async () => {
  const [one, other] = crew;
  if (one === undefined || other === undefined) throw new Error('two workers');
  const { warehouse } = one;
  const spec = things('long');
  const ignoring = { ...spec, contract: { columns: 'discard_value', dataType: 'evolve' } as const };
  await load(warehouse, ignoring, [{ id: 'first', noise: '' }]);
  // Random, so that it takes the room that it seems to take.
  const noise = () => Array.from({ length: 60 }, () => Math.random().toString(36).slice(2)).join('');
  const all = 12_000;
  await load(
    warehouse,
    ignoring,
    Array.from({ length: all }, (_, at) => ({ id: `r${at}`, tier: at, noise: noise() })),
  );
  const key = {
    batchId: 'f'.repeat(32),
    generation: 1,
    runId: 'run/f',
    connection: 's',
    stream: 't',
    tenant: 'default',
  };
  const shapes = await watchShape(warehouse, spec, key);
  shapes.observer.see({ fields: { id: 'x', tier: 1, noise: 'n' }, inBytes: false });
  await shapes.settle();

  // Somebody works on one of the last rows: the fill has to wait there.
  const holder = await other.database.knex.transaction();
  await holder.raw(`SELECT FROM raw.long WHERE thing_id = 'r${all - 1}' FOR UPDATE`);
  const filling = warehouse.fillColumns(spec, new AbortController().signal).then(
    () => 'filled',
    (error: { code?: string }) => error.code,
  );
  const progress = async () =>
    (
      await rows<{ next: number; end: number }>(
        `SELECT coalesce(max(fill_next), 0)::int AS next, coalesce(max(fill_end), 0)::int AS end FROM raw._baton_fields WHERE target = 'raw.long' AND column_name = 'tier'`,
      )
    )[0];
  const waiting = `FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'UPDATE "raw"."long"%'`;
  while ((await rows(`SELECT pid ${waiting}`)).length === 0) await sleep(10);
  await other.database.knex.raw(`SELECT pg_terminate_backend(pid) ${waiting}`);
  expect(await filling).toBe('BTN-4001');
  await holder.rollback();
  const at = await progress();
  expect(at?.next).toBeGreaterThan(0);
  expect(at?.next).toBeLessThan(at?.end ?? 0);
  const [before] = await rows<{ n: number }>('SELECT count(tier)::int AS n FROM raw.long');
  expect(before?.n).toBeGreaterThan(0);
  expect(before?.n).toBeLessThan(all);

  const counts = await Promise.all(
    crew.map((worker) => worker.warehouse.fillColumns(spec, new AbortController().signal)),
  );
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(all - (before?.n ?? 0));
  const wrong = await rows(
    `SELECT thing_id FROM raw.long WHERE tier::text IS DISTINCT FROM nullif(replace(thing_id, 'r', ''), 'fist')`,
  );
  expect(wrong).toEqual([]);
}, 60_000);

it('a table that was rewritten meanwhile is gone through from its beginning', async () => {
  const [one] = crew;
  if (one === undefined) throw new Error('a worker');
  const spec = things('long');
  await one.database.knex.raw('UPDATE raw.long SET tier = NULL');
  await one.database.knex.raw(
    `UPDATE raw._baton_fields SET filled = false WHERE target = 'raw.long' AND key = 'tier'`,
  );
  await one.database.knex.raw('VACUUM FULL raw.long');
  expect(await one.warehouse.fillColumns(spec, new AbortController().signal)).toBe(12_000);
}, 60_000);
