import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import path from 'node:path';
import type { Guard } from '../../src/cli/stack/guard.js';
import type { PartSpec } from '../../src/cli/stack/part.js';
import { until } from './wait.js';

export interface Exit {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly ms: number;
}

/** A real process that tests kill, freeze and start again. Its log goes on over all its lives. */
export interface Program {
  pid(): number;
  /** Starts it, again when it has ended; it serves when this resolves. */
  start(): Promise<void>;
  /** SIGKILL; it is gone when this resolves. */
  kill(): Promise<void>;
  /** SIGSTOP: it runs no further instruction, and its sockets stay open. */
  freeze(): void;
  /** SIGCONT. */
  thaw(): void;
  /** Sends the signal and waits for the end, at most `graceMs`; then kills it. */
  end(signal: NodeJS.Signals, graceMs: number): Promise<Exit>;
}

export function createProgram(spec: PartSpec, guard: Guard, logFolder: string): Program {
  const logPath = path.join(logFolder, `${spec.name}.log`);
  let child: ChildProcess | undefined;
  let gone: Promise<number | null> = Promise.resolve(null);
  let said = '';

  const isRunning = () => child !== undefined && child.exitCode === null && child.signalCode === null;
  const pid = () => {
    if (child?.pid === undefined || !isRunning()) throw new Error(`${spec.name} does not run`);
    return child.pid;
  };

  function launch(): void {
    const { program, args, cwd, env, uid, gid } = spec;
    const account = uid === undefined || gid === undefined ? {} : { uid, gid };
    const next = spawn(program, args, {
      cwd,
      env,
      ...account,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    child = next;
    said = '';
    const id = next.pid;
    if (id !== undefined) guard.add(id, spec.stopSignal);
    gone = new Promise((resolve) => {
      next.once('error', () => resolve(null));
      next.once('exit', (code) => resolve(code));
    });
    if (id !== undefined) void gone.then(() => guard.remove(id));
    for (const stream of [next.stdout, next.stderr])
      stream?.on('data', (chunk: Buffer) => {
        appendFileSync(logPath, chunk);
        said = (said + chunk.toString()).slice(-20_000);
      });
  }

  async function serves(): Promise<boolean> {
    if (!isRunning()) throw new Error(`${spec.name} ended before it was ready:\n${said}`);
    if (spec.ready === 'announced') return said.includes('{"ready":true');
    if (spec.ready.line !== undefined && !said.includes(spec.ready.line)) return false;
    return spec.ready.probe();
  }

  return {
    pid,
    async start() {
      launch();
      await until(`${spec.name} serves`, serves, 60_000);
    },
    async kill() {
      if (!isRunning()) return;
      process.kill(pid(), 'SIGKILL');
      await gone;
    },
    freeze: () => void process.kill(pid(), 'SIGSTOP'),
    thaw: () => void process.kill(pid(), 'SIGCONT'),
    async end(signal, graceMs) {
      const began = performance.now();
      if (!isRunning()) return { code: child?.exitCode ?? null, ms: 0 };
      process.kill(pid(), signal);
      const late = setTimeout(() => child?.kill('SIGKILL'), graceMs);
      const code = await gone;
      clearTimeout(late);
      return { code, ms: Math.round(performance.now() - began) };
    },
  };
}
