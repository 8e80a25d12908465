import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Bench, openBench, supplier } from './bench.js';

let bench: Bench;

beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench.close());

/** Names that have broken loaders before. */
const notorious = [
  '',
  ' ',
  '_tenant',
  '_baton_x',
  '__proto__',
  'constructor',
  'hasOwnProperty',
  'toString',
  'raw',
  'ctid',
  'xmin',
  'tableoid',
  'select',
  'user',
  'Tier',
  'tier',
  'TIER',
  'tiér',
  'supplier-id',
  'SUPPLIER_ID',
  'is_current',
  'valid_from',
  'a?b',
  'a:b::c',
  ':tenant',
  '$1',
  '"; DROP TABLE raw.coupa_suppliers; --',
  "it's",
  'back\\slash',
  'tab\tnew\nline',
  'price (€)',
  '价格',
  '😀',
  '1st',
  `${'x'.repeat(63)}a`,
  `${'x'.repeat(63)}b`,
  'ä'.repeat(300),
  'nul\0inside',
  'half\ud800pair',
] as const;

const name = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...notorious) },
  fc.string({ unit: 'binary', maxLength: 70 }),
);
const value = fc.oneof(
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.boolean(),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constantFrom('nul\0', 'half\udfff', '\\u0000', '\\', '{"a":1}', ''),
  fc.array(
    fc.oneof(
      { weight: 3, arbitrary: fc.string({ unit: 'binary', maxLength: 5 }) },
      fc.constantFrom('\0', 'half\udfff', '\\u0000', '\\\0'),
    ),
    { maxLength: 2 },
  ),
  fc.record({ x: fc.string({ unit: 'grapheme' }) }),
);

/** What a column must show: the value as text; what no table can store as U+FFFD, at any depth. */
function shown(given: unknown): string {
  const storable = (text: string) => text.replace(/[\0\p{Surrogate}]/gu, '\ufffd');
  if (typeof given === 'string') return storable(given);
  return JSON.stringify(given, (_, inner) => (typeof inner === 'string' ? storable(inner) : inner));
}

function isStorable(text: string): boolean {
  return text.length <= 200 && !/[\0\p{Surrogate}]/u.test(text);
}

let rows = 0;

it('takes fields of any name and value: each has a column of its own with its value, or is in raw alone', async () => {
  await bench.load('suppliers', [supplier]);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(name, value), { minLength: 1, maxLength: 6 }), async (fields) => {
      // Another table each time, as far as what is known goes.
      await forget();
      rows += 1;
      const id = `s${rows}`;
      const own = fields.filter(([key]) => !Object.hasOwn(supplier, key));
      const record = Object.fromEntries([...Object.entries(supplier), ...own, ['id', id]]);
      const text = JSON.stringify(record);
      const { counts } = await bench.load('suppliers', [text]);
      expect(counts).toMatchObject({ loaded: 1, quarantined: 0 });

      const known = await bench.rows<{ key: string; state: string; column_name: string | null }>(
        'SELECT key, state, column_name FROM raw._baton_fields',
      );
      const columns = known.flatMap(({ column_name }) => (column_name === null ? [] : [column_name]));
      expect(new Set(columns).size).toBe(columns.length);
      for (const column of columns) expect(column).toMatch(/^[a-z][a-z0-9_]{0,62}$/);
      const [row] = await bench.rows<Record<string, unknown>>(
        `SELECT raw::text AS "the record", ${['supplier_id', ...columns].map((column) => `"${column}"::text`).join(', ')}
         FROM raw.coupa_suppliers WHERE supplier_id = '${id}'`,
      );
      expect(row?.['the record']).toBe(text);
      const last = new Map(own);
      for (const [key, given] of last) {
        const field = known.find((candidate) => candidate.key === key);
        if (!isStorable(key)) expect(field?.column_name ?? null).toBeNull();
        else if (field?.state === 'column')
          expect(asShown(row?.[field.column_name ?? ''], given)).toBe(shown(given));
        else expect(mapped).toContain(field?.key);
      }
    }),
    { numRuns: 150 },
  );
}, 120_000);

/** Taken for the mapped columns supplier_id and is_current…: another spelling of what the mapper reads. */
const mapped = ['supplier-id', 'SUPPLIER_ID'];

/** Numbers as JavaScript reads them, JSON without the server's spaces. */
function asShown(found: unknown, given: unknown): string {
  if (typeof given === 'number') return JSON.stringify(Number(found));
  if (typeof given === 'object') return JSON.stringify(JSON.parse(String(found)));
  return String(found);
}

async function forget(): Promise<void> {
  const columns = await bench.rows<{ column_name: string }>(
    `SELECT column_name FROM raw._baton_fields WHERE state = 'column'`,
  );
  for (const { column_name } of columns)
    await bench.database.knex.raw(`ALTER TABLE raw.coupa_suppliers DROP COLUMN "${column_name}"`);
  await bench.database.knex.raw(`DELETE FROM raw._baton_fields WHERE state <> 'raw'`);
}

it.each([
  ['"\\u0000\\u0000x\\\\u0000"', '\ufffd\ufffdx\\u0000'],
  ['"\\ud83d\\ude00"', '😀'],
  ['"\\ud83d x \\u00e9"', '\ufffd x é'],
  ['1e3', '1000'],
  ['1.0', '1'],
  ['-0', '0'],
])('reads %s of a record as %s', async (written, expected) => {
  await forget();
  rows += 1;
  const text = JSON.stringify({ ...supplier, id: `s${rows}` }).replace(/\}$/, `,"odd":${written}}`);
  await bench.load('suppliers', [text]);
  const [row] = await bench.rows<{ odd: string }>(
    `SELECT odd::text FROM raw.coupa_suppliers WHERE supplier_id = 's${rows}'`,
  );
  expect(row?.odd).toBe(expected);
});
