import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { type CommandResult, runCommand } from '../../src/cli/stack/command.js';

const dltVersion = '1.31.0';
const installMs = 300_000;

/** The Python of a virtual environment that has dlt, or why there is none. */
export type DltEnvironment = { readonly python: string } | { readonly reason: string };

/** Made once per user and version of dlt, from PyPI, in the user's cache folder; then reused. */
export async function findDlt(say: (line: string) => void): Promise<DltEnvironment> {
  const version = await runCommand('python3', ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])']);
  const [major = 0, minor = 0] = version.stdout.trim().split('.').map(Number);
  if (!version.ok) return { reason: `python3: ${version.reason}` };
  if (major < 3 || (major === 3 && minor < 9))
    return { reason: `python3 is ${major}.${minor}, older than 3.9` };
  const folder = path.join(cacheFolder(), `dlt-${dltVersion}-python${major}.${minor}`);
  const python = path.join(folder, 'bin', 'python');
  if (existsSync(python)) return { python };
  say(`installing dlt ${dltVersion} into ${folder} (once)`);
  try {
    return await install(folder);
  } catch (error) {
    return { reason: (error as Error).message };
  }
}

function cacheFolder(): string {
  const given = process.env['XDG_CACHE_HOME'];
  const cache = given && path.isAbsolute(given) ? given : path.join(os.homedir(), '.cache');
  return path.join(cache, 'baton', 'bench');
}

/** Beside its place and then renamed, so that a cut installation is never used; Python itself finds its way. */
async function install(folder: string): Promise<DltEnvironment> {
  const workshop = `${folder}.${process.pid}`;
  const python = path.join(workshop, 'bin', 'python');
  await mkdir(path.dirname(folder), { recursive: true });
  const steps: readonly (readonly [string, readonly string[]])[] = [
    ['python3', ['-m', 'venv', workshop]],
    [
      python,
      ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', `dlt[postgres]==${dltVersion}`],
    ],
    [python, ['-c', 'import dlt, psycopg2']],
  ];
  for (const [program, args] of steps) {
    const done: CommandResult = await runCommand(program, args, { timeoutMs: installMs });
    if (done.ok) continue;
    await rm(workshop, { recursive: true, force: true });
    return { reason: `${args.slice(0, 3).join(' ')}: ${done.reason}` };
  }
  await rename(workshop, folder);
  return { python: path.join(folder, 'bin', 'python') };
}
