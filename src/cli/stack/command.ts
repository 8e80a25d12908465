import { spawn } from 'node:child_process';

export interface CommandOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly timeoutMs?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly input?: string;
}

export interface CommandResult {
  readonly ok: boolean;
  readonly stdout: string;
  readonly stderr: string;
  /** One line for a person: why it failed. Empty when it did not. */
  readonly reason: string;
}

/** Runs a program to its end and never throws: a missing program is a result with a reason. */
export function runCommand(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const { timeoutMs, input, ...spawnOptions } = options;
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      ...spawnOptions,
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    let timedOut = false;
    const timer = timeoutMs === undefined ? undefined : setTimeout(expire, timeoutMs);
    function expire() {
      timedOut = true;
      child.kill('SIGKILL');
    }
    child.stdout?.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
    const finish = (ok: boolean, reason: string) => {
      clearTimeout(timer);
      resolve({ ok, stdout, stderr, reason });
    };
    child.once('error', (error: NodeJS.ErrnoException) => finish(false, describeSpawnError(program, error)));
    child.once('close', (code, signal) => {
      if (code === 0) finish(true, '');
      else if (timedOut) finish(false, `no answer within ${(timeoutMs ?? 0) / 1000} s`);
      else finish(false, lastLine(stderr) || lastLine(stdout) || `ended with ${signal ?? code}`);
    });
  });
}

function describeSpawnError(program: string, error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return `${program} is not installed`;
  if (error.code === 'EACCES') return `${program} may not be executed`;
  return error.message;
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.trim() ?? '';
}
