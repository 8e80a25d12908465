import { crc32 } from 'node:zlib';
import { type Entry, fromBufferPromise, type ZipFile } from 'yauzl';

/** What is wrong with an archive, as the end of a sentence: `is no zip archive (…)`. */
export class ZipError extends Error {
  override readonly name = 'ZipError';
  /** Whether the file is larger than may be read. */
  readonly isTooLarge: boolean;

  constructor(message: string, isTooLarge = false) {
    super(message);
    this.isTooLarge = isTooLarge;
  }
}

/**
 * The content of the first file in a zip archive that is so called. No more than `mostBytes` are unpacked, whatever the archive holds or says
 * that it holds. Throws ZipError when there is no such file, or when it is larger, damaged or encrypted.
 */
export async function readZipped(zip: Buffer, name: string | RegExp, mostBytes: number): Promise<Buffer> {
  try {
    return await unpacked(await fromBufferPromise(zip, { lazyEntries: true }), name, mostBytes);
  } catch (error) {
    if (error instanceof ZipError) throw error;
    throw new ZipError(`is no zip archive (${error instanceof Error ? error.message : 'unreadable'})`);
  }
}

async function unpacked(archive: ZipFile, name: string | RegExp, mostBytes: number): Promise<Buffer> {
  const entry = await entryOf(archive, name);
  const size = entry.uncompressedSize;
  if (size > mostBytes) throw new ZipError(`holds ${size} bytes in ${name}, more than ${mostBytes}`, true);
  const content = Buffer.allocUnsafeSlow(size);
  let at = 0;
  // The stream fails when there are more bytes, or fewer, than the archive says.
  for await (const chunk of (await archive.openReadStreamPromise(entry)) as AsyncIterable<Buffer>)
    at += chunk.copy(content, at);
  if (crc32(content) !== entry.crc32) throw new ZipError(`holds a damaged ${name}: its checksum is another`);
  return content;
}

async function entryOf(archive: ZipFile, name: string | RegExp): Promise<Entry> {
  for await (const entry of archive.eachEntry()) {
    const { fileName } = entry;
    if (typeof name === 'string' ? fileName !== name : !name.test(fileName)) continue;
    if (entry.isEncrypted()) throw new ZipError(`holds an encrypted ${name}`);
    return entry;
  }
  throw new ZipError(`holds no ${name}`);
}
