import { runCommandLine } from '../../src/cli/command-line.js';

export interface Captured {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command line in this process, with its two streams kept apart. */
export async function baton(
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string>; isTTY?: boolean; columns?: number } = {},
): Promise<Captured> {
  const out: string[] = [];
  const err: string[] = [];
  const stream = (chunks: string[]) => ({
    write: (text: string) => chunks.push(text),
    isTTY: options.isTTY ?? false,
    columns: options.columns ?? 100,
  });
  const code = await runCommandLine(args, {
    stdout: stream(out),
    stderr: stream(err),
    env: options.env ?? {},
    cwd: options.cwd ?? '/',
  });
  return { code, stdout: out.join(''), stderr: err.join('') };
}
