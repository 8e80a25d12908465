import { existsSync } from 'node:fs';
import path from 'node:path';
import { BatonError } from '../../protocol/errors.js';
import { type Guard, startGuard } from './guard.js';
import { type LogFile, openLog } from './log-file.js';
import { nodeParts } from './node-parts.js';
import { createPart, type Part, type PartSpec, type PartState } from './part.js';
import { choosePorts, defaultPorts, type PortMove, type Ports } from './ports.js';
import { preparePostgres } from './postgres.js';
import { keepSecrets } from './secrets.js';
import { StateFolder, writing } from './state.js';
import { findTemporalBinary } from './temporal-binary.js';
import { keepHistory, temporalServer } from './temporal-server.js';

/** What this project's configuration leaves to the local stack; the rest is someone's own server. */
export interface StackNeeds {
  readonly temporal: boolean;
  readonly postgres: boolean;
  readonly sandbox: boolean;
}

export interface StackOptions {
  /** Absolute: the folder of baton.yaml. */
  readonly root: string;
  /** Absolute: the state folder. */
  readonly home: string;
  /** Absolute: where the built programs are. */
  readonly dist: string;
  readonly env: NodeJS.ProcessEnv;
  readonly needs?: StackNeeds;
  readonly wantedPorts?: Partial<Ports>;
  /** Whether the sandboxes go on adding and changing orders; yes unless said otherwise. */
  readonly live?: boolean;
  /** One line for a person: a port that moved, a part that died. */
  readonly say?: (line: string) => void;
  /** Called as each part begins to serve. */
  readonly ready?: (part: string, milliseconds: number) => void;
  /** Stops a start that is under way; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface PartStatus {
  readonly name: string;
  readonly title: string;
  readonly state: PartState;
  readonly pid: number | undefined;
}

export interface Stack {
  readonly ports: Ports;
  readonly moves: readonly PortMove[];
  readonly urls: { readonly landing: string; readonly temporal: string; readonly sandbox: string };
  parts(): PartStatus[];
  /** Workers first (20 s to finish), then gateway, sandbox, Temporal, PostgreSQL. Safe to call twice. */
  stop(): Promise<void>;
  /** At once, without grace: the second Ctrl-C. */
  kill(): void;
}

const everything: StackNeeds = { temporal: true, postgres: true, sandbox: true };

/**
 * Starts the local stack and resolves once every part serves. A part that dies later is started again.
 * Throws ERR_STACK_RUNNING, ERR_STATE_UNWRITABLE, ERR_PORT_TAKEN, ERR_TEMPORAL_BINARY, ERR_POSTGRES_START or
 * ERR_STACK_PART_FAILED, and then leaves nothing running.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  for (let attempt = 1; ; attempt++)
    try {
      return await launchStack(options);
    } catch (error) {
      if (!isPortLost(error) || attempt === mostLaunches) throw error;
      options.say?.('a port was taken while its part started: choosing again');
    }
}

/** A port was free when it was chosen and taken when its part wanted it. */
const mostLaunches = 3;

function isPortLost(error: unknown): boolean {
  return error instanceof BatonError && /address already in use|EADDRINUSE/i.test(error.message);
}

async function launchStack(options: StackOptions): Promise<Stack> {
  const state = new StateFolder(options.home);
  await state.take();
  const launch = new Launch(options, state);
  const abandon = () => void launch.stop();
  options.signal?.addEventListener('abort', abandon, { once: true });
  try {
    const stack = await launch.run();
    options.signal?.throwIfAborted();
    return stack;
  } catch (error) {
    await launch.stop();
    throw options.signal?.aborted ? options.signal.reason : error;
  } finally {
    options.signal?.removeEventListener('abort', abandon);
  }
}

class Launch {
  readonly #options: StackOptions;
  readonly #state: StateFolder;
  readonly #guard: Guard = startGuard();
  readonly #parts = new Map<string, Part>();
  readonly #logs: LogFile[] = [];
  readonly #startedAt = Date.now();
  #stopped: Promise<void> | undefined;

  constructor(options: StackOptions, state: StateFolder) {
    this.#options = options;
    this.#state = state;
  }

