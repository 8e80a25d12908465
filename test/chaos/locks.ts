import { newestStaging } from './progress.js';
import type { Postgres } from './servers.js';
import { until } from './wait.js';
import type { World } from './world.js';

/** A lock of ours in which workers' statements are to be caught. */
export interface Lock {
  release(): Promise<void>;
}

async function hold(server: Postgres, database: string, statement: string): Promise<Lock> {
  const session = await server.session(database);
  try {
    await session.query('BEGIN');
    await session.query(statement);
  } catch (error) {
    await session.end();
    throw error;
  }
  return {
    async release() {
      await session.query('ROLLBACK');
      await session.end();
    },
  };
}

/** Lets nobody write into the table. */
export function holdTable(server: Postgres, database: string, table: string): Promise<Lock> {
  return hold(server, database, `LOCK TABLE ${table} IN SHARE MODE`);
}

/** Lets nobody change the rows: `control.effects WHERE …`. */
export function holdRows(server: Postgres, database: string, rows: string): Promise<Lock> {
  return hold(server, database, `SELECT FROM ${rows} FOR UPDATE`);
}

/** Catches whoever asks for this advisory lock: `hashtext('raw.zendesk_tickets')`. */
export function holdKey(server: Postgres, database: string, key: string): Promise<Lock> {
  return hold(server, database, `SELECT pg_advisory_xact_lock(${key})`);
}

/** Catches the load that is about to set the stream's watermark for the first time. */
export function holdWatermark(
  server: Postgres,
  connection: string,
  stream: string,
  tenant = 'default',
): Promise<Lock> {
  return hold(
    server,
    'warehouse',
    `INSERT INTO raw._baton_watermarks VALUES ('${connection}', '${stream}', '${tenant}', 'held', 'nobody')`,
  );
}

/** A worker's statement that waits for our lock, and the process that sent it. */
export interface Caught extends Lock {
  /** Null when it is the only worker of its role. */
  readonly pid: number | null;
}

/** Until a statement like this waits for the lock. The workers' sessions carry their process id in their name. */
export async function caught(
  server: Postgres,
  lock: Lock,
  like: string,
  timeoutMs = 120_000,
): Promise<Caught> {
  const pid = await until(`a statement waits: ${like}`, () => waiting(server, like), timeoutMs, 5);
  return { pid, release: lock.release };
}

/** The process whose statement like this waits for a lock. */
async function waiting(server: Postgres, like: string): Promise<number | undefined> {
  const rows = await server.query<{ name: string }>(
    'postgres',
    `SELECT application_name AS name FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND ltrim(query) LIKE $1`,
    [like],
  );
  return rows[0] && Number(rows[0].name.split(' ').at(-1));
}

/** A COPY that waits for our lock, and the staging table that it fills. */
export interface CaughtCopy extends Caught {
  readonly staging: string;
}

/**
 * Until a COPY into the target's staging waits for our lock. Its stager may be replaced before that, also long after the
 * reader beside it (Temporal may hand its task to the frozen worker once more): nobody that counts copies into the table
 * that we hold then, and its successor is held in its place.
 */
export async function caughtCopy(world: World, parent: string): Promise<CaughtCopy> {
  const newest = () => newestStaging(world, parent);
  const deadline = Date.now() + 120_000;
  while (Date.now() < deadline) {
    const staging = await until('a worker has staging of its own', newest);
    const lock = await holdTable(world.warehouse, 'warehouse', `staging.${staging}`).catch(ifGone);
    if (lock === null) continue;
    const pid = await until(
      `a COPY into ${staging} waits, or another table has taken its place`,
      async () =>
        (await waiting(world.warehouse, `COPY staging."${staging}"%`)) ??
        ((await newest()) === staging ? undefined : null),
      deadline - Date.now(),
      5,
    );
    if (pid !== null) return { pid, staging, release: lock.release };
    await lock.release();
  }
  throw new Error(`staging of ${parent} was replaced for 120 s, and no COPY caught`);
}

function ifGone(error: { readonly code?: string }): null {
  if (error.code === '42P01') return null;
  throw error;
}
