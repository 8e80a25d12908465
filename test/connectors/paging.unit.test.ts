import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { furthestPage, offsetPaginator, pageNumberPaginator } from '../../src/connectors/paging/counted.js';
import { addDays, dayPaginator } from '../../src/connectors/paging/day.js';
import {
  linkHeaderPaginator,
  nextUrlPaginator,
  tokenPaginator,
} from '../../src/connectors/paging/handed-out.js';
import { keysetPaginator, keysetRanges } from '../../src/connectors/paging/keyset.js';
import { linkTarget } from '../../src/connectors/paging/link-header.js';
import type { Paginator, Reading, SeenPage } from '../../src/connectors/paging/paginator.js';
import type { Cursor } from '../../src/connectors/port.js';
import { BatonError } from '../../src/protocol/errors.js';

const window = { from: null, to: '2026-01-01T00:00:00.000Z' };
const reading: Reading = { window, size: 10 };

function page(more: Partial<SeenPage> = {}): SeenPage {
  return {
    records: [],
    envelope: new Map(),
    headers: {},
    baseUrl: 'https://api.example.com/base',
    path: '/v1/items?limit=10',
    ...more,
  };
}

function errorOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof BatonError) return error.error;
  }
  return 'nothing';
}

describe('what the vendor hands out', () => {
  const style = { parameter: 'cursor', token: { member: 'next' } } as const;

  function walk(next: (position: string) => string): number {
    const paginator = tokenPaginator('s', style);
    let cursor: Cursor | null = paginator.take(
      null,
      page({ envelope: new Map([['next', 'c0']]) }),
      reading,
    ).next;
    for (let count = 1; count < 10_000; count++) {
      const stored = paginator.check(JSON.parse(JSON.stringify(cursor)), window);
      const token = next(String(stored['at']));
      try {
        cursor = paginator.take(stored, page({ envelope: new Map([['next', token]]) }), reading).next;
      } catch (error) {
        expect((error as BatonError).error).toBe('ERR_CURSOR_ENDLESS');
        return count;
      }
    }
    return Number.POSITIVE_INFINITY;
  }

  it('may go in a cycle of any length behind any number of good pages: it is caught', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 1, max: 60 }), (tail, length) => {
        const pages = walk((at) => {
          const n = Number(at.slice(1)) + 1;
          return `c${n < tail + length ? n : tail}`;
        });
        expect(pages).toBeLessThanOrEqual(4 * (tail + length) + 2);
      }),
    );
  });

  it('is never taken for a cycle when it is none', () => {
    expect(walk((at) => `c${Number(at.slice(1)) + 1}`)).toBe(Number.POSITIVE_INFINITY);
  });

  it.each([undefined, null, ''])('ends with the page whose token is %j', (token) => {
    const taken = tokenPaginator('s', style).take(
      null,
      page({ envelope: new Map([['next', token]]) }),
      reading,
    );
    expect(taken.next).toBeNull();
  });

  it('must say where, when it says that there is more', () => {
    const paginator = tokenPaginator('s', { ...style, isEnd: () => false });
    expect(() => paginator.take(null, page(), reading)).toThrow(/more, but not where/);
  });

  it('may stand in a header', () => {
    const paginator = tokenPaginator('s', { parameter: 'cursor', token: { header: 'x-next' } });
    const { next } = paginator.take(null, page({ headers: { 'x-next': 'abc' } }), reading);
    expect(paginator.ask(next, reading)).toEqual({ path: null, query: { cursor: 'abc' } });
  });
});

