import net from 'node:net';
import { searchAttributes } from '../../protocol/names.js';
import { runCommand } from './command.js';
import type { PartSpec } from './part.js';

export interface TemporalServerOptions {
  readonly program: string;
  readonly port: number;
  /** Absent: no Web UI. */
  readonly uiPort?: number;
  /** Absent: everything is kept in memory only. */
  readonly databaseFile?: string;
  /** `matching.enableFairness=true`: how the server differs from its defaults. */
  readonly dynamicConfig?: readonly string[];
}

/** Logical times are queried as ranges; every other attribute is an exact word. */
const attributes: readonly (readonly [name: string, type: string])[] = Object.values(searchAttributes).map(
  (name) => [name, name === searchAttributes.logicalTime ? 'Datetime' : 'Keyword'],
);

/** How to run Temporal's dev server with our search attributes registered. */
export function temporalServer(options: TemporalServerOptions): PartSpec {
  return {
    name: 'temporal',
    title: 'Temporal',
    program: options.program,
    args: [
      'server',
      'start-dev',
      `--ip=127.0.0.1`,
      `--port=${options.port}`,
      ...(options.uiPort === undefined
        ? ['--headless']
        : [`--ui-port=${options.uiPort}`, '--ui-disable-news-fetch']),
      ...(options.databaseFile === undefined
        ? []
        : [
            `--db-filename=${options.databaseFile}`,
            '--sqlite-pragma=journal_mode=wal',
            '--sqlite-pragma=synchronous=normal',
          ]),
      '--log-level=error',
      ...(options.dynamicConfig ?? []).map((value) => `--dynamic-config-value=${value}`),
      ...attributes.map(([name, type]) => `--search-attribute=${name}=${type}`),
    ],
    cwd: '/',
    env: process.env,
    ready: { probe: () => answers(options.program, options.port) },
    stopSignal: 'SIGTERM',
    graceMs: 10_000,
    error: 'ERR_STACK_PART_FAILED',
  };
}

/** Keeps finished runs for 30 days instead of the dev server's one. Never throws: it is a comfort. */
export async function keepHistory(program: string, port: number): Promise<boolean> {
  const args = ['operator', 'namespace', 'update', '--namespace=default', '--retention=720h'];
  const answer = await runCommand(program, [...args, `--address=127.0.0.1:${port}`], { timeoutMs: 15_000 });
  return answer.ok;
}

/**
 * Serving means that the namespace accepts our search attributes, not only that the port is open. They are
 * created here too because the server's flags register them in a new database only: seen with 1.9.1, an
 * older file lacks those that a newer Baton adds. Creating one that exists changes nothing.
 */
async function answers(program: string, port: number): Promise<boolean> {
  if (!(await isOpen(port))) return false;
  const names = attributes.flatMap(([name, type]) => [`--name=${name}`, `--type=${type}`]);
  const args = ['operator', 'search-attribute', 'create', ...names, `--address=127.0.0.1:${port}`];
  return (await runCommand(program, args, { timeoutMs: 10_000 })).ok;
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
