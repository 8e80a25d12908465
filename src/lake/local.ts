import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { link, mkdir, open, readdir, readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { BatonError } from '../protocol/errors.js';
import type { Lake } from './port.js';

/** Keys are relative, slash-separated, of plain segments: nothing can climb out of the root. */
const keyPattern = /^[A-Za-z0-9_.=+-]+(?:\/[A-Za-z0-9_.=+-]+)*$/;

/** A lake in a folder. An object appears by link(2) after its bytes are on disk, so it is never half there. */
export function createLocalLake(root: string): Lake {
  const made = new Set<string>();
  const drafts = path.join(root, '.drafts');
  /** Once per process, at its first write. */
  let swept: Promise<void> | null = null;

  function pathOf(key: string): string {
    if (!keyPattern.test(key) || key.split('/').some((segment) => segment === '.' || segment === '..'))
      throw new BatonError('ERR_INTERNAL', { detail: `"${key}" is not a lake key.`, retryable: false });
    return path.join(root, ...key.split('/'));
  }

  async function makeFolder(folder: string): Promise<void> {
    if (made.has(folder)) return;
    await mkdir(folder, { recursive: true });
    made.add(folder);
  }

  return {
    async putIfAbsent(key, body) {
      const target = pathOf(key);
      const draft = path.join(drafts, `${process.pid}-${randomBytes(6).toString('hex')}`);
      return guard(`writing ${key}`, async () => {
        await makeFolder(path.dirname(target));
        await makeFolder(drafts);
        swept ??= sweepDrafts(drafts);
        await swept;
        try {
          const file = await open(draft, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o644);
          try {
            await file.writeFile(body);
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
    },

    get: (key) =>
      guard(`reading ${key}`, async () => {
        try {
          return await readFile(pathOf(key));
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
          throw error;
        }
      }),

    async *list(prefix) {
      const folder = prefix === '' ? root : pathOf(prefix.replace(/\/$/, ''));
      const entries = await guard(`listing ${prefix}`, () =>
        readdir(folder, { recursive: true, withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
          if (error.code === 'ENOENT') return [];
          throw error;
        }),
      );
      const keys = entries
        .filter((entry) => entry.isFile())
        .map((entry) =>
          path.relative(root, path.join(entry.parentPath, entry.name)).split(path.sep).join('/'),
        )
        .filter((key) => !key.startsWith('.drafts/'));
      yield* keys.sort();
    },

    remove: (key) => guard(`removing ${key}`, () => rm(pathOf(key), { force: true })),

    locate: (key) => pathOf(key),
  };
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
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    throw new BatonError('ERR_LAKE_UNAVAILABLE', {
      detail: `The lake failed at ${what}: ${code}.`,
      cause: error,
    });
  }
}
