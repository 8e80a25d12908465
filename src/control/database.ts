import type { Knex } from 'knex';
import { type Database, type DatabaseOptions, openDatabase } from '../database/postgres.js';
import type { Secret } from '../domain/secret.js';
import { BatonError } from '../protocol/errors.js';
import * as foundation from './migrations/0001-foundation.js';
import * as ranges from './migrations/0002-ranges.js';
import * as arrivals from './migrations/0004-arrivals.js';
import * as budgets from './migrations/0006-budgets.js';
import * as fanOuts from './migrations/0007-fan-outs.js';
import * as replacedParts from './migrations/0008-replaced-parts.js';
import * as retention from './migrations/0009-retention.js';
import * as inbox from './migrations/0011-inbox.js';
import * as incidents from './migrations/0012-incidents.js';
import * as deadLetters from './migrations/0014-dead-letters.js';
import * as replications from './migrations/0015-replications.js';
import * as files from './migrations/0016-files.js';
import * as fulfilments from './migrations/0017-fulfilments.js';

interface Migration {
  readonly name: string;
  up(db: Knex): Promise<void>;
}

const migrations: readonly Migration[] = [
  foundation,
  ranges,
  arrivals,
  budgets,
  fanOuts,
  replacedParts,
  retention,
  inbox,
  incidents,
  deadLetters,
  replications,
  files,
  fulfilments,
];

/** knex's migrator over values instead of files, so that the compiled code carries its own migrations. */
const migrationSource = {
  getMigrations: async () => [...migrations],
  getMigrationName: (migration: Migration) => migration.name,
  getMigration: async (migration: Migration) => ({
    up: migration.up,
    down: async () => {
      throw new Error('migrations only go forward: restore a backup to go back');
    },
  }),
};

export function openControl(url: Secret, options: Partial<DatabaseOptions> = {}): Database {
  return openDatabase({
    url,
    poolMax: 8,
    applicationName: 'baton-control',
    unavailable: 'ERR_CONTROL_UNAVAILABLE',
    ...options,
  });
}

/** Brings the control schema up to date; idempotent, and safe from several processes at once. */
export async function migrateControl(control: Database): Promise<void> {
  await control.guard('migrating the control database', async () => {
    // One process at a time: the others wait for the lock and then find nothing to do.
    await control.knex.transaction(async (trx) => {
      await trx.raw('SELECT pg_advisory_xact_lock(7203321001)');
      await trx.raw('CREATE SCHEMA IF NOT EXISTS control');
      try {
        await trx.migrate.latest({
          migrationSource,
          schemaName: 'control',
          disableMigrationsListValidation: false,
        });
      } catch (error) {
        const words = error instanceof Error ? error.message : String(error);
        throw new BatonError('ERR_MIGRATION_FAILED', { detail: `${words.slice(0, 300)}.`, cause: error });
      }
    });
  });
}

/** Names of the migrations that this build has and the database has not. */
export async function pendingMigrations(control: Database): Promise<readonly string[]> {
  return control.guard('reading the state of the control database', async () => {
    const exists = await control.knex.raw(`SELECT to_regclass('control.knex_migrations') AS t`);
    if (exists.rows[0].t === null) return migrations.map((m) => m.name);
    const done = await control.knex('control.knex_migrations').pluck('name');
    return migrations.map((m) => m.name).filter((name) => !done.includes(name));
  });
}
