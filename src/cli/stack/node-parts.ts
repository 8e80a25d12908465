import path from 'node:path';
import type { PartSpec } from './part.js';
import type { Ports } from './ports.js';

export interface NodePartsOptions {
  /** The folder of baton.yaml. */
  readonly root: string;
  readonly home: string;
  /** Where the built programs are. */
  readonly dist: string;
  readonly ports: Ports;
  readonly env: NodeJS.ProcessEnv;
}

type NodePart = 'sandbox' | 'worker-control' | 'worker-data' | 'gateway';

/**
 * Our own processes, as the stack runs them: `dist/<part>/main.js`, told where the project and its state are.
 * Each announces itself with one line of JSON on stdout, and ends on SIGTERM.
 */
export function nodeParts(options: NodePartsOptions): Readonly<Record<NodePart, PartSpec>> {
  const { ports } = options;
  return {
    sandbox: nodePart(options, 'sandbox', 'sandbox', ['--port', String(ports.sandbox)], 5_000),
    'worker-control': nodePart(options, 'worker-control', 'workers', ['--role', 'control'], 25_000),
    'worker-data': nodePart(options, 'worker-data', 'workers', ['--role', 'data'], 25_000),
    gateway: nodePart(
      { ...options, env: { ...options.env, BATON_GATEWAY__PORT: String(ports.gateway) } },
      'gateway',
      'gateway',
      [],
      5_000,
    ),
  };
}

function nodePart(
  { root, home, dist, env }: NodePartsOptions,
  name: NodePart,
  folder: string,
  args: readonly string[],
  graceMs: number,
): PartSpec {
  return {
    name,
    title: name.replace('-', ' '),
    program: process.execPath,
    args: ['--enable-source-maps', path.join(dist, folder, 'main.js'), ...args],
    cwd: root,
    env: { ...env, BATON_HOME: home },
    ready: 'announced',
    stopSignal: 'SIGTERM',
    graceMs,
    error: 'ERR_STACK_PART_FAILED',
  };
}
