import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blocksOf, splitLines, textsOf } from '../../src/lake/lines.js';

const large = 140_000;

/** A page whose records are cut out of its body, as the splitter cuts them: one byte stands between two. */
function page(texts: readonly string[], between = ',', pad = large): Buffer[] {
  const body = Buffer.from(new ArrayBuffer(pad + texts.join(between).length + 2));
  body.write('[');
  let at = 1;
  return texts.map((text) => {
    const start = at;
    at += body.write(text, at);
    const record = body.subarray(start, at);
    at += body.write(between, at);
    return record;
  });
}

const read = (texts: readonly Buffer[]): string[] =>
  texts.flatMap((text) => splitLines(text)).map((line) => line.toString());

describe('textsOf', () => {
  it('makes a large page a text in the memory it came in', () => {
    const records = page(['{"a":1}', '{"b":"é"}', '{}']);
    const [text, ...others] = textsOf([records]);
    expect(others).toEqual([]);
    expect(text?.buffer).toBe(records[0]?.buffer);
    expect(text?.toString()).toBe('{"a":1}\n{"b":"é"}\n{}\n');
  });

  it('makes the same text when it is made twice', () => {
    const records = page(['1', '2']);
    expect(textsOf([records]).map(String)).toEqual(textsOf([records]).map(String));
  });

  it('writes into no memory that others share: a small page is copied', () => {
    const body = Buffer.from('[{"a":1},{"b":2}]');
    const records = [body.subarray(1, 8), body.subarray(9, 16)];
    expect(textsOf([records]).map(String)).toEqual(['{"a":1}\n{"b":2}\n']);
    expect(body.toString()).toBe('[{"a":1},{"b":2}]');
  });

  it('overwrites nothing of a page whose records stand further apart, or of which some were left out', () => {
    const spaced = page(['1', '2'], ', ');
    const before = Buffer.from(new Uint8Array(spaced[0]?.buffer as ArrayBuffer)).toString();
    const kept = page(['1', '2', '3']);
    expect(textsOf([spaced]).map(String)).toEqual(['1\n2\n']);
    expect(Buffer.from(new Uint8Array(spaced[0]?.buffer as ArrayBuffer)).toString()).toBe(before);
    expect(textsOf([[kept[0], kept[2]] as Buffer[]]).map(String)).toEqual(['1\n3\n']);
    expect(kept[1]?.toString()).toBe('2');
  });

  it('copies a record that ends with its memory', () => {
    const body = Buffer.from(new ArrayBuffer(large)).fill('x');
    expect(textsOf([[body]]).map((text) => text.length)).toEqual([large + 1]);
  });

  it('gives every record once, in its order, wherever the pages lie and however they are cut', () => {
    const record = fc.string({ maxLength: 20 }).map((text) => JSON.stringify(text));
    const pages = fc.array(
      fc.record({
        texts: fc.array(record, { maxLength: 8 }),
        between: fc.constantFrom(',', ', ', '\n'),
        pad: fc.constantFrom(0, large),
      }),
      { maxLength: 6 },
    );
    fc.assert(
      fc.property(pages, fc.integer({ min: 1, max: 5 }), (given, linesEach) => {
        const texts = textsOf(given.map(({ texts, between, pad }) => page(texts, between, pad)));
        const all = given.flatMap(({ texts }) => texts);
        expect(read(texts)).toEqual(all);
        const blocks = [...blocksOf(texts, linesEach)];
        expect(blocks.flatMap(({ text }) => read([text]))).toEqual(all);
        let next = 1;
        for (const { first, count } of blocks) {
          expect(first).toBe(next);
          next += count;
        }
        expect(next - 1).toBe(all.length);
      }),
      { numRuns: 200 },
    );
  });
});