  async run(): Promise<Stack> {
    const options = this.#options;
    const needs = options.needs ?? everything;
    const secrets = await writing(options.home, () => keepSecrets(this.#state.file('secrets.env')));
    const { ports, moves } = await choosePorts(wantedPorts(options));
    for (const { name, wanted, port } of moves)
      options.say?.(`port ${wanted} is taken: ${name} uses ${port}`);
    await this.#state.publish(ports);
    const specs = nodeParts({ ...options, ports, secrets, live: options.live ?? true });
    await Promise.all([
      needs.temporal ? this.#startTemporal(ports) : undefined,
      needs.postgres
        ? this.#startPostgres(ports, options.env['BATON_PG_PASSWORD'] ?? secrets.BATON_PG_PASSWORD)
        : undefined,
      needs.sandbox ? this.#startBuilt(specs.sandbox) : undefined,
    ]);
    // The control worker brings the databases up to date; the others find them so.
    await Promise.all([
      this.#startBuilt(specs['worker-control']),
      this.#startBuilt(specs['worker-data']),
      this.#startBuilt(specs.gateway),
    ]);
    return this.#asStack(ports, moves);
  }

  async #startTemporal(ports: Ports): Promise<void> {
    const { env, home, say } = this.#options;
    const program = await writing(home, () =>
      findTemporalBinary('temporal', { env, home, ...(say === undefined ? {} : { log: say }) }),
    );
    const databaseFile = this.#state.file('temporal.db');
    await this.#start(temporalServer({ program, port: ports.temporal, uiPort: ports.ui, databaseFile }));
    void keepHistory(program, ports.temporal);
  }

  async #startPostgres(ports: Ports, password: string): Promise<void> {
    const spec = await writing(this.#options.home, () =>
      preparePostgres({
        folder: this.#state.file('pg'),
        port: ports.postgres,
        password,
        databases: ['control', 'warehouse'],
        durable: true,
      }),
    );
    await this.#start(spec);
  }

  async #startBuilt(spec: PartSpec): Promise<void> {
    const program = spec.args.find((argument) => argument.endsWith('main.js'));
    if (program === undefined || !existsSync(program)) {
      throw new BatonError('ERR_STACK_PART_FAILED', {
        detail: `${spec.title} is not built: ${program} is missing.`,
        fix: 'Run `npm run build`.',
      });
    }
    await this.#start(spec);
  }

  async #start(spec: PartSpec): Promise<void> {
    const { ready, say, signal } = this.#options;
    signal?.throwIfAborted();
    if (this.#stopped !== undefined) return;
    const log = await writing(this.#state.home, () => openLog(this.#state.file('logs', `${spec.name}.log`)));
    this.#logs.push(log);
    const part = createPart(spec, {
      guard: this.#guard,
      log,
      restart: true,
      started: (pid) => this.#state.notePart(spec.name, pid, spec.stopSignal),
      ...(say === undefined ? {} : { say }),
    });
    this.#parts.set(spec.name, part);
    await part.begin();
    ready?.(spec.title, Date.now() - this.#startedAt);
  }

  #asStack(ports: Ports, moves: readonly PortMove[]): Stack {
    return {
      ports,
      moves,
      urls: {
        landing: `http://localhost:${ports.gateway}`,
        temporal: `http://localhost:${ports.ui}`,
        sandbox: `http://localhost:${ports.sandbox}`,
      },
      parts: () =>
        [...this.#parts.values()].map((part) => ({
          name: part.name,
          title: part.title,
          state: part.state(),
          pid: part.pid(),
        })),
      stop: () => this.stop(),
      kill: () => this.kill(),
    };
  }

  kill(): void {
    for (const part of this.#parts.values()) part.kill();
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stopInOrder();
    return this.#stopped;
  }

  async #stopInOrder(): Promise<void> {
    for (const group of stopOrder) {
      await Promise.all(group.map((name) => this.#parts.get(name)?.stop()));
    }
    this.#guard.close();
    for (const log of this.#logs) log.close();
    this.#state.release();
  }
}

const stopOrder = [
  ['worker-control', 'worker-data'],
  ['gateway'],
  ['sandbox'],
  ['temporal', 'postgres'],
] as const;

function wantedPorts({ env, wantedPorts }: StackOptions): Ports {
  const wanted: Record<keyof Ports, number> = { ...defaultPorts, ...wantedPorts };
  for (const name of Object.keys(defaultPorts) as (keyof Ports)[]) {
    const value = env[`BATON_PORTS__${name.toUpperCase()}`];
    if (value === undefined || value === '') continue;
    const port = Number(value);
    if (!Number.isInteger(port) || port < 0 || port > 65_535) {
      throw new BatonError('ERR_CONFIG_INVALID', {
        detail: `BATON_PORTS__${name.toUpperCase()} is ${value}, which is not a port (0 to 65535).`,
      });
    }
    wanted[name] = port;
  }
  return wanted;
}

/** Where this build's programs are, seen from this file in dist. */
export function builtPrograms(): string {
  return path.resolve(import.meta.dirname, '..', '..');
}
