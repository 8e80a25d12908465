import { execFileSync } from 'node:child_process';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import pg from 'pg';
import type { Guard } from '../../src/cli/stack/guard.js';
import { choosePorts } from '../../src/cli/stack/ports.js';
import { postgresUser, preparePostgres } from '../../src/cli/stack/postgres.js';
import { trySignal } from '../../src/cli/stack/process-table.js';
import { temporalServer } from '../../src/cli/stack/temporal-server.js';
import { createProgram, type Program } from './program.js';

const anyPort = { temporal: 0, ui: 0, postgres: 0, sandbox: 0, gateway: 0 } as const;

/** A PostgreSQL that keeps what it committed, as the local stack runs it. */
export interface Postgres {
  /** Address of a database, without the password. */
  url(database: string): string;
  createDatabase(name: string): Promise<void>;
  query<R>(database: string, text: string, values?: readonly unknown[]): Promise<R[]>;
  /** A session that stays open, to hold locks. */
  session(database: string): Promise<pg.Client>;
  /** SIGKILL to the postmaster and all its children, as when the machine fails. */
  crash(): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export async function startPostgres(
  folder: string,
  password: string,
  guard: Guard,
  name = 'postgres',
): Promise<Postgres> {
  const { ports } = await choosePorts(anyPort);
  const port = ports.postgres;
  const prepare = () =>
    preparePostgres({ folder: path.join(folder, name), port, password, databases: [], durable: true });
  const spec = await prepare();
  const server = createProgram({ ...spec, name }, guard, folder);
  await server.start();

  async function session(database: string): Promise<pg.Client> {
    const client = new pg.Client({ host: '127.0.0.1', port, user: postgresUser, password, database });
    client.on('error', () => {}); // crashes are the point here
    await client.connect();
    return client;
  }

  async function query<R>(database: string, text: string, values: readonly unknown[] = []): Promise<R[]> {
    const client = await session(database);
    try {
      return (await client.query(text, [...values])).rows as R[];
    } finally {
      await client.end().catch(() => {});
    }
  }

  return {
    url: (database) => `postgres://${postgresUser}@127.0.0.1:${port}/${database}`,
    createDatabase: async (database) => void (await query('postgres', `CREATE DATABASE ${database}`)),
    query,
    session,
    async crash() {
      const family = [...childrenOf(server.pid()), server.pid()];
      for (const pid of family) trySignal(pid, 'SIGKILL');
      await server.kill();
    },
    async restart() {
      await prepare(); // clears what the killed one left, as the supervisor's next start does
      await server.start();
    },
    async stop() {
      await server.end('SIGQUIT', 5_000);
      await rm(spec.place, { recursive: true, force: true });
    },
  };
}

function childrenOf(parent: number): number[] {
  const table = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' });
  return table
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .filter(([, ppid]) => ppid === parent)
    .map(([pid]) => pid ?? 0);
}

export interface Temporal extends Program {
  readonly address: string;
  readonly databaseFile: string;
}

/** A dev server with its database in a file, so that it can be killed and started again. */
export async function startTemporal(folder: string, program: string, guard: Guard): Promise<Temporal> {
  const { ports } = await choosePorts(anyPort);
  const databaseFile = path.join(folder, 'temporal.db');
  const spec = temporalServer({ program, port: ports.temporal, databaseFile });
  const server = createProgram(spec, guard, folder);
  await server.start();
  return { ...server, address: `127.0.0.1:${ports.temporal}`, databaseFile };
}
