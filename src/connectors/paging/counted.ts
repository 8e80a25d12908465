import { BatonError } from '../../protocol/errors.js';
import type { Cursor, Window } from '../port.js';
import { checked, digestOf, endless, invalid, type Paginator, type Taken } from './paginator.js';

/** Names of the query parameters. */
export interface OffsetStyle {
  readonly offset: string;
  readonly limit: string;
}

export interface PageNumberStyle {
  readonly page: string;
  readonly size: string;
  /** Number of the first page; 1 when not given. */
  readonly first?: number;
}

/** What is asked for: the records from `start` on, so many of them. */
interface Span {
  readonly start: number;
  readonly count: number;
}

interface Counting {
  /** Records a page to ask for at least. */
  readonly fewest: number;
  /** The span to ask for that begins at `at` or before and reaches beyond `end`; null when there is none. */
  span(at: number, end: number, size: number): Span | null;
  query(span: Span): Readonly<Record<string, string | number>>;
}

/** Records that neighbouring pages share at most, and are remembered. */
const mostAnchors = 8;
/** Pages in a row that may bring nothing new, and returns to the top that may find nothing known. */
const mostIdle = 4;

/**
 * Pages by counting: `offset` and `limit`. Whatever is inserted or deleted before the place where reading stands moves
 * all that lies behind it, over the border of a page. So pages overlap, and reading goes on behind an *anchor*: a
 * record that was read and is there again, byte for byte. Where no anchor is found, reading steps back, ever further.
 *
 * What this guarantees, where the order of the list depends on nothing but the records themselves: a record that is
 * there from beginning to end and does not change is read. In an order that never changes (by key, by creation), or
 * in which a change moves a record to the end (by change time, ascending), so is one that does change, in one of its
 * versions. After a step back records may be read again: merging counts them as duplicates.
 */
export function offsetPaginator(stream: string, style: OffsetStyle): Paginator {
  return countedPaginator(stream, {
    fewest: 2,
    span: (at, _end, size) => ({ start: at, count: size }),
    query: ({ start, count }) => ({ [style.offset]: start, [style.limit]: count }),
  });
}

/**
 * Pages by number, with the guarantee of `offsetPaginator`. A page of `m` records begins at a multiple of `m`: an
 * overlap comes from asking for another size. The vendor must honour any size up to the largest. No page that overlaps
 * crosses a number that all sizes divide: with sizes up to 20 there is none below 232 million, with fewer such borders
 * are crossed without an anchor.
 */
export function pageNumberPaginator(stream: string, style: PageNumberStyle): Paginator {
  const first = style.first ?? 1;
  return countedPaginator(stream, {
    fewest: 20,
    span: furthestPage,
    query: ({ start, count }) => ({ [style.page]: start / count + first, [style.size]: count }),
  });
}

/** Of the pages that begin at or before `at`, with at most `size` records, the one that reaches furthest beyond `end`. */
export function furthestPage(at: number, end: number, size: number): Span | null {
  let best: Span | null = null;
  let furthest = end;
  for (let count = size; count > size / 2 || (count >= 2 && best === null); count -= 1) {
    const start = Math.floor(at / count) * count;
    if (start + count > furthest) {
      best = { start, count };
      furthest = start + count;
    }
  }
  return best;
}

function countedPaginator(stream: string, counting: Counting): Paginator {
  function spanOf(from: Cursor | null, wanted: number): Span {
    if (from === null) return { start: 0, count: Math.max(counting.fewest, wanted) };
    const { at, end, size, back } = numbersOf(from);
    if (back > 0) return counting.span(at, at, size) ?? { start: 0, count: size };
    return counting.span(at, end, size) ?? counting.span(end - 1, end, size) ?? { start: end, count: size };
  }
  return {
    check: (cursor, window) => checkedCount(stream, cursor, window),
    ask: (from, { size }) => ({ path: null, query: counting.query(spanOf(from, size)) }),
    take(from, { records }, { window, size }) {
      const span = spanOf(from, size);
      if (from === null) return firstTaken(records, span, window);
      const found = span.start === numbersOf(from).end ? -1 : lastAnchor(records, anchorsOf(from));
      if (found === null) return strayed(stream, from, records, span);
      const fresh = records.slice(found + 1);
      // The size is one that the vendor has given before: fewer are the end.
      if (records.length < span.count) return { records: fresh, next: null };
      const idle = fresh.length === 0 ? idled(from, () => unmoved(stream)) : 0;
      return { records: fresh, next: { ...standing(from, fresh, span.start + records.length), idle } };
    },
  };
}

