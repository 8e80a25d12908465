import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Database } from '../../src/database/postgres.js';
import { Secret } from '../../src/domain/secret.js';
import { createPostgresWarehouse, openWarehouseDatabase } from '../../src/warehouse/postgres/index.js';
import { createDatabase, type TestDatabase } from '../setup/database.js';
import { projectRoot } from '../setup/shared.js';
import { baton } from './captured.js';

let database: TestDatabase;
let warehouse: Database;
let env: Record<string, string>;

beforeAll(async () => {
  database = await createDatabase();
  warehouse = openWarehouseDatabase(new Secret(database.url), { poolMax: 2 });
  env = { DATABASE_URL: database.url, BATON_WAREHOUSE__URL: database.url, BATON_CONTROL__URL: database.url };
});
afterAll(async () => {
  await warehouse?.close();
  await database?.drop();
});

const run = (...args: string[]) => baton(args, { cwd: projectRoot, env });
const rows = async (sql: string) => (await warehouse.knex.raw(sql)).rows;

it('lists nothing where nothing was loaded, and says what would be read', async () => {
  const listed = await run('watermarks', 'list', '--json');
  expect(JSON.parse(listed.stdout)).toMatchObject({ ok: true, data: [] });
  const shown = await run('watermarks', 'show', 'coupa', 'purchase_orders');
  expect(shown.stdout).toContain('none');
  expect(shown.stdout).toContain('The next run reads everything.');
});

it('shows a load’s watermark, and the window that follows from it', async () => {
  await createPostgresWarehouse(warehouse).prepare();
  await warehouse.knex.raw(
    `INSERT INTO raw._baton_watermarks (connection, stream, tenant, value, moved_by)
     VALUES ('coupa', 'purchase_orders', 'default', '2026-03-01T10:00:00.000Z', 'run/po_data_pipeline/default-2026-03-01T10:00:00Z')`,
  );
  const shown = JSON.parse((await run('watermarks', 'show', 'coupa', 'purchase_orders', '--json')).stdout);
  expect(shown.data).toMatchObject({ value: '2026-03-01T10:00:00.000Z', changes: [] });
  // Coupa's stream reads two minutes again.
  expect(shown.data.nextReads).toContain('2026-03-01T09:58:00.000Z');
});

it('asks before it sets: where nobody can answer it changes nothing and names the flag', async () => {
  const refused = await run('watermarks', 'set', 'coupa', 'purchase_orders', '2026-02-01');
  expect(refused).toMatchObject({ code: 2, stdout: '' });
  expect(refused.stderr).toContain('--yes');
  expect(await rows('SELECT value FROM raw._baton_watermarks')).toEqual([
    { value: '2026-03-01T10:00:00.000Z' },
  ]);
});

it('sets it, says what is read next, and records who and when', async () => {
  const set = await run('watermarks', 'set', 'coupa', 'purchase_orders', '2026-02-01', '--yes');
  expect(set.stderr).toBe('');
  expect(set.stdout).toContain('2026-03-01T10:00:00.000Z → 2026-02-01T00:00:00.000Z');
  expect(set.stdout).toContain('2026-01-31T23:58:00.000Z');
  const shown = JSON.parse(
    (await run('watermarks', 'show', 'coupa', 'purchase_orders', '--json')).stdout,
  ).data;
  expect(shown.movedBy).toMatch(/^person:.+/);
  expect(shown.changes).toEqual([
    {
      before: '2026-03-01T10:00:00.000Z',
      after: '2026-02-01T00:00:00.000Z',
      by: shown.movedBy,
      at: expect.stringMatching(/^\d{4}-/),
    },
  ]);
});

it('is compare-and-set: what a run moved meanwhile stays', async () => {
  const args = [
    'watermarks',
    'set',
    'coupa',
    'purchase_orders',
    '2026-01-01',
    '--yes',
    '--expect',
    '2026-03-01T10:00:00Z',
  ];
  const refused = await run(...args);
  expect(refused.code).toBe(8);
  expect(refused.stderr).toContain('BTN-3020');
  expect(await rows('SELECT value FROM raw._baton_watermarks')).toEqual([
    { value: '2026-02-01T00:00:00.000Z' },
  ]);
});

it('refuses the future, and removes it with none', async () => {
  expect((await run('watermarks', 'set', 'coupa', 'purchase_orders', '2099-01-01', '--yes')).code).toBe(2);
  expect((await run('watermarks', 'set', 'coupa', 'purchase_orders', 'none', '-y')).code).toBe(0);
  expect(await rows('SELECT * FROM raw._baton_watermarks')).toEqual([]);
  expect((await run('watermarks', 'set', 'coupa', 'purchase_ordrs', 'none', '-y')).stderr).toContain(
    'purchase_orders',
  );
});