describe('the address of the next page', () => {
  const ask = (url: string): string | null => {
    const paginator = nextUrlPaginator('s', 'next');
    const { next } = paginator.take(null, page({ envelope: new Map([['next', url]]) }), reading);
    return paginator.ask(next, reading).path;
  };

  it.each([
    ['https://api.example.com/base/v1/items?page=2', '/v1/items?page=2'],
    ['https://API.example.com:443/base/v1/items?page=2', '/v1/items?page=2'],
    ['/base/v1/items?page=2', '/v1/items?page=2'],
    ['?page=2', '/v1/items?page=2'],
    ['items?page=2#top', '/v1/items?page=2'],
    ['https://api.example.com/base/v1/items?q=a b&n=é', '/v1/items?q=a%20b&n=%C3%A9'],
  ])('%s is %s below baseUrl', (url, path) => {
    expect(ask(url)).toBe(path);
  });

  it.each([
    'https://evil.example/base/v1/items',
    '//evil.example/base/v1/items',
    'https://api.example.com@evil.example/base/v1',
    'https://user:pass@api.example.com/base/v1/items',
    'https://api.example.com.evil.example/base/v1',
    'https://api.example.com:8443/base/v1/items',
    'http://api.example.com/base/v1/items',
    'http://169.254.169.254/latest/meta-data',
    '\\\\evil.example\\base',
    '/other/v1/items',
    '/base/../other/v1',
    '/base%2f..%2f..',
    'file:///etc/passwd',
    'javascript:alert(1)',
    'https://',
  ])('%s is refused', (url) => {
    expect(errorOf(() => ask(url))).toBe('ERR_SOURCE_FOREIGN_URL');
  });

  it('cannot smuggle a host in as the beginning of a path', () => {
    expect(errorOf(() => ask('https://api.example.com/base//evil.example/x'))).toBe('ERR_CURSOR_INVALID');
  });

  it('is refused in a Link header alike, and its detail names the other host only', () => {
    const link = '<https://evil.example/base/v1/items?token=abc>; rel="next"';
    try {
      linkHeaderPaginator('s').take(null, page({ headers: { link } }), reading);
      expect.unreachable();
    } catch (error) {
      expect((error as BatonError).error).toBe('ERR_SOURCE_FOREIGN_URL');
      expect((error as BatonError).message).toContain('evil.example');
      expect((error as BatonError).message).not.toContain('abc');
    }
  });
});

describe('a Link header', () => {
  it.each([
    [undefined, null],
    ['', null],
    ['<https://x/1>; rel="prev"', null],
    ['<https://x/2>; rel="next"', 'https://x/2'],
    ['<https://x/2>; rel=next', 'https://x/2'],
    ['<https://x/2>;REL="Next"', 'https://x/2'],
    ['<https://x/1>; rel="first", <https://x/2>; rel="next", <https://x/9>; rel="last"', 'https://x/2'],
    ['<https://x/2?a=1,2;b=3>; title="a, <b>; c"; rel="next"', 'https://x/2?a=1,2;b=3'],
    ['<https://x/2>; rel="prefetch next"', 'https://x/2'],
    ['<https://x/2>; rel="next-archive"', null],
    ['<https://x/2>; title="rel=next"', null],
    ['https://x/2; rel="next"', null],
  ])('%j: next is %j', (header, target) => {
    expect(linkTarget(header, 'next')).toBe(target);
  });

  it('takes little time whatever it holds', () => {
    const started = performance.now();
    for (const piece of ['<', '<>;', '; a="', '<a>; b="\\', ' ;']) linkTarget(piece.repeat(200_000), 'next');
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});

describe('keys and days', () => {
  it('want to rise', () => {
    const keyset = keysetPaginator('s', {
      after: 'a',
      endsShort: false,
      keyOf: (record) => record.toString(),
    });
    const records = [Buffer.from('99')];
    const { next } = keyset.take(null, page({ records }), reading);
    expect(next).toEqual({ at: '99', to: window.to });
    expect(errorOf(() => keyset.take(next, page({ records }), reading))).toBe('ERR_CURSOR_ENDLESS');
    expect(keyset.take(next, page({ records: [Buffer.from('100')] }), reading).next?.['at']).toBe('100');
    expect(errorOf(() => keyset.take(null, page({ records: [Buffer.from('x')] }), reading))).toBe(
      'ERR_CURSOR_INVALID',
    );
  });

  it('cover each day once, in pages none of which is short', () => {
    const from = '2026-01-01';
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 400 }), fc.integer({ min: 1, max: 120 }), (length, size) => {
        const to = addDays(from, length - 1);
        const spans: string[][] = [];
        const paginator = dayPaginator('s', {
          days: () => ({ from, to }),
          mostDays: 90,
          fewestDays: 7,
          path: (...span) => span.join('..'),
        });
        let cursor: Cursor | null = null;
        do {
          spans.push((paginator.ask(cursor, { window, size }).path ?? '').split('..'));
          cursor = paginator.take(cursor, page(), { window, size }).next;
        } while (cursor !== null);
        expect(spans[0]?.[0]).toBe(from);
        expect(spans.at(-1)?.[1]).toBe(to);
        for (const [index, [first = '', last = '']] of spans.entries()) {
          if (index > 0) expect(first).toBe(addDays(spans[index - 1]?.[1] ?? '', 1));
          if (length >= 7) expect(addDays(first, 6) <= last).toBe(true);
        }
      }),
    );
  });
});

