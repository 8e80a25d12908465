import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { startGuard } from '../src/cli/stack/guard.js';
import { openLog } from '../src/cli/stack/log-file.js';
import { createPart, type PartSpec } from '../src/cli/stack/part.js';
import { choosePorts } from '../src/cli/stack/ports.js';
import { postgresUser, preparePostgres } from '../src/cli/stack/postgres.js';
import { findTemporalBinary } from '../src/cli/stack/temporal-binary.js';
import { temporalServer } from '../src/cli/stack/temporal-server.js';

export interface StageOptions {
  /** Whether the files (logs, databases, lake) stay when all is over. */
  readonly keep: boolean;
  readonly say: (line: string) => void;
}

/** A process of the bench. */
export interface Actor {
  readonly pid: number;
  stop(): Promise<void>;
}

export interface Postgres {
  readonly pid: number;
  readonly password: string;
  /** Address of a database, without the password. */
  url(database: string): string;
  /** Drops what it held and makes it anew. */
  freshDatabase(name: string): Promise<void>;
  dropDatabase(name: string): Promise<void>;
  query<R>(database: string, text: string, values?: readonly unknown[]): Promise<R[]>;
  /** Writes out what earlier work has left, so that later work does not pay for it. */
  settle(): Promise<void>;
}

export interface Temporal {
  readonly pid: number;
  readonly address: string;
  /** The server's own metrics, in Prometheus' text format. */
  metrics(): Promise<string>;
}

/** Throw-away servers in a folder of their own; everything that was started here ends with it. */
export interface Stage {
  readonly folder: string;
  readonly postgres: Postgres;
  readonly temporal: Temporal;
  /** Starts a process that announces itself with `{"ready":true`. */
  start(spec: ActorSpec): Promise<Actor>;
  freePort(): Promise<number>;
  /** Ends all processes, and removes their files unless they are to be kept. Safe to call twice. */
  close(): Promise<void>;
}

export interface ActorSpec {
  readonly name: string;
  /** Node when not given. */
  readonly program?: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const anyPort = { temporal: 0, ui: 0, postgres: 0, sandbox: 0, gateway: 0 } as const;

/** PostgreSQL as the local stack runs it, and a Temporal dev server with its database in a file. */
export async function openStage({ keep, say }: StageOptions): Promise<Stage> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'baton-bench-'));
  chmodSync(folder, 0o755); // PostgreSQL runs as another account when we are root
  const crew = createCrew(folder);
  let places: readonly string[] = [];

  async function end(): Promise<void> {
    await crew.stopAll();
    if (keep) say(`kept ${folder}`);
    else for (const place of [...places, folder]) rmSync(place, { recursive: true, force: true });
  }

  let ending: Promise<void> | undefined;
  const close = () => {
    ending ??= end();
    return ending;
  };

  try {
    const { ports } = await choosePorts(anyPort);
    const password = randomBytes(18).toString('base64url');
    const spec = await preparePostgres({
      folder: path.join(folder, 'pg'),
      port: ports.postgres,
      password,
      databases: [],
      durable: true,
    });
    places = [spec.place];
    const [postgres, temporal] = await Promise.all([
      crew.begin(spec),
      startTemporal(crew, folder, ports.temporal, ports.ui),
    ]);
    return {
      folder,
      postgres: postgresOf(postgres.pid, ports.postgres, password),
      temporal,
      start: (actor) => crew.begin(actorSpec(actor, folder)),
      freePort: async () => (await choosePorts(anyPort)).ports.sandbox,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** All processes, in the order in which they were started; they end in the reverse of it. */
function createCrew(folder: string) {
  const guard = startGuard();
  const stops: (() => Promise<void>)[] = [];
  return {
    async begin(spec: PartSpec): Promise<Actor> {
      mkdirSync(path.join(folder, 'logs'), { recursive: true });
      const log = openLog(path.join(folder, 'logs', `${spec.name}.log`));
      const part = createPart(spec, { guard, log, restart: false });
      const stop = async () => {
        await part.stop();
        log.close();
      };
      stops.unshift(stop);
      await part.begin();
      return { pid: part.pid() ?? 0, stop };
    },
    async stopAll(): Promise<void> {
      for (const stop of stops) await stop();
      guard.close();
    },
  };
}

async function startTemporal(
  crew: ReturnType<typeof createCrew>,
  folder: string,
  port: number,
  metricsPort: number,
): Promise<Temporal> {
  const program = await findTemporalBinary('temporal', { env: process.env, home: folder });
  const spec = temporalServer({ program, port, databaseFile: path.join(folder, 'temporal.db') });
  const server = await crew.begin({ ...spec, args: [...spec.args, `--metrics-port=${metricsPort}`] });
  return {
    pid: server.pid,
    address: `127.0.0.1:${port}`,
    metrics: async () => (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text(),
  };
}

function actorSpec({ name, program, args, env }: ActorSpec, folder: string): PartSpec {
  return {
    name,
    title: name,
    program: program ?? process.execPath,
    args: program === undefined ? ['--enable-source-maps', ...args] : args,
    cwd: folder,
    env: { PATH: process.env['PATH'] ?? '', HOME: folder, ...env },
    ready: 'announced',
    stopSignal: 'SIGTERM',
    graceMs: 30_000,
    error: 'ERR_STACK_PART_FAILED',
  };
}

function postgresOf(pid: number, port: number, password: string): Postgres {
  async function query<R>(database: string, text: string, values: readonly unknown[] = []): Promise<R[]> {
    const client = new pg.Client({ host: '127.0.0.1', port, user: postgresUser, password, database });
    await client.connect();
    try {
      return (await client.query(text, [...values])).rows as R[];
    } finally {
      await client.end();
    }
  }

  const dropDatabase = async (name: string) =>
    void (await query('postgres', `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
  return {
    pid,
    password,
    url: (database) => `postgres://${postgresUser}@127.0.0.1:${port}/${database}`,
    async freshDatabase(name) {
      await dropDatabase(name);
      await query('postgres', `CREATE DATABASE ${name}`);
    },
    dropDatabase,
    query,
    settle: async () => void (await query('postgres', 'CHECKPOINT')),
  };
}
