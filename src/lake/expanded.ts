import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { BatonError } from '../protocol/errors.js';

/** The bytes of an object, gzip-compressed or plain: which it is, its first bytes tell. */
export async function* expanded(
  bytes: AsyncIterable<Uint8Array>,
  unreadable: (what: string) => BatonError,
): AsyncIterable<Buffer> {
  const source = bytes[Symbol.asyncIterator]();
  const first = await source.next();
  if (first.done === true) return;
  const all = (async function* () {
    yield Buffer.from(first.value);
    for (let next = await source.next(); next.done !== true; next = await source.next())
      yield Buffer.from(next.value);
  })();
  if (first.value[0] !== 0x1f || first.value[1] !== 0x8b) {
    yield* all;
    return;
  }
  const gunzip = Readable.from(all)
    .on('error', (error) => gunzip.destroy(error))
    .pipe(createGunzip());
  try {
    yield* gunzip;
  } catch (error) {
    if (error instanceof BatonError) throw error;
    throw unreadable(`is no whole gzip file: ${(error as Error).message}`);
  }
}
