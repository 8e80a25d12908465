import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JsonSplitError, splitArray, splitEntries } from '../../src/connectors/json-split.js';

const texts = (records: readonly Buffer[]): string[] => records.map((record) => record.toString('utf8'));
const spaces = fc.constantFrom(undefined, 1, 2, '\t', '\r\n ');

describe('splitArray', () => {
  it('cuts a bare array into the very values that JSON.parse sees, on one line each', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue({ maxDepth: 4 })), spaces, (values, indent) => {
        const { records } = splitArray(Buffer.from(JSON.stringify(values, null, indent)), null);
        const lines = texts(records);
        expect(lines.map((line) => JSON.parse(line))).toEqual(JSON.parse(JSON.stringify(values)));
        for (const line of lines) expect(line).not.toMatch(/[\r\n]/);
      }),
      { numRuns: 500 },
    );
  });

  it('finds the array under a key wherever it stands, and gives the rest parsed', () => {
    fc.assert(
      fc.property(
        fc.array(fc.dictionary(fc.string(), fc.jsonValue())),
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.dictionary(fc.string(), fc.jsonValue()),
        spaces,
        (values, before, after, indent) => {
          const rest = new Map([...Object.entries(before), ...Object.entries(after)]);
          rest.delete('records');
          const members = [...rest];
          const half = members.length >> 1;
          const all = [...members.slice(0, half), ['records', values] as const, ...members.slice(half)];
          const body = `{${all.map(([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v, null, indent)}`).join(' ,\n')}}`;
          const page = splitArray(Buffer.from(body), 'records');
          expect(texts(page.records).map((line) => JSON.parse(line))).toEqual(
            JSON.parse(JSON.stringify(values)),
          );
          expect([...page.envelope]).toEqual(members.map(([k, v]) => [k, JSON.parse(JSON.stringify(v))]));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('keeps bytes: key order, duplicate keys, escapes, number spelling, brackets and quotes in texts', () => {
    const record = String.raw`{"b":1.50,"a":1e2,"a":0,"t":"]}[{\"\\\u00e9é𝄞","__proto__":{"x":[]}}`;
    const { records } = splitArray(Buffer.from(`[${record},\n${record}]`), null);
    expect(texts(records)).toEqual([record, record]);
  });

  it('refuses each proper prefix of a page', () => {
    const body = Buffer.from('{"size":2,"records":[{"a":"x\\"]"},{"b":[1,{}]}],"done":true}');
    for (let end = 0; end < body.length; end++) {
      expect(() => splitArray(Buffer.from(body.subarray(0, end)), 'records'), `at ${end}`).toThrow(
        JsonSplitError,
      );
    }
  });

  it.each([
    ['<html><body>[1]</body></html>', null],
    ['', null],
    ['  \n', null],
    ['null', null],
    ['{"records":[]}', null],
    ['[]', 'records'],
    ['{"records":{}}', 'records'],
    ['{"other":[]}', 'records'],
    ['{"records":[],"records":[]}', 'records'],
    ['[{}] x', null],
    ['[{},]', null],
    ['[,]', null],
    ['[{]}]', null],
    ['[{"a":"line\nbreak"}]', null],
    ['{"records":[],"broken":tru}', 'records'],
  ])('refuses %j under %j', (body, key) => {
    expect(() => splitArray(Buffer.from(body), key)).toThrow(JsonSplitError);
  });

  it('gives none for an empty array', () => {
    expect(splitArray(Buffer.from(' [ \n ] '), null).records).toEqual([]);
  });

  it('never throws anything but its own error, and never hangs, on arbitrary bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(null, 'a'), (bytes, key) => {
        try {
          splitArray(Buffer.from(bytes), key);
        } catch (error) {
          expect(error).toBeInstanceOf(JsonSplitError);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('splitEntries', () => {
  it('gives each member with its raw value', () => {
    const body = Buffer.from(
      '{"base":"EUR","rates":{"2026-01-02":{"USD":1.0890},\n"2026-01-05":{"USD":1.10}}}',
    );
    const { entries, envelope } = splitEntries(body, 'rates');
    expect(entries.map(([day, value]) => [day, value.toString()])).toEqual([
      ['2026-01-02', '{"USD":1.0890}'],
      ['2026-01-05', '{"USD":1.10}'],
    ]);
    expect(envelope.get('base')).toBe('EUR');
  });
});
