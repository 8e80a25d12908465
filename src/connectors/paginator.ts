import { createHash } from 'node:crypto';
import { BatonError } from '../protocol/errors.js';
import type { Cursor, Window } from './port.js';

/**
 * How a vendor's pages follow one another. A cursor carries the end of its window (`to`), so that it cannot
 * be used for another one, and what its style needs; it is checked before it is used.
 */
export interface Paginator {
  /** The position that a stored cursor holds; throws ERR_CURSOR_INVALID when it is unreadable. */
  check(cursor: unknown, window: Window): Cursor;
  /** The cursor after a page whose end the vendor described as `position`; ERR_CURSOR_ENDLESS when it stands still. */
  advance(from: Cursor | null, position: string, window: Window): Cursor;
  /** Where to go on: a key, a token or a path; null for the first page. */
  position(cursor: Cursor | null): string | null;
}

/**
 * Pages by rising numeric key: `id[gt]=<last>`. Needs no memory, since keys can only rise. A cursor may end before
 * the stream does: `until` is then the last key of its range.
 */
export function keysetPaginator(stream: string): Paginator {
  return {
    check(cursor, window) {
      const found = checked(stream, cursor, window, /^\d{1,30}$/, ['until']);
      const until = found['until'];
      if (until !== undefined && !(typeof until === 'string' && /^\d{1,30}$/.test(until)))
        throw invalid(stream, 'the stored cursor is unreadable');
      return found;
    },
    position,
    advance(from, last, window) {
      const before = position(from);
      if (!/^\d{1,30}$/.test(last))
        throw invalid(stream, `the key ${shown(last)} of the last record is not a number`);
      if (before !== null && !isGreater(last, before))
        throw endless(stream, `${last} does not come after ${before}`);
      return { ...from, at: last, to: window.to };
    },
  };
}

/** A range is worth its own end, an extra request, when it holds some pages. */
const pagesPerRange = 10;
const mostRanges = 32;

/**
 * Cuts what lies behind `cursor` up to the key `highest` into ranges of equal width. How many is guessed from how
 * densely the first page's `records` lie from `lowest` to the cursor. The last range has no end of its own, so that
 * nothing which came meanwhile is left out. One range = not worth cutting.
 */
export function keysetRanges(
  cursor: Cursor,
  lowest: string | null,
  highest: string,
  records: number,
): readonly Cursor[] {
  const at = BigInt(position(cursor) ?? 0);
  const width = BigInt(highest) - at;
  const firstWidth = lowest === null ? BigInt(Math.max(1, records)) : at - BigInt(lowest) + 1n;
  const pages = firstWidth > 0n && width > 0n ? width / firstWidth : 0n;
  const wanted = pages / BigInt(pagesPerRange);
  const count = wanted > BigInt(mostRanges) ? mostRanges : Math.max(1, Number(wanted));
  return Array.from({ length: count }, (_, index) => {
    const start = { ...cursor, at: String(at + (width * BigInt(index)) / BigInt(count)) };
    const end = String(at + (width * BigInt(index + 1)) / BigInt(count));
    return index === count - 1 ? start : { ...start, until: end };
  });
}

/** Pages by calendar day, ascending; the position is the first day of the next page. */
export function dayPaginator(stream: string): Paginator {
  return {
    check: (cursor, window) => checked(stream, cursor, window, /^\d{4}-\d{2}-\d{2}$/),
    position,
    advance(from, next, window) {
      const before = position(from);
      if (before !== null && next <= before) throw endless(stream, `${next} does not come after ${before}`);
      return { at: next, to: window.to };
    },
  };
}

/**
 * Pages by what the vendor hands out: a path or a token. A cycle of any length is caught with one remembered
 * position (Brent's algorithm): `mark` is the position at the last power of two, `page` counts.
 */
export function handedOutPaginator(stream: string, pattern: RegExp): Paginator {
  return {
    position,
    check(cursor, window) {
      const { at, to, page, mark } = checked(stream, cursor, window, pattern, ['page', 'mark']);
      if (!Number.isSafeInteger(page) || Number(page) < 1 || !/^[0-9a-f]{16}$/.test(String(mark))) {
        throw invalid(stream, 'the stored cursor is unreadable');
      }
      return { at: at ?? null, to: to ?? null, page: page ?? null, mark: mark ?? null };
    },
    advance(from, next, window) {
      if (!pattern.test(next)) throw invalid(stream, `the vendor handed out ${shown(next)}`);
      const page = Number(from?.['page'] ?? 0) + 1;
      const digest = digestOf(next);
      const mark = from === null ? null : from['mark'];
      if (digest === mark || next === position(from)) {
        throw endless(stream, `the cursor of page ${page} had been handed out before`);
      }
      const isPowerOfTwo = (page & (page - 1)) === 0;
      return {
        at: next,
        to: window.to,
        page,
        mark: isPowerOfTwo || typeof mark !== 'string' ? digest : mark,
      };
    },
  };
}

function position(cursor: Cursor | null): string | null {
  const at = cursor?.['at'];
  return typeof at === 'string' ? at : null;
}

/** A stored cursor of the right form and of this very window. */
function checked(
  stream: string,
  cursor: unknown,
  window: Window,
  pattern: RegExp,
  more: readonly string[] = [],
): Cursor {
  const known = new Set(['at', 'to', ...more]);
  if (typeof cursor !== 'object' || cursor === null || !Object.keys(cursor).every((key) => known.has(key))) {
    throw invalid(stream, 'the stored cursor is unreadable');
  }
  const { at, to } = cursor as Cursor;
  if (typeof at !== 'string' || !pattern.test(at) || typeof to !== 'string' || Number.isNaN(Date.parse(to))) {
    throw invalid(stream, 'the stored cursor is unreadable');
  }
  if (Date.parse(to) > Date.parse(window.to)) {
    throw invalid(
      stream,
      `the stored cursor lies in the future: it ends at ${to}, the window at ${window.to}`,
    );
  }
  if (Date.parse(to) < Date.parse(window.to)) {
    throw invalid(
      stream,
      `the stored cursor is of another window: it ends at ${to}, this one at ${window.to}`,
    );
  }
  return cursor as Cursor;
}

function isGreater(a: string, b: string): boolean {
  return BigInt(a) > BigInt(b);
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 60));
}

function invalid(stream: string, detail: string): BatonError {
  return new BatonError('ERR_CURSOR_INVALID', { detail: `${stream}: ${detail}` });
}

function endless(stream: string, detail: string): BatonError {
  return new BatonError('ERR_CURSOR_ENDLESS', { detail: `${stream}: ${detail}`, vendor: true });
}
