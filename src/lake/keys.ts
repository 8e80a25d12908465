import { createHash } from 'node:crypto';
import { BatonError } from '../protocol/errors.js';
import type { Lake, LakeEntry } from './port.js';

/** Keys of ours: relative, slash-separated, of plain segments. */
const keyPattern = /^[A-Za-z0-9_.=+-]+(?:\/[A-Za-z0-9_.=+-]+)*$/;

/** A key to write to. Nothing can climb out of the lake's root, and no storage has to quote it. */
export function checkKey(key: string): string {
  if (!keyPattern.test(key) || key.length > 900) throw notAKey(key);
  return checkForeignKey(key);
}

/** A key to read, which others may have chosen: any name that stays within the root. */
export function checkForeignKey(key: string): string {
  const isOutside = key.split('/').some((segment) => ['', '.', '..'].includes(segment));
  if (isOutside || key.includes('\0') || key.includes('\\')) throw notAKey(key);
  return key;
}

/** What a lake key may hold of a stranger's id; the rest is written as its bytes in hex. */
const plain = /[^A-Za-z0-9_.=-]/g;

/** A name that cannot leave its folder, and that no two ids share. */
export function segment(text: string): string {
  const safe = text.replace(plain, (character) => `+${Buffer.from(character).toString('hex')}`);
  return /^\.+$/.test(safe) ? safe.replaceAll('.', '+2e') : safe.slice(0, 400);
}

function notAKey(key: string): BatonError {
  return new BatonError('ERR_INTERNAL', { detail: `"${key}" is not a lake key.`, retryable: false });
}

/** A folder as listings take it: `raw/coupa/`, or `''` for all. */
export function checkFolder(folder: string): string {
  const path = folder.replace(/\/$/, '');
  return path === '' ? '' : `${checkForeignKey(path)}/`;
}

export async function* keysOf(entries: AsyncIterable<LakeEntry>): AsyncIterable<string> {
  for await (const { key } of entries) yield key;
}

/**
 * The object's bytes, checked against the sha256 that was recorded when it was landed. ERR_LAKE_OBJECT_CHANGED
 * names the object and both digests.
 */
export async function getVerified(lake: Lake, key: string, sha256: string): Promise<Buffer> {
  const body = await lake.get(key);
  if (body === null)
    throw new BatonError('ERR_LAKE_OBJECT_CHANGED', { detail: `${lake.locate(key)} is gone.` });
  const found = createHash('sha256').update(body).digest('hex');
  if (found !== sha256)
    throw new BatonError('ERR_LAKE_OBJECT_CHANGED', {
      detail: `${lake.locate(key)} has sha256 ${found}, landed was ${sha256}.`,
    });
  return body;
}
