import knexOf, { type Knex } from 'knex';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createBatchStore } from '../../src/control/batches.js';
import { migrateControl, openControl } from '../../src/control/database.js';
import * as foundation from '../../src/control/migrations/0001-foundation.js';
import { Secret } from '../../src/domain/secret.js';
import { createDatabase, type TestDatabase } from '../setup/database.js';

let created: TestDatabase;
let knex: Knex;

beforeEach(async () => {
  created = await createDatabase();
  knex = knexOf({ client: 'pg', connection: created.url });
});
afterEach(async () => {
  await knex.destroy();
  await created.drop();
});

describe('a control database of an earlier build', () => {
  it('keeps where an extraction stood', async () => {
    await knex.raw('CREATE SCHEMA control');
    await foundation.up(knex);
    await knex.migrate.latest({
      migrationSource: {
        getMigrations: async () => [foundation],
        getMigrationName: () => foundation.name,
        getMigration: async () => ({ up: async () => {}, down: async () => {} }),
      },
      schemaName: 'control',
    });
    await knex.raw(`
      INSERT INTO control.batches (batch_id, generation, run_id, step_id, connection, stream, tenant, target, window_to)
      VALUES ('b', 1, 'r', 's', 'coupa', 'purchase_orders', 'default', 't', '2026-01-01T00:00:00Z');
      INSERT INTO control.parts (batch_id, generation, ordinal, key, sha256, bytes, records, calls, cursor_after)
      VALUES ('b', 1, 1, 'k1', 's1', 10, 50, 1, '{"at": "50", "to": "2026-01-01T00:00:00Z"}'), ('b', 1, 2, 'k2', 's2', 10, 7, 2, NULL);`);

    const control = openControl(new Secret(created.url));
    await migrateControl(control);
    const store = createBatchStore(control);
    const batch = { batch_id: 'b', generation: 1 };
    expect(
      (await store.parts(batch)).map(({ ordinal, pages, cursors }) => ({ ordinal, pages, cursors })),
    ).toEqual([
      { ordinal: 1, pages: 1, cursors: { 0: { at: '50', to: '2026-01-01T00:00:00Z' } } },
      { ordinal: 2, pages: 1, cursors: { 0: null } },
    ]);
    expect(await store.reads(batch)).toEqual({ pages: 2, calls: 3 });
    await control.close();
  });
});
