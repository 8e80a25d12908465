import { randomBytes } from 'node:crypto';
import { BatonError } from '../protocol/errors.js';
import type { Lake } from './port.js';

/**
 * Tries what Baton relies on, with an object that it removes again: writing, reading, listing, and above all that
 * the second of two writers is told so. Throws what the lake throws, and ERR_LAKE_UNSUITABLE.
 */
export async function probeLake(lake: Lake): Promise<void> {
  const folder = '_probe';
  const key = `${folder}/${randomBytes(6).toString('hex')}`;
  try {
    const first = await lake.putIfAbsent(key, Buffer.from('first'));
    const second = await lake.putIfAbsent(key, Buffer.from('second'));
    const stored = String(await lake.get(key));
    if (!first.created || second.created || stored !== 'first')
      throw unsuitable('writes over an object that was to be written only if it is not there');
    const keys: string[] = [];
    for await (const found of lake.list(`${folder}/`)) keys.push(found);
    if (!keys.includes(key)) throw unsuitable('does not list what was just written');
  } finally {
    await lake.remove(key);
  }
}

function unsuitable(what: string): BatonError {
  return new BatonError('ERR_LAKE_UNSUITABLE', { detail: `The store ${what}.` });
}
