import { randomBytes } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { type FileHandle, link, mkdir, open, readdir, readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { BatonError } from '../protocol/errors.js';
import { digestOf } from './digest.js';
import { checkFolder, checkForeignKey, checkKey, keysOf } from './keys.js';
import type { Lake, LakeEntry } from './port.js';

/** A lake in a folder. An object appears by link(2) after its bytes are on disk, so it is never half there. */
export function createLocalLake(root: string): Lake {
  const made = new Set<string>();
  const drafts = path.join(root, '.drafts');
  /** Once per process, at its first write. */
  let swept: Promise<void> | null = null;

  const pathOf = (key: string) => path.join(root, ...key.split('/'));

  async function makeFolder(folder: string): Promise<void> {
    if (made.has(folder)) return;
    await mkdir(folder, { recursive: true });
    made.add(folder);
  }

  async function* scan(folder: string): AsyncIterable<LakeEntry> {
    const below = checkFolder(folder);
    const entries = await guard(`listing ${folder}`, () =>
      orNull(readdir(below === '' ? root : pathOf(below), { recursive: true, withFileTypes: true })),
    );
    const keys = (entries ?? [])
      .filter((entry) => entry.isFile())
      .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)).split(path.sep).join('/'))
      .filter((key) => !key.startsWith('.drafts/'));
    for (const key of keys.sort(byBytes)) {
      const found = await guard(`looking at ${key}`, () => orNull(stat(pathOf(key), { bigint: true })));
      if (found === null) continue; // removed meanwhile
      yield {
        key,
        bytes: Number(found.size),
        version: versionOf(found),
        modifiedAt: new Date(Number(found.mtimeMs)),
      };
    }
  }

  async function put(key: string, fill: (draft: FileHandle) => Promise<void>): Promise<{ created: boolean }> {
    const target = pathOf(checkKey(key));
    const draft = path.join(drafts, `${process.pid}-${randomBytes(6).toString('hex')}`);
    return guard(`writing ${key}`, async () => {
      await makeFolder(path.dirname(target));
      await makeFolder(drafts);
      swept ??= sweepDrafts(drafts);
      await swept;
      try {
        const file = await open(draft, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o644);
        try {
          await fill(file);
          await file.datasync();
        } finally {
          await file.close();
        }
        await link(draft, target);
        return { created: true };
      } catch (error) {
        made.clear(); // a folder may have been removed behind our back: look again next time
        if ((error as NodeJS.ErrnoException).code === 'EEXIST') return { created: false };
        throw error;
      } finally {
        await rm(draft, { force: true });
      }
    });
  }

  return {
    putIfAbsent: (key, body) => put(key, (draft) => draft.writeFile(body)),
    async putFile(key, file) {
      const fill = async (draft: FileHandle) => {
        for await (const piece of createReadStream(file)) await draft.appendFile(piece);
      };
      if ((await put(key, fill)).created) return true;
      const [theirs, ours] = await guard(`reading ${key}`, () =>
        Promise.all([pathOf(key), file].map((one) => digestOf(createReadStream(one)))),
      );
      return theirs === ours;
    },

    async get(key) {
      const file = pathOf(checkForeignKey(key));
      return guard(`reading ${key}`, () => orNull(readFile(file)));
    },

    async read({ key, version }) {
      const file = pathOf(checkForeignKey(key));
      const isSame = async () => {
        const found = await guard(`looking at ${key}`, () => orNull(stat(file, { bigint: true })));
        return found !== null && versionOf(found) === version;
      };
      if (!(await isSame())) return null;
      return unchanged(key, createReadStream(file), isSame);
    },

    scan,
    list: (folder) => keysOf(scan(folder)),

    async remove(key) {
      const file = pathOf(checkForeignKey(key));
      await guard(`removing ${key}`, () => rm(file, { force: true }));
    },

    locate: pathOf,

    showsUnfinished: true,

    close: () => {},
  };
}

function versionOf(found: { readonly ino: bigint; readonly size: bigint; readonly mtimeNs: bigint }): string {
  return `${found.ino}-${found.size}-${found.mtimeNs}`;
}

/** The file's bytes, which count only if the file is still the same when the last of them has been read. */
async function* unchanged(
  key: string,
  bytes: AsyncIterable<Uint8Array>,
  isSame: () => Promise<boolean>,
): AsyncIterable<Uint8Array> {
  try {
    yield* bytes;
  } catch (error) {
    throw unavailable(`reading ${key}`, error);
  }
  if (await isSame()) return;
  throw new BatonError('ERR_LAKE_UNAVAILABLE', { detail: `${key} was written while it was being read.` });
}

/** Null when there is no such file, nor could there be one at this place. */
async function orNull<T>(found: Promise<T>): Promise<T | null> {
  return found.catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null;
    throw error;
  });
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** A draft that nobody finished within a day is what a killed worker has left. */
async function sweepDrafts(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const draft = path.join(folder, name);
    const found = await stat(draft).catch(() => null); // its writer may just have finished it
    if (found !== null && Date.now() - found.mtimeMs > 86_400_000) await rm(draft, { force: true });
  }
}

async function guard<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof BatonError) throw error;
    throw unavailable(what, error);
  }
}

function unavailable(what: string, error: unknown): BatonError {
  const { code = 'unknown error' } = error as NodeJS.ErrnoException;
  const refused = code === 'EACCES' || code === 'EPERM';
  return new BatonError(refused ? 'ERR_LAKE_FORBIDDEN' : 'ERR_LAKE_UNAVAILABLE', {
    detail: `The lake failed at ${what}: ${code}.`,
    cause: error,
  });
}
