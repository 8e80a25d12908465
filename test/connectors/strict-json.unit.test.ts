import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseStrictJson } from '../../src/connectors/strict-json.js';

const parse = (text: string) => parseStrictJson(Buffer.from(text));

describe('a body that everybody reads alike', () => {
  it('is read as JSON.parse reads it, whatever it holds', () => {
    const names = fc.string({ unit: 'binary' }).filter((name) => name !== '__proto__');
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { maxDepth: 6 },
        fc.constant(null),
        fc.boolean(),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.string({ unit: 'binary' }),
        fc.array(tie('any'), { maxLength: 5 }),
        fc.dictionary(names, tie('any'), { maxKeys: 5 }),
      ),
    })).any;
    fc.assert(
      fc.property(value, fc.constantFrom(undefined, 1, '\t'), (content, space) => {
        const text = JSON.stringify(content, null, space);
        expect(parse(text)).toEqual(JSON.parse(text));
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['quotes, brackets and colons in texts', '{"a:{[,":"}],:\\"{"}'],
    ['the same name on different levels', '{"a":{"a":[{"a":1},{"a":2}]}}'],
    ['a hundred levels', `${'['.repeat(100)}${']'.repeat(100)}`],
    ['the largest number', '1.7976931348623157e308'],
    ['a number too small to be told from zero', '1e-400'],
    ['a whole pair of surrogates, escaped', '"\\ud83d\\ude00"'],
    ['an escaped backslash before a quote', '{"a":"\\\\","b":1}'],
  ])('may have %s', (_, text) => {
    expect(parse(text)).toEqual(JSON.parse(text));
  });

  it('is read in milliseconds at a megabyte, also when it is made to be slow', () => {
    const texts = [
      JSON.stringify(Array.from({ length: 20_000 }, (_, id) => ({ id, name: `order ${id}` }))),
      `"${'\\\\'.repeat(500_000)}"`,
      `[${'"\\"",'.repeat(170_000)}0]`,
    ];
    for (const text of texts) {
      const startedAt = performance.now();
      parse(text);
      expect(performance.now() - startedAt).toBeLessThan(1_000);
    }
  });
});

describe('a body that two readers may take for different things', () => {
  it.each([
    ['a name that comes twice', '{"a":1,"a":2}', '“a” comes twice'],
    ['… in other letters', '{"a":{"b":1,"\\u0062":2}}', '“a.b” comes twice'],
    ['… far apart', `{"x":1,${'"y":[{"x":1}],'.replace('y', 'y')}"x":2}`, '“x” comes twice'],
    ['a number beyond a double', '[1,{"n":-1e999}]', '“1.n” is a number too large'],
    ['a lone high surrogate', '["\\ud800"]', '“0” holds half a character'],
    ['a lone low surrogate in a name', '{"\\udc00":1}', 'has a name with half a character'],
    ['__proto__', '{"a":{"__proto__":{}}}', '“a.__proto__” is a name that is not taken'],
    ['__proto__ in other letters', '{"\\u005f_proto__":{}}', 'is a name that is not taken'],
    ['more than a hundred levels', `${'{"a":'.repeat(101)}1${'}'.repeat(101)}`, 'nested deeper than 100'],
    ['something behind its end', '{} {}', 'is not JSON'],
    ['a byte order mark', '\ufeff{}', 'is not JSON'],
    ['nothing', '', 'is not JSON'],
  ])('is refused: %s', (_, text, reason) => {
    expect(() => parse(text)).toThrow(reason);
  });
});
