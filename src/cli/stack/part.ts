import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { BatonError, type ErrorName } from '../../protocol/errors.js';
import type { Guard } from './guard.js';
import type { LogFile } from './log-file.js';
import { trySignal } from './process-table.js';

/** One process of the stack: what to run and how to know that it serves. */
export interface PartSpec {
  readonly name: string;
  /** What a person calls it: "worker data". */
  readonly title: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly uid?: number;
  readonly gid?: number;
  readonly ready: Readiness;
  readonly stopSignal: NodeJS.Signals;
  /** From the stop signal to SIGKILL. */
  readonly graceMs: number;
  readonly error: ErrorName;
}

/**
 * A part serves when it has printed `{"ready":true,…}` on stdout, or, where a probe is given, when the text
 * `line` has appeared (if any) and the probe answers true.
 */
export type Readiness = 'announced' | { readonly probe: () => Promise<boolean>; readonly line?: string };

export type PartState = 'starting' | 'up' | 'restarting' | 'stopped';

export interface PartOptions {
  readonly guard: Guard;
  readonly log: LogFile;
  /** Whether a part that dies is started again: after 1 s, then twice as long each time, at most 30 s. */
  readonly restart: boolean;
  readonly say?: (line: string) => void;
  /** Called with each new process, so that the next start can clean up after us. */
  readonly started?: (pid: number) => void;
  readonly startTimeoutMs?: number;
  readonly firstDelayMs?: number;
}

export interface Part {
  readonly name: string;
  readonly title: string;
  /** Resolves once it serves; throws the part's error, with its last words, when it does not. */
  begin(): Promise<void>;
  state(): PartState;
  pid(): number | undefined;
  /** Asks it to end and waits; after its grace it is killed. Safe to call twice. */
  stop(): Promise<void>;
  kill(): void;
}

const longestDelayMs = 30_000;
const calmMs = 60_000;

/** A part that does not run yet: `begin` starts it, and `stop` ends it even while it is starting. */
export function createPart(spec: PartSpec, options: PartOptions): Part {
  return new SupervisedPart(spec, options);
}

class SupervisedPart implements Part {
  readonly name: string;
  readonly title: string;
  readonly #spec: PartSpec;
  readonly #options: PartOptions;
  readonly #stopping = new AbortController();
  #child: ChildProcess | undefined;
  #exited: Promise<string> = Promise.resolve('');
  #state: PartState = 'starting';
  #delayMs: number;

  constructor(spec: PartSpec, options: PartOptions) {
    this.name = spec.name;
    this.title = spec.title;
    this.#spec = spec;
    this.#options = options;
    this.#delayMs = options.firstDelayMs ?? 1_000;
  }

  state(): PartState {
    return this.#state;
  }

  pid(): number | undefined {
    return this.#child?.pid;
  }

  async begin(): Promise<void> {
    try {
      await this.#launch();
    } catch (error) {
      await this.stop();
      throw error;
    }
    if (this.#options.restart) void this.#watch();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    const pid = this.#alive();
    if (pid !== undefined) {
      trySignal(pid, this.#spec.stopSignal);
      const patience = new AbortController();
      const late = sleep(this.#spec.graceMs, 'late', { signal: patience.signal }).catch(() => 'late');
      if ((await Promise.race([this.#exited, late])) === 'late') this.kill();
      patience.abort();
      await this.#exited;
    }
    this.#state = 'stopped';
  }

  kill(): void {
    const pid = this.#alive();
    if (pid !== undefined) trySignal(pid, 'SIGKILL');
  }

  #alive(): number | undefined {
    const child = this.#child;
    return child?.exitCode === null && child.signalCode === null ? child.pid : undefined;
  }

  async #launch(): Promise<void> {
    const { program, args, cwd, env, uid, gid, stopSignal } = this.#spec;
    const child = spawn(program, args, {
      cwd,
      env,
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true, // Ctrl-C reaches us alone, and we stop the parts in order
    });
    this.#child = child;
    this.#exited = new Promise((resolve) => {
      child.once('error', (error) => resolve(`could not be started (${error.message})`));
      child.once('exit', (code, signal) => resolve(describeExit(code, signal)));
    });
    const { pid } = child;
    if (pid !== undefined) {
      this.#options.guard.add(pid, stopSignal);
      this.#options.started?.(pid);
      void this.#exited.then(() => this.#options.guard.remove(pid));
    }
    await this.#untilReady(child);
    this.#state = 'up';
  }

  async #untilReady(child: ChildProcess): Promise<void> {
    const { ready, title, error } = this.#spec;
    const serving = this.#collect(child, ready);
    const done = new AbortController();
    const timeoutMs = this.#options.startTimeoutMs ?? 60_000;
    const outcome = await Promise.race([
      serving.then(() => (ready === 'announced' ? 'ready' : poll(ready.probe, done.signal))),
      this.#exited.then((how) => `${title} ${how} before it was ready`),
      sleep(timeoutMs, `${title} was not ready within ${timeoutMs / 1000} s`, { signal: done.signal }),
    ]);
    done.abort();
    if (outcome === 'ready') return;
    const words = this.#options.log.tail();
    if (words.some((line) => /No space left on device|ENOSPC|disk is full/.test(line))) {
      throw new BatonError('ERR_STATE_UNWRITABLE', {
        detail: `${title} could not start: the disk is full (${this.#options.log.path}).`,
      });
    }
    throw new BatonError(error, { detail: [`${outcome}.`, ...words].join('\n    ') });
  }

  /** Writes what the part says to its log; resolves when it has announced itself. */
  #collect(child: ChildProcess, ready: Readiness): Promise<void> {
    const { log } = this.#options;
    const awaited = ready === 'announced' ? '{"ready":true' : ready.line;
    return new Promise((resolve) => {
      if (awaited === undefined) resolve();
      let said = '';
      let announced = awaited === undefined;
      const hear = (chunk: Buffer) => {
        log.write(chunk);
        if (announced || awaited === undefined) return;
        said = (said + chunk.toString()).slice(-10_000);
        if (!said.includes(awaited)) return;
        announced = true;
        resolve();
      };
      child.stdout?.on('data', hear);
      child.stderr?.on('data', hear);
    });
  }

  /** Until stopped: waits for the process to end, then starts it again. */
  async #watch(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const startedAt = Date.now();
      const how = await this.#exited;
      if (this.#stopping.signal.aborted) return;
      if (Date.now() - startedAt > calmMs) this.#delayMs = this.#options.firstDelayMs ?? 1_000;
      this.#state = 'restarting';
      await this.#startAgain(how);
    }
  }

  async #startAgain(how: string): Promise<void> {
    const { say } = this.#options;
    const { title } = this.#spec;
    const delayMs = this.#delayMs;
    this.#delayMs = Math.min(delayMs * 2, longestDelayMs);
    try {
      await sleep(delayMs, undefined, { signal: this.#stopping.signal });
      await this.#launch();
      say?.(`${title} ${how}; started again`);
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      say?.(`${title} ${how}; it could not be started again, next try in ${this.#delayMs / 1000} s`);
      this.#options.log.write(`${(error as Error).message}\n`);
      this.kill();
    }
  }
}

function describeExit(code: number | null, signal: NodeJS.Signals | null): string {
  return signal === null ? `ended with exit code ${code}` : `was killed (${signal})`;
}

async function poll(probe: () => Promise<boolean>, signal: AbortSignal): Promise<string> {
  while (!signal.aborted) {
    if (await probe()) return 'ready';
    await sleep(50);
  }
  return 'stopped';
}
