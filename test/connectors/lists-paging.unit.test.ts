import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pageNumberPaginator } from '../../src/connectors/paging/counted.js';
import { listsPaginator } from '../../src/connectors/paging/lists.js';
import type { Cursor } from '../../src/connectors/port.js';

interface Item {
  readonly id: number;
  readonly updated_at: string;
}

const window = { from: null, to: '2027-01-01T00:00:00.000Z' };
const mostPages = 12;
const size = 40;
/** Pages of half the size at most: what the paginator may ask for before the vendor's last page. */
const after = (mostPages * size) / 2 - size;
const timeOf = (record: Buffer) => (JSON.parse(record.toString()) as Item).updated_at;
const at = (second: number) => new Date(Date.UTC(2026, 0, 1) + second * 1_000).toISOString();

/** A vendor that lists by change time, ascending, and only so many pages; it changes while it is read. */
function read(items: Item[], change: (page: number) => void): { ids: number[]; most: number } {
  const paginator = listsPaginator('t', pageNumberPaginator('t', { page: 'page', size: 'per_page' }), {
    lists: [{}, { filter: 'deleted' }],
    restart: { after, parameter: 'since', timeOf },
  });
  const ids: number[] = [];
  let most = 0;
  let cursor: Cursor | null = null;
  for (let page = 0; page < 500; page += 1) {
    const query: Readonly<Record<string, string | number>> = paginator.ask(cursor, { window, size }).query;
    const number = Number(query['page']);
    const count = Number(query['per_page']);
    most = Math.max(most, number);
    const since = Date.parse(String(query['since'] ?? '1970-01-01T00:00:00Z'));
    const listed =
      query['filter'] === 'deleted'
        ? []
        : items
            .filter(({ updated_at }) => Date.parse(updated_at) >= since)
            .toSorted((a, b) => Date.parse(a.updated_at) - Date.parse(b.updated_at) || a.id - b.id);
    const records = listed
      .slice((number - 1) * count, number * count)
      .map((item) => Buffer.from(JSON.stringify(item)));
    const seen = { records, envelope: new Map(), headers: {}, baseUrl: 'http://x', path: '/' };
    const taken = paginator.take(cursor, seen, { window, size });
    ids.push(...taken.records.map((record) => (JSON.parse(record.toString()) as Item).id));
    change(page);
    if (taken.next === null) return { ids, most };
    cursor = paginator.check(JSON.parse(JSON.stringify(taken.next)), window);
  }
  throw new Error('it never ends');
}

describe('lists that end before what they list', () => {
  it('are asked for anew from where they ended: every record is read, also one that changes meanwhile', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(40), { minLength: 30, maxLength: 900 }),
        fc.array(fc.nat(899), { maxLength: 20 }),
        (steps, changes) => {
          let second = 0;
          const items: Item[] = steps.map((step, id) => {
            second += Math.floor(step / 30);
            return { id, updated_at: at(second) };
          });
          // More records of one second than the vendor lists cannot be read at all, and that is said.
          const bySecond = new Map<string, number>();
          for (const { updated_at } of items) bySecond.set(updated_at, (bySecond.get(updated_at) ?? 0) + 1);
          fc.pre(Math.max(...bySecond.values()) < after / 2);
          const { ids, most } = read(items, (page) => {
            const index = changes[page];
            const item = index === undefined ? undefined : items[index];
            if (index !== undefined && item !== undefined) {
              second += 1;
              items[index] = { ...item, updated_at: at(second) };
            }
          });
          expect(new Set(ids)).toEqual(new Set(items.map(({ id }) => id)));
          expect(most).toBeLessThanOrEqual(mostPages);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('say so where more records have one time than are listed', () => {
    const items = Array.from({ length: 400 }, (_, id) => ({ id, updated_at: at(1) }));
    expect(() => read(items, () => {})).toThrow(/more than 200 records of/);
  });
});
