import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { columnFor, fieldTypes, holds, storableKey, widest } from '../../src/domain/shape.js';
import { observeShapes, sumOfShapes } from '../../src/warehouse/shape-observer.js';

const type = fc.constantFrom(...fieldTypes);

describe('types of fields', () => {
  it('are joined in any order to the same type, which holds each of them', () => {
    fc.assert(
      fc.property(type, type, type, (a, b, c) => {
        expect(widest(a, b)).toBe(widest(b, a));
        expect(widest(widest(a, b), c)).toBe(widest(a, widest(b, c)));
        expect(holds(widest(a, b), a)).toBe(true);
      }),
    );
  });

  it.each([
    ['integer', 'numeric', 'numeric'],
    ['numeric', 'text', 'text'],
    ['boolean', 'integer', 'text'],
    ['boolean', 'text', 'text'],
    ['boolean', 'json', 'json'],
    ['text', 'json', 'json'],
  ] as const)('%s and %s are %s', (one, other, both) => {
    expect(widest(one, other)).toBe(both);
  });
});

describe('names of fields', () => {
  it.each([
    ['risk-score', 'risk_score'],
    ['riskScore', 'risk_score'],
    ['Größe', 'gro_e'],
    ['2nd', 'f_2nd'],
    ['_tenant', 'tenant'],
  ])('%s becomes %s', (key, column) => {
    expect(columnFor(key, new Set())).toBe(column);
  });

  it('get a digest where the name is taken, always the same one', () => {
    const taken = new Set(['tier']);
    expect(columnFor('Tier', taken)).toMatch(/^tier_[0-9a-f]{8}$/);
    expect(columnFor('Tier', taken)).toBe(columnFor('Tier', taken));
    expect(columnFor('TIER', taken)).not.toBe(columnFor('Tier', taken));
  });

  it('are what a table can keep, or marked', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (name) => {
        const { key, hostile } = storableKey(name);
        expect(key.length).toBeLessThanOrEqual(200);
        expect(key).not.toMatch(/[\0\p{Surrogate}]/u);
        if (!hostile) expect(key).toBe(name);
      }),
    );
  });
});

describe('what is seen of records', () => {
  it('is the same whether they are read as bytes or as text', () => {
    const name = fc.string({ unit: 'grapheme', maxLength: 8 });
    fc.assert(
      fc.property(fc.array(fc.dictionary(name, fc.jsonValue()), { maxLength: 5 }), (records) => {
        const texts = observeShapes({ contract: { columns: 'evolve', dataType: 'evolve' }, fields: null });
        const bytes = observeShapes({ contract: { columns: 'evolve', dataType: 'evolve' }, fields: null });
        for (const record of records) {
          const text = JSON.stringify(record);
          texts.see({ fields: JSON.parse(text), inBytes: false });
          bytes.see({ fields: JSON.parse(Buffer.from(text).toString('latin1')), inBytes: true });
        }
        const sorted = (seen: ReturnType<typeof texts.seen>) =>
          [...seen.fields].sort((a, b) => (a.key < b.key ? -1 : 1));
        expect(sorted(bytes.seen())).toEqual(sorted(texts.seen()));
        for (const { key, records: had } of texts.seen().fields)
          expect(had).toBe(records.filter((record) => Object.hasOwn(record, key)).length);
      }),
    );
  });

  it('ends where names are made up', () => {
    const observer = observeShapes({ contract: { columns: 'evolve', dataType: 'evolve' }, fields: null });
    for (let at = 0; at < 3_000; at += 1) observer.see({ fields: { [`id-${at}`]: at }, inBytes: false });
    expect(observer.seen().fields).toHaveLength(2_001);
    expect(observer.seen().fields.at(-1)).toMatchObject({ key: '(more than 2000 fields)', hostile: true });
  });

  it('adds up what was seen block by block, in whatever blocks, to what one observer sees', () => {
    const names = fc.constantFrom('a', 'b', 'c', 'Łódź', '\0');
    const blocks = fc.array(fc.array(fc.dictionary(names, fc.jsonValue()), { maxLength: 4 }), {
      maxLength: 4,
    });
    const known = { contract: { columns: 'evolve', dataType: 'evolve' }, fields: null } as const;
    const byKey = (a: { key: string }, b: { key: string }) => (a.key < b.key ? -1 : 1);
    fc.assert(
      fc.property(blocks, (cut) => {
        const whole = observeShapes(known);
        const sum = sumOfShapes();
        for (const block of cut) {
          const observer = observeShapes(known);
          for (const fields of block) {
            observer.see({ fields, inBytes: false });
            whole.see({ fields, inBytes: false });
          }
          sum.add(observer.seen());
        }
        expect(sum.seen().records).toBe(whole.seen().records);
        expect(sum.seen().fields.toSorted(byKey)).toEqual(whole.seen().fields.toSorted(byKey));
      }),
    );
  });

  it('adds up no more fields than one observer would look at', () => {
    const known = { contract: { columns: 'evolve', dataType: 'evolve' }, fields: null } as const;
    const sum = sumOfShapes();
    for (let block = 0; block < 4; block += 1) {
      const observer = observeShapes(known);
      for (let at = 0; at < 900; at += 1)
        observer.see({ fields: { [`id-${block}-${at}`]: at }, inBytes: false });
      sum.add(observer.seen());
    }
    expect(sum.seen().fields).toHaveLength(2_001);
    expect(sum.seen().fields.at(-1)).toMatchObject({ hostile: true, records: 3_600 });
  });
});
