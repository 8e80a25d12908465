import { randomBytes } from 'node:crypto';
import { strToU8, zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { readZipped, ZipError } from '../../src/connectors/zip.js';

const name = 'records.txt';
const archive = (files: Record<string, Uint8Array>, level: 0 | 9 = 9) =>
  Buffer.from(zipSync(files, { level }));
/** An empty archive's end of directory, and one made by Info-ZIP 3.0: `printf '[{"a":1}]' > records.txt; zip -X`. */
const empty = Buffer.from('504b0506000000000000000000000000000000000000', 'hex');

async function refusal(zip: Buffer, mostBytes = 1_000_000): Promise<ZipError> {
  const error = await readZipped(zip, name, mostBytes).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ZipError);
  return error as ZipError;
}

describe('a file in a zip archive', () => {
  it.each([
    ['compressed', 9],
    ['stored', 0],
  ] as const)('is read as it was, %s, whatever lies beside it', async (_how, level) => {
    const content = randomBytes(300_000);
    const zip = archive(
      { 'a.txt': strToU8('other'), [name]: content, 'z/records.txt': strToU8('no') },
      level,
    );
    expect((await readZipped(zip, name, 300_000)).equals(content)).toBe(true);
  });

  it('is the first whose name fits, stored or deflated, as Python’s zipfile writes them', async () => {
    const zip = Buffer.from(
      'UEsDBBQAAAAAABC9d13xhmx6AwAAAAMAAAAIAAAAYS9zdG9yZWRvbmVQSwMEFAAAAAgAEL13XfAjK9sYAAAAuAsAAAoA' +
        'AABhL2RlZmxhdGVk7cKxDQAADAKgk7uY9H3fcICQv6iqqtsLUEsBAhQDFAAAAAAAEL13XfGGbHoDAAAAAwAAAAgAAAAA' +
        'AAAAAAAAAIABAAAAAGEvc3RvcmVkUEsBAhQDFAAAAAgAEL13XfAjK9sYAAAAuAsAAAoAAAAAAAAAAAAAAIABKQAAAGEv' +
        'ZGVmbGF0ZWRQSwUGAAAAAAIAAgBuAAAAaQAAAAAA',
      'base64',
    );
    expect((await readZipped(zip, 'a/stored', 10)).toString()).toBe('one');
    expect((await readZipped(zip, /deflated$/, 10_000)).toString()).toBe('two'.repeat(1000));
    await expect(readZipped(zip, /^b$/, 10)).rejects.toThrow('holds no');
  });

  it('may be empty', async () => {
    expect(await readZipped(archive({ [name]: new Uint8Array() }), name, 10)).toHaveLength(0);
  });

  it('is not unpacked beyond the limit, and that is said', async () => {
    const bomb = archive({ [name]: new Uint8Array(50_000_000) });
    expect(bomb.length).toBeLessThan(100_000);
    const error = await refusal(bomb);
    expect(error.isTooLarge).toBe(true);
    expect(error.message).toContain('50000000 bytes');
  });

  it('is not unpacked beyond what the archive says that it holds', async () => {
    const bomb = archive({ [name]: new Uint8Array(50_000_000) });
    const directory = bomb.lastIndexOf(Buffer.from('504b0102', 'hex'));
    bomb.writeUInt32LE(1_000, directory + 24);
    const before = process.memoryUsage().arrayBuffers;
    expect((await refusal(bomb)).isTooLarge).toBe(false);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10_000_000);
  });

  it('that was changed on the way is refused by its checksum', async () => {
    const zip = archive({ [name]: strToU8('[{"a":1}]') }, 0);
    zip[zip.indexOf('"a"') + 1] = 0x62;
    expect((await refusal(zip)).message).toContain('damaged records.txt');
  });

  it.each([
    ['is not there', archive({ 'other.txt': strToU8('[]') }), /holds no records\.txt/],
    ['is in an empty archive', empty, /holds no records\.txt/],
    ['is in no archive', Buffer.from('{"message":"no"}'), /no zip archive/],
    ['is in nothing', Buffer.alloc(0), /no zip archive/],
    ['is cut off', archive({ [name]: randomBytes(9_000) }).subarray(0, 5_000), /no zip archive/],
  ])('that %s is refused', async (_what, zip, words) => {
    expect((await refusal(zip)).message).toMatch(words);
  });

  it('is refused or read, and nothing else, whatever single byte of its archive is another', async () => {
    const whole = archive({ [name]: strToU8('[{"UniqueName":"PO1","TotalCost":null}]') });
    for (let at = 0; at < whole.length; at += 1) {
      const zip = Buffer.from(whole);
      zip[at] = (zip[at] ?? 0) ^ 0xff;
      const read = await readZipped(zip, name, 10_000).catch((error: unknown) => error);
      if (!(read instanceof ZipError)) expect(String(read)).toBe('[{"UniqueName":"PO1","TotalCost":null}]');
    }
  });
});
