import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { BatonError } from '../protocol/errors.js';
import type { Environment } from './environment.js';

export interface ConfigPlace {
  readonly file: string;
  readonly root: string;
  readonly home: string;
}

/** The configuration file: where BATON_CONFIG points, else baton.yaml here or in the nearest parent folder. */
export function locateConfig(cwd: string, environment: Environment): ConfigPlace {
  const named = environment['BATON_CONFIG'];
  const file = named ? path.resolve(cwd, named) : findUpwards(cwd);
  if (file === null || !existsSync(file)) {
    const looked = file === null ? `No baton.yaml in ${cwd} or above it.` : `There is no file ${file}.`;
    throw new BatonError('ERR_CONFIG_MISSING', { detail: looked, where: named ? 'BATON_CONFIG' : cwd });
  }
  const root = path.dirname(file);
  return { file, root, home: stateHome(root, environment) };
}

/** Folder of the local state of a project. */
export function stateHome(root: string, environment: Environment): string {
  const home = environment['BATON_HOME'];
  return home ? path.resolve(root, home) : path.join(root, '.baton');
}

/** A folder that baton.yaml names: below `.baton/` it is part of the local state and moves with it. */
export function placedPath(configured: string, { root, home }: Pick<ConfigPlace, 'root' | 'home'>): string {
  const below = /^(?:\.\/)?\.baton(?:\/(.*))?$/.exec(configured);
  return below === null ? path.resolve(root, configured) : path.join(home, below[1] ?? '');
}

export function readConfigFile(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const detail = `${file} cannot be read: ${(cause as NodeJS.ErrnoException).code ?? 'unknown error'}.`;
    throw new BatonError('ERR_CONFIG_MISSING', { detail, where: file, cause });
  }
}

function findUpwards(from: string): string | null {
  for (let folder = path.resolve(from); ; folder = path.dirname(folder)) {
    const file = path.join(folder, 'baton.yaml');
    if (existsSync(file)) return file;
    if (path.dirname(folder) === folder) return null;
  }
}
