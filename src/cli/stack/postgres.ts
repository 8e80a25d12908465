import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { BatonError } from '../../protocol/errors.js';
import { runCommand } from './command.js';
import type { PartSpec } from './part.js';
import { locatePostgres, placeFor } from './postgres-files.js';
import { findRunAs, type RunAs } from './postgres-user.js';
import { commandLineOf, endProcess } from './process-table.js';

export interface PostgresOptions {
  /** Absolute; made when missing. Holds `data`, unless root may not let PostgreSQL in here. */
  readonly folder: string;
  readonly port: number;
  readonly password: string;
  /** Created with the cluster, UTF-8. */
  readonly databases: readonly string[];
  /** False gives up durability for speed: for throwaway tests only. */
  readonly durable: boolean;
}

export interface PostgresSpec extends PartSpec {
  /** The folder that holds the cluster: the one asked for, unless root's PostgreSQL may not enter it. */
  readonly place: string;
}

export const postgresUser = 'baton';
const major = '18';

/**
 * Makes the cluster when there is none and describes how to run it. What an earlier, killed one left running
 * on the same data is ended first. Throws ERR_POSTGRES_START, naming PostgreSQL's own last words.
 */
export async function preparePostgres(options: PostgresOptions): Promise<PostgresSpec> {
  const runAs = await findRunAs();
  const [native, place] = await Promise.all([locatePostgres(runAs), placeFor(options.folder, runAs)]);
  const cluster: Cluster = { native, place, data: path.join(place, 'data'), runAs };
  await refuseOtherMajor(cluster.data);
  await endLeftover(cluster.data);
  if (!existsSync(path.join(cluster.data, 'PG_VERSION'))) await createCluster(cluster, options);
  await keepPassword(cluster, options.password);
  return {
    place,
    name: 'postgres',
    title: 'PostgreSQL',
    program: path.join(native, 'bin', 'postgres'),
    args: ['-D', cluster.data, '-p', String(options.port), ...settings(options)],
    cwd: '/',
    env: { ...process.env, LC_ALL: 'C' },
    ...runAs,
    ready: { probe: () => accepts(options.port), line: 'ready to accept connections' },
    stopSignal: 'SIGINT', // fast shutdown: ends sessions, then a checkpoint
    graceMs: 20_000,
    error: 'ERR_POSTGRES_START',
  };
}

interface Cluster {
  readonly native: string;
  readonly place: string;
  readonly data: string;
  readonly runAs: RunAs | undefined;
}

function settings({ durable }: PostgresOptions): string[] {
  const values = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: '200',
    shared_buffers: '128MB',
    wal_level: 'logical',
    max_wal_size: '1GB',
    max_parallel_workers_per_gather: '0', // two cores, and no need of a large /dev/shm
    jit: 'off',
    lc_messages: 'C',
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_line_prefix: '%m [%p] ',
    ...(durable ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
  };
  return Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

async function refuseOtherMajor(data: string): Promise<void> {
  const found = await readFile(path.join(data, 'PG_VERSION'), 'utf8').catch(() => undefined);
  if (found === undefined || found.trim() === major) return;
  throw new BatonError('ERR_POSTGRES_START', {
    detail: `${data} was made by PostgreSQL ${found.trim()}; this Baton brings ${major}.`,
    fix: `Move ${data} away to start empty, or dump it with PostgreSQL ${found.trim()} and restore it.`,
  });
}

/** A postmaster that outlived its supervisor is stopped; a pid that now belongs to something else is not. */
async function endLeftover(data: string): Promise<void> {
  const lockFile = path.join(data, 'postmaster.pid');
  const pid = Number((await readFile(lockFile, 'utf8').catch(() => '')).split('\n')[0]);
  if (!Number.isInteger(pid) || pid <= 0) return;
  const command = commandLineOf(pid);
  if (command?.includes(data)) await endProcess(pid, 'SIGINT', 10_000);
  await rm(lockFile, { force: true });
}

/** Built beside its place and renamed, so that a cut start is never taken for a cluster. */
async function createCluster(cluster: Cluster, options: PostgresOptions): Promise<void> {
  const workshop = path.join(cluster.place, 'new');
  await rm(workshop, { recursive: true, force: true });
  await mkdir(workshop, { mode: 0o700 });
  const data = path.join(workshop, 'data');
  const passwordFile = path.join(workshop, 'password');
  await writeFile(passwordFile, `${options.password}\n`, { mode: 0o600 });
  if (cluster.runAs !== undefined) {
    await chown(passwordFile, cluster.runAs.uid, cluster.runAs.gid);
    await chown(workshop, cluster.runAs.uid, cluster.runAs.gid);
  }
  const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  await must(cluster, 'initdb', [
    `--pgdata=${data}`,
    `--username=${postgresUser}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    ...locale,
    ...(options.durable ? [] : ['--no-sync']),
  ]);
  const statements = options.databases.map((name) => `CREATE DATABASE ${name}`);
  await single(cluster, data, statements);
  await rm(cluster.data, { recursive: true, force: true });
  await rename(data, cluster.data);
  await rm(workshop, { recursive: true, force: true });
  await rememberPassword(cluster, options.password);
}

/** Sets the password again when the secret has changed since the cluster was made. */
async function keepPassword(cluster: Cluster, password: string): Promise<void> {
  const known = await readFile(passwordNote(cluster), 'utf8').catch(() => '');
  if (known === digest(password)) return;
  await single(cluster, cluster.data, [
    `ALTER ROLE ${postgresUser} PASSWORD '${password.replaceAll("'", "''")}'`,
  ]);
  await rememberPassword(cluster, password);
}

async function rememberPassword(cluster: Cluster, password: string): Promise<void> {
  await writeFile(passwordNote(cluster), digest(password));
  await chmod(passwordNote(cluster), 0o600);
}

function passwordNote(cluster: Cluster): string {
  return path.join(cluster.place, 'password.sha256');
}

function digest(password: string): string {
  return createHash('sha256').update(password).digest('hex');
}

/** Runs statements on a stopped cluster, without a connection. One statement a line. */
async function single(cluster: Cluster, data: string, statements: readonly string[]): Promise<void> {
  if (statements.length === 0) return;
  const input = `${statements.join('\n')}\n`;
  await must(cluster, 'postgres', ['--single', '-D', data, 'postgres'], input);
}

async function must(cluster: Cluster, program: string, args: string[], input?: string): Promise<void> {
  const result = await runCommand(path.join(cluster.native, 'bin', program), args, {
    ...cluster.runAs,
    cwd: '/',
    env: { ...process.env, LC_ALL: 'C' },
    ...(input === undefined ? {} : { input }),
  });
  if (result.ok && !result.stderr.includes('ERROR:')) return;
  if (/No space left/.test(result.stderr)) {
    throw new BatonError('ERR_STATE_UNWRITABLE', {
      detail: `${cluster.data} cannot be written: the disk is full.`,
    });
  }
  const lines = result.stderr.trim().split('\n');
  const reason = lines.find((line) => /\b(FATAL|PANIC|ERROR|error):/.test(line)) ?? result.reason;
  throw new BatonError('ERR_POSTGRES_START', {
    detail: `${program} failed on ${cluster.data}: ${reason.trim()}.`,
  });
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
