import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatOf } from '../../src/files/format.js';
import { createJsonValues } from '../../src/files/json-values.js';
import { readRecords } from '../../src/files/records.js';
import { BatonError } from '../../src/protocol/errors.js';

/** In pieces of so many bytes, as a network gives them. */
async function* pieces(body: Buffer, size: number) {
  for (let at = 0; at < body.length; at += size) yield Buffer.from(body.subarray(at, at + size));
}

function cut(body: string, size = 7): string[] {
  const values = createJsonValues('x.json');
  const found: string[] = [];
  const bytes = Buffer.from(body);
  for (let at = 0; at < bytes.length; at += size)
    found.push(...values.push(Buffer.from(bytes.subarray(at, at + size))).map(String));
  values.end();
  return found;
}

async function records(name: string, body: string | Buffer, size = 5): Promise<string[]> {
  const content = readRecords({
    format: formatOf(name, 'auto'),
    where: name,
    bytes: pieces(Buffer.from(body), size),
    delimiter: ',',
    malformed: '$malformed',
  });
  const found: string[] = [];
  for await (const { raw } of content.records) found.push(raw.toString('utf8'));
  return found;
}

async function failure(name: string, body: string | Buffer): Promise<string> {
  const error = await records(name, body).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(BatonError);
  return (error as BatonError).message;
}

describe('JSON is cut into records', () => {
  it('as JSON.parse has them, however it is written and wherever it is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.dictionary(fc.string(), fc.jsonValue()), { maxLength: 6 }),
        fc.integer({ min: 1, max: 40 }),
        fc.constantFrom(undefined, 2),
        fc.boolean(),
        (list, size, indent, isListed) => {
          const texts = list.map((one) => JSON.stringify(one, null, indent));
          const body = isListed ? JSON.stringify(list, null, indent) : texts.join('\n');
          if (!isListed && list.length === 0) return;
          const found = cut(body, size);
          expect(found.map((text) => JSON.parse(text))).toEqual(
            list.map((one) => JSON.parse(JSON.stringify(one))),
          );
          expect(found.every((text) => !text.includes('\n'))).toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('where JSON.parse takes a list or an object at all', () => {
    const characters = fc.constantFrom(
      '[',
      ']',
      '{',
      '}',
      ',',
      ':',
      '"',
      '"a"',
      '\\\\',
      ' ',
      '\n',
      '1',
      'null',
    );
    fc.assert(
      fc.property(fc.array(characters, { maxLength: 10 }), (some) => {
        const body = some.join('');
        let whole: unknown;
        try {
          whole = JSON.parse(body);
        } catch {
          return;
        }
        if (typeof whole !== 'object' || whole === null) return;
        expect(cut(body, 3).map((text) => JSON.parse(text))).toEqual(Array.isArray(whole) ? whole : [whole]);
      }),
      { numRuns: 20_000 },
    );
  });

  it('and says where it cannot be, and why', () => {
    const message = (body: string) => {
      try {
        return cut(body).join('|');
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(message('[{"a":1},{"b":2}')).toContain('is cut off, at byte 16, behind 2 records');
    expect(message('[{"a":1} {"b":2}]')).toContain(
      'there is a { where a comma or the end of the list is due, at byte 10',
    );
    expect(message('[{"a":1},]')).toContain('there is a ] where a record is due, at byte 10');
    expect(message('[{"a":1]')).toContain('brackets do not match');
    expect(message('{"a":"x\ny"}')).toContain('line break or another control character in a text');
    expect(message('  ')).toContain('is empty');
    expect(message('<a>')).toContain('there is a < where a list or an object begins, at byte 1');
    expect(message('[1, "two", {"a":[{}]}, null]')).toBe('1|"two"|{"a":[{}]}|null');
    expect(message('[]')).toBe('');
  });
});

describe('a file is read', () => {
  it('with a byte order mark, compressed or not', async () => {
    const { gzipSync } = await import('node:zlib');
    for (const body of ['\ufeff[{"a":1}]', gzipSync('[{"a":1}]'), gzipSync('\ufeff[{"a":1}]')])
      expect(await records('x.json', body, 64)).toEqual(['{"a":1}']);
    expect(await records('x.jsonl', '\ufeff{"a":1}\r\n\n{"a":2}', 64)).toEqual(['{"a":1}', '{"a":2}']);
    expect(await records('x.csv.gz', gzipSync('\ufeffa,b\n1,"2\n3"\n'))).toEqual(['{"a":"1","b":"2\\n3"}']);
  });

  it('as a table, with the lines told that are none', async () => {
    expect(await records('x.csv', 'a,b\r\n1,2\r\n3\r\n\r\n')).toEqual([
      '{"a":"1","b":"2"}',
      '{"$malformed":"has 1 values where the header names 2","values":["3"]}',
    ]);
    expect(await failure('x.csv', 'a,a\n1,2\n')).toContain('names the column "a" twice');
    expect(await failure('x.csv', 'a,b\n1,"2\n')).toContain('is no table');
    expect(await records('x.csv', '')).toEqual([]);
  });

  it('as UTF-8 only, and never half', async () => {
    expect(await failure('x.json', Buffer.from('[{"a":"\xe9"}]', 'latin1'))).toContain(
      'is not UTF-8 text in record 1',
    );
    expect(await failure('x.ndjson', '{"a":1}\n{"a":')).toContain('is cut off in line 2');
    const { gzipSync } = await import('node:zlib');
    const whole = gzipSync(
      JSON.stringify(Array.from({ length: 500 }, (_, at) => ({ at, r: Math.random() }))),
    );
    expect(await failure('x.json', whole.subarray(0, whole.length - 20))).toContain('is no whole gzip file');
  });

  it('in flat memory', async () => {
    const line = `{"a":"${'x'.repeat(1_000)}"}`;
    async function* body() {
      yield Buffer.from('[');
      for (let at = 0; at < 100_000; at += 1) yield Buffer.from(`${at === 0 ? '' : ','}${line}`);
      yield Buffer.from(']');
    }
    const content = readRecords({
      format: 'json',
      where: 'x',
      bytes: Readable.from(body()),
      delimiter: ',',
      malformed: '',
    });
    const before = process.memoryUsage().rss;
    let count = 0;
    let peak = 0;
    for await (const { raw } of content.records) {
      count += raw.length === line.length ? 1 : 0;
      if (count % 10_000 === 0) peak = Math.max(peak, process.memoryUsage().rss);
    }
    expect(count).toBe(100_000);
    expect(peak - before).toBeLessThan(70_000_000);
  });
});
