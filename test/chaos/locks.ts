import type { Postgres } from './servers.js';
import { until } from './wait.js';

/** A lock of ours in which workers' statements are to be caught. */
export interface Lock {
  release(): Promise<void>;
}

async function hold(server: Postgres, database: string, statement: string): Promise<Lock> {
  const session = await server.session(database);
  await session.query('BEGIN');
  await session.query(statement);
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
  const pid = await until(
    `a statement waits: ${like}`,
    async () => {
      const rows = await server.query<{ name: string }>(
        'postgres',
        `SELECT application_name AS name FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND ltrim(query) LIKE $1`,
        [like],
      );
      return rows[0] && Number(rows[0].name.split(' ').at(-1));
    },
    timeoutMs,
    5,
  );
  return { pid, release: lock.release };
}
