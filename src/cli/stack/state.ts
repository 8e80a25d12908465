import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { BatonError } from '../../protocol/errors.js';
import type { Ports } from './ports.js';
import { commandLineOf, endProcess } from './process-table.js';

/** What other processes read to find the stack: `.baton/local.json`. */
export interface LocalState {
  readonly version: 1;
  readonly pid: number;
  readonly ports: Ports;
  readonly startedAt: string;
}

interface ProcessNote {
  readonly name: string;
  readonly pid: number;
  /** As the system showed it right after the start; a pid with another one is not ours any more. */
  readonly command: string;
  /** What asks it to end. */
  readonly signal: NodeJS.Signals;
}

interface ProcessNotes {
  readonly supervisor: ProcessNote;
  readonly parts: readonly ProcessNote[];
}

/** Runs something that writes below `folder`; what the disk refuses becomes ERR_STATE_UNWRITABLE. */
export async function writing<T>(folder: string, action: () => T | Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw asUnwritable(error, folder);
  }
}

const diskReasons: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EROFS: 'the file system is read-only',
  EACCES: 'permission is denied',
  EPERM: 'permission is denied',
};

function asUnwritable(error: unknown, folder: string): unknown {
  const { code, path: file } = error as NodeJS.ErrnoException;
  const reason = code === undefined ? undefined : diskReasons[code];
  if (reason === undefined || error instanceof BatonError) return error;
  return new BatonError('ERR_STATE_UNWRITABLE', {
    detail: `${file ?? folder} cannot be written: ${reason}.`,
    cause: error,
  });
}

/** Node answers ENOENT for a folder on a read-only file system; the folder above knows the true reason. */
function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    let above = path.dirname(folder);
    while (!existsSync(above)) above = path.dirname(above);
    accessSync(above, constants.W_OK);
    throw error;
  }
}

/** The state folder of one project, and who holds it. */
export class StateFolder {
  readonly home: string;
  readonly #parts = new Map<string, ProcessNote>();

  constructor(home: string) {
    this.home = home;
  }

  file(...names: string[]): string {
    return path.join(this.home, ...names);
  }

  /**
   * Takes the folder for this process. Throws ERR_STACK_RUNNING when a living supervisor holds it; ends what
   * a killed one left behind, and nothing else.
   */
  async take(): Promise<void> {
    await writing(this.home, () => makeFolder(this.file('logs')));
    const lock = this.file('supervisor.lock');
    const notes = this.#readNotes();
    if (notes !== undefined) {
      if (isSame(notes.supervisor) && notes.supervisor.pid !== process.pid) throw this.#running();
      await Promise.all(notes.parts.filter(isSame).map(({ pid, signal }) => endProcess(pid, signal, 10_000)));
    }
    const holder = Number(readText(lock));
    if (holder > 0 && holder !== process.pid && commandLineOf(holder) === commandLineOf(process.pid)) {
      throw this.#running();
    }
    rmSync(lock, { force: true });
    await writing(this.home, () => writeExclusive(lock, String(process.pid), () => this.#running()));
    await writing(this.home, () => this.#writeNotes());
  }

  notePart(name: string, pid: number, signal: NodeJS.Signals): void {
    this.#parts.set(name, noteOf(name, pid, signal));
    this.#writeNotes();
  }

  async publish(ports: Ports): Promise<void> {
    const state: LocalState = {
      version: 1,
      pid: process.pid,
      ports,
      startedAt: new Date().toISOString(),
    };
    await writing(this.home, () => writeWhole(this.file('local.json'), JSON.stringify(state, null, 2)));
  }

  release(): void {
    for (const name of ['local.json', 'pids.json', 'supervisor.lock'])
      rmSync(this.file(name), { force: true });
  }

  #running(): BatonError {
    const state = readLocalState(this.home);
    const links = state === undefined ? '' : ` It serves at ${landingUrl(state.ports)}`;
    return new BatonError('ERR_STACK_RUNNING', {
      detail: `The local stack is already running for ${this.home}.${links}`,
    });
  }

  #readNotes(): ProcessNotes | undefined {
    try {
      return JSON.parse(readText(this.file('pids.json'))) as ProcessNotes;
    } catch {
      return undefined;
    }
  }

  #writeNotes(): void {
    const supervisor = noteOf('supervisor', process.pid, 'SIGTERM');
    const notes: ProcessNotes = { supervisor, parts: [...this.#parts.values()] };
    writeWhole(this.file('pids.json'), JSON.stringify(notes, null, 2));
  }
}

/** What a running stack published; undefined when none runs here. */
export function readLocalState(home: string): LocalState | undefined {
  try {
    const state = JSON.parse(readText(path.join(home, 'local.json'))) as LocalState;
    return commandLineOf(state.pid) === undefined ? undefined : state;
  } catch {
    return undefined;
  }
}

function landingUrl(ports: Ports): string {
  return `http://localhost:${ports.gateway} (Temporal at http://localhost:${ports.ui}).`;
}

function noteOf(name: string, pid: number, signal: NodeJS.Signals): ProcessNote {
  return { name, pid, command: commandLineOf(pid) ?? '', signal };
}

function isSame({ pid, command }: ProcessNote): boolean {
  return command !== '' && commandLineOf(pid) === command;
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function writeExclusive(file: string, text: string, taken: () => BatonError): void {
  try {
    const handle = openSync(file, 'wx');
    writeFileSync(handle, text);
    closeSync(handle);
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'EEXIST' ? taken() : error;
  }
}

/** Readers see the old content or the new, never a part. */
function writeWhole(file: string, text: string): void {
  const next = `${file}.${process.pid}`;
  writeFileSync(next, `${text}\n`);
  renameSync(next, file);
}
