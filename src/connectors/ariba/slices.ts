import { tokenPaginator } from '../paging/handed-out.js';
import { checked, endless, invalid, type Paginator, position } from '../paging/paginator.js';
import type { Cursor, Window } from '../port.js';

/** A stretch of time that one query is about, RFC 3339. */
export interface Slice {
  readonly start: string;
  readonly end: string;
}

/** What one query of Ariba's reporting takes and gives. */
export interface QueryLimits {
  /** Where a read from the beginning begins, RFC 3339. */
  readonly since: string;
  readonly longestMs: number;
  /** So many records end a query, whether there are more or not. */
  readonly mostRecords: number;
}

/** The position of a slice of which nothing has been read. */
const fresh = '-';

const secondMs = 1_000;

/**
 * Walks a window in slices that the vendor accepts, each by its page tokens. A slice that came to its end with as many
 * records as a query gives at all is read again in halves, since nothing tells whether there were more. Neighbours share
 * the second in which they meet: what changed in it comes twice and is merged by its key.
 */
export function slicedPaginator(stream: string, limits: QueryLimits): Paginator {
  const tokens = tokenPaginator(stream, { parameter: 'pageToken', token: { member: 'PageToken' } });
  return {
    check(cursor, window) {
      const pattern = /^[\x21-\x7e]{1,2000}$/;
      const { start, end, seen, ...inner } = checked(stream, cursor, window, pattern, [
        'start',
        'end',
        'seen',
        'page',
        'mark',
      ]);
      const isRead = isSlice(start, end) && Number.isSafeInteger(seen) && Number(seen) >= 0;
      const isWhole = Object.keys(inner).length === (inner['at'] === fresh ? 2 : 4);
      if (!isRead || !isWhole) throw invalid(stream, 'the stored cursor is unreadable');
      const within = inner['at'] === fresh ? inner : tokens.check(inner, window);
      return { ...within, start: start ?? null, end: end ?? null, seen: seen ?? null };
    },
    ask(from, reading) {
      const filters = JSON.stringify(filtersOf(sliceAt(from, reading.window, limits)));
      return { path: null, query: { filters, ...tokens.ask(withinSlice(from), reading).query } };
    },
    take(from, page, reading) {
      const slice = sliceAt(from, reading.window, limits);
      const seen = Number(from?.['seen'] ?? 0) + page.records.length;
      const { records, next } = tokens.take(withinSlice(from), page, reading);
      if (next !== null) return { records, next: { ...next, ...slice, seen } };
      const behind =
        seen >= limits.mostRecords ? firstHalf(stream, slice, seen) : sliceBehind(slice, reading.window);
      return { records, next: freshAt(behind, reading.window) };
    },
  };
}

/** Whether nothing has been read of the slice at which a read stands. */
export function isFresh(from: Cursor | null): boolean {
  return from === null || position(from) === fresh;
}

/** Where the slice behind this one begins; null at the window's end. */
export function behindSlice(slice: Slice, window: Window): Cursor | null {
  return freshAt(sliceBehind(slice, window), window);
}

function freshAt(slice: Slice | null, window: Window): Cursor | null {
  return slice === null ? null : { at: fresh, to: window.to, ...slice, seen: 0 };
}

/** A slice in the words of Ariba's filters. */
export function filtersOf({ start, end }: Slice): Readonly<Record<string, string>> {
  return { updatedDateFrom: start, updatedDateTo: end };
}

/** The cursor of the page tokens; null where the slice's first page comes next. */
function withinSlice(from: Cursor | null): Cursor | null {
  return position(from) === fresh ? null : from;
}

/** The slice at which a read stands. */
export function sliceAt(from: Cursor | null, window: Window, { since, longestMs }: QueryLimits): Slice {
  if (from !== null) return { start: String(from['start']), end: String(from['end']) };
  const startMs = Math.floor(Date.parse(window.from ?? since) / secondMs) * secondMs;
  return sliceOf(startMs, longestMs, window);
}

/** The slice that follows, as long as this one; null at the window's end. */
function sliceBehind({ start, end }: Slice, window: Window): Slice | null {
  if (Date.parse(end) >= Date.parse(window.to)) return null;
  return sliceOf(Date.parse(end), Date.parse(end) - Date.parse(start), window);
}

/** Whole seconds, as Ariba writes them; the window's end is rounded up, so that its last second is not lost. */
function sliceOf(startMs: number, lengthMs: number, window: Window): Slice {
  const toMs = Math.ceil(Date.parse(window.to) / secondMs) * secondMs;
  return { start: secondsText(startMs), end: secondsText(Math.min(startMs + lengthMs, toMs)) };
}

function firstHalf(stream: string, { start, end }: Slice, seen: number): Slice {
  const startMs = Date.parse(start);
  const halfMs = Math.floor((Date.parse(end) - startMs) / 2 / secondMs) * secondMs;
  if (halfMs === 0) throw endless(stream, `${seen} records or more changed in the second of ${start}`);
  return { start, end: secondsText(startMs + halfMs) };
}

function secondsText(ms: number): string {
  return new Date(ms).toISOString().replace('.000Z', 'Z');
}

/** Whether a stored slice begins before it ends. */
export function isSlice(start: unknown, end: unknown): boolean {
  return timeOf(start) < timeOf(end);
}

function timeOf(value: unknown): number {
  return typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(value)
    ? Date.parse(value)
    : Number.NaN;
}