/** The vendor may give fewer than were asked for: what it gives is the size from then on. */
function firstTaken(records: readonly Buffer[], span: Span, window: Window): Taken {
  if (records.length === 0) return { records, next: null };
  const size = Math.max(2, Math.min(span.count, records.length));
  const top = { to: window.to, size, page: 0, idle: 0, ends: '', anchors: '' };
  return { records, next: standing(top, records, records.length) };
}

/** Where reading stands behind `end`: a little before it, so that the last records come again. */
function standing(from: Cursor, fresh: readonly Buffer[], end: number): Cursor {
  const overlap = Math.max(1, Math.min(mostAnchors, Math.floor(Number(from['size']) / 4)));
  const before = listOf(from['anchors']);
  const anchors = [...before, ...fresh.slice(-mostAnchors).map(digestOf)].slice(-mostAnchors);
  const ends = [...listOf(from['ends']), ...before.slice(-1)].slice(-mostAnchors);
  const place = { at: String(Math.max(0, end - overlap)), end, page: Number(from['page']) + 1, back: 0 };
  return { ...from, ...place, anchors: anchors.join(), ends: ends.join() };
}

/** No anchor: the list moved by more than the overlap, or the anchors were changed or deleted. */
function strayed(stream: string, from: Cursor, records: readonly Buffer[], span: Span): Taken {
  const { page, back, size } = numbersOf(from);
  if (span.start > 0) {
    const further = Math.max(back * 2, size);
    const at = String(Math.max(0, span.start - further));
    return { records: [], next: { ...from, at, page: page + 1, back: further } };
  }
  // Everything that was read is gone or changed: from the top.
  const idle = idled(from, () => unstable(stream));
  if (records.length < span.count) return { records, next: null };
  const next = standing({ ...from, anchors: '', ends: '' }, records, records.length);
  return { records, next: { ...next, idle } };
}

function idled(from: Cursor, failure: () => BatonError): number {
  const idle = numbersOf(from).idle + 1;
  if (idle > mostIdle) throw failure();
  return idle;
}

function unmoved(stream: string): BatonError {
  return endless(stream, 'one page after another brings nothing new');
}

function unstable(stream: string): BatonError {
  const detail = `${stream}: again and again, none of the records that were read is found in the list.`;
  return new BatonError('ERR_SOURCE_UNSTABLE', { detail, vendor: true });
}

/** The last records that were read, and before them the last one of each of some earlier pages; the newest last. */
function anchorsOf(from: Cursor): readonly string[] {
  return [...listOf(from['ends']), ...listOf(from['anchors'])];
}

function listOf(texts: unknown): readonly string[] {
  return typeof texts === 'string' && texts !== '' ? texts.split(',') : [];
}

/** The place of the newest anchor there is. Of equal records the first counts: better read again than left out. */
function lastAnchor(records: readonly Buffer[], anchors: readonly string[]): number | null {
  let newest = -1;
  let place: number | null = null;
  for (const [index, record] of records.entries()) {
    const rank = anchors.lastIndexOf(digestOf(record));
    if (rank > newest) {
      newest = rank;
      place = index;
    }
    if (newest === anchors.length - 1) break;
  }
  return place;
}

const numbers = ['end', 'size', 'page', 'back', 'idle'] as const;
const digests = /^([0-9a-f]{16}(,[0-9a-f]{16}){0,7})?$/;

function numbersOf(from: Cursor): Readonly<Record<'at' | (typeof numbers)[number], number>> {
  const number = (name: string) => Number(from[name]);
  return {
    at: number('at'),
    end: number('end'),
    size: number('size'),
    page: number('page'),
    back: number('back'),
    idle: number('idle'),
  };
}

function checkedCount(stream: string, cursor: unknown, window: Window): Cursor {
  const found = checked(stream, cursor, window, /^\d{1,15}$/, [...numbers, 'anchors', 'ends']);
  const isCounted = numbers.every((name) => Number.isSafeInteger(found[name]) && Number(found[name]) >= 0);
  const isAnchored = [found['anchors'], found['ends']].every((text) => digests.test(String(text)));
  if (!isCounted || !isAnchored || Number(found['size']) < 2)
    throw invalid(stream, 'the stored cursor is unreadable');
  return found;
}