describe('counted pages', () => {
  it('by number overlap and reach further, whatever stands where', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 20, max: 1_000 }),
        fc.integer({ min: 1, max: 50_000_000 }),
        (size, end) => {
          const span = furthestPage(end - 1, end, size);
          expect(span).not.toBeNull();
          const { start, count } = span ?? { start: 0, count: 0 };
          expect(start % count).toBe(0);
          expect(count).toBeLessThanOrEqual(size);
          expect(start).toBeLessThan(end);
          expect(start + count).toBeGreaterThan(end);
        },
      ),
    );
  });

  const list = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, index) => Buffer.from(`{"id":${from + index}}`));

  /** Reads what `answer` gives for each offset, at most so many pages. */
  function walk(
    paginator: Paginator,
    answer: (query: Readonly<Record<string, string | number>>) => Buffer[],
  ) {
    const read: string[] = [];
    let cursor: Cursor | null = null;
    for (let count = 0; count < 200; count += 1) {
      const taken = paginator.take(
        cursor,
        page({ records: answer(paginator.ask(cursor, reading).query) }),
        reading,
      );
      read.push(...taken.records.map(String));
      if (taken.next === null) return read;
      cursor = paginator.check(JSON.parse(JSON.stringify(taken.next)), window);
    }
    throw new Error('it does not end');
  }

  const offset = offsetPaginator('s', { offset: 'from', limit: 'limit' });

  it('take the size that the vendor gives for the size there is', () => {
    const all = list(0, 97);
    const read = walk(offset, ({ from }) => all.slice(Number(from), Number(from) + 4));
    expect(read).toEqual(all.map(String));
    const numbered = pageNumberPaginator('s', { page: 'page', size: 'size' });
    const capped = walk(numbered, ({ page: number, size }) => {
      const count = Math.min(7, Number(size));
      return all.slice((Number(number) - 1) * count, Number(number) * count);
    });
    expect(new Set(capped)).toEqual(new Set(all.map(String)));
  });

  it('end with an error where the vendor takes no notice of the offset', () => {
    expect(errorOf(() => walk(offset, () => list(0, 10)))).toBe('ERR_CURSOR_ENDLESS');
  });

  it('end with an error where no record is ever seen again', () => {
    let now = 0;
    const shifting = () => {
      now += 1_000;
      return list(now, now + 10);
    };
    expect(errorOf(() => walk(offset, shifting))).toBe('ERR_SOURCE_UNSTABLE');
  });
});

describe('ranges of a keyset', () => {
  const cursor = { at: '1000', to: '2026-01-01T00:00:00Z' };

  it('follow one another without gap or overlap, and the last one is open', () => {
    fc.assert(
      fc.property(
        fc.bigInt(1n, 10n ** 25n),
        fc.integer({ min: 1, max: 999 }),
        fc.integer({ min: 1, max: 1000 }),
        (width, lowest, records) => {
          const highest = String(1000n + width);
          const ranges = keysetRanges(cursor, String(lowest), highest, records);
          expect(ranges.length).toBeGreaterThanOrEqual(1);
          expect(ranges.length).toBeLessThanOrEqual(32);
          expect(ranges[0]?.['at']).toBe('1000');
          for (const [index, range] of ranges.entries()) {
            const next = ranges[index + 1];
            expect(range['until']).toBe(next?.['at']);
            if (next !== undefined)
              expect(BigInt(String(next['at']))).toBeGreaterThan(BigInt(String(range['at'])));
          }
        },
      ),
    );
  });

  it('are as many as some pages each make worthwhile', () => {
    const count = (highest: string) => keysetRanges(cursor, '951', highest, 50).length;
    expect(count('1100')).toBe(1); // two pages more
    expect(count('2000')).toBe(2); // twenty
    expect(count('3000')).toBe(4); // forty
    expect(count('900')).toBe(1); // nothing behind it
  });
});
