import path from 'node:path';
import type { PartSpec } from './part.js';
import type { Ports } from './ports.js';
import type { LocalSecrets } from './secrets.js';

export interface NodePartsOptions {
  /** The folder of baton.yaml. */
  readonly root: string;
  readonly home: string;
  /** Where the built programs are. */
  readonly dist: string;
  readonly ports: Ports;
  readonly env: NodeJS.ProcessEnv;
  readonly secrets: LocalSecrets;
  /** Whether the sandboxes go on adding and changing orders. */
  readonly live: boolean;
}

type NodePart = 'sandbox' | 'worker-control' | 'worker-data' | 'gateway';

/**
 * Our own processes, as the stack runs them: `dist/<part>/main.js`, told where the project and its state are.
 * Each announces itself with one line of JSON on stdout, and ends on SIGTERM.
 */
export function nodeParts(options: NodePartsOptions): Readonly<Record<NodePart, PartSpec>> {
  const worker = (role: 'control' | 'data') =>
    nodePart(options, `worker-${role}`, 'workers', ['--role', role], {}, 25_000);
  return {
    sandbox: nodePart(options, 'sandbox', 'sandbox', [], sandboxEnvironment(options), 5_000),
    'worker-control': worker('control'),
    'worker-data': worker('data'),
    gateway: nodePart(options, 'gateway', 'gateway', [], gatewayEnvironment(options), 5_000),
  };
}

/** The sandboxes accept the secrets that the workers will resolve: the environment's before the file's. */
function sandboxEnvironment({ secrets, env, home, ports, live }: NodePartsOptions): NodeJS.ProcessEnv {
  return {
    ...secrets,
    ...env,
    BATON_SANDBOX_PORT: String(ports.sandbox),
    BATON_SANDBOX_STATE_DIR: path.join(home, 'sandbox'),
    BATON_SANDBOX_LIVE: String(live),
  };
}

function gatewayEnvironment({ ports }: NodePartsOptions): NodeJS.ProcessEnv {
  return { BATON_GATEWAY__PORT: String(ports.gateway) };
}

function nodePart(
  { root, home, dist, env }: NodePartsOptions,
  name: NodePart,
  folder: string,
  args: readonly string[],
  extra: NodeJS.ProcessEnv,
  graceMs: number,
): PartSpec {
  return {
    name,
    title: name.replace('-', ' '),
    program: process.execPath,
    args: ['--enable-source-maps', path.join(dist, folder, 'main.js'), ...args],
    cwd: root,
    env: { ...env, ...extra, BATON_HOME: home },
    ready: 'announced',
    stopSignal: 'SIGTERM',
    graceMs,
    error: 'ERR_STACK_PART_FAILED',
  };
}
