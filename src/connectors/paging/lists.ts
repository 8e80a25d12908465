import { JsonSplitError } from '../json-split.js';
import type { Cursor, Window } from '../port.js';
import { checked, endless, invalid, type Paginator, position } from './paginator.js';

type Query = Readonly<Record<string, string>>;

export interface ListsStyle {
  /** What each list is asked for with, in the order in which they are read; there is always a first one. */
  readonly lists: readonly Query[] | ((window: Window) => readonly Query[]);
  /** For a list in the order of a time, ascending, that does not go on for ever. */
  readonly restart?: {
    /** After so many records it is asked for anew, from the newest time seen. */
    readonly after: number;
    /** Query parameter for that time; the records of that very moment come again. */
    readonly parameter: string;
    timeOf(record: Buffer): string | null;
  };
}

const time = /^\d{4}-\d\d-\d\dT[\d:.]{5,15}Z$/;

/** Several lists one after the other, each paged by `inner`: what is there, and what was deleted. */
export function listsPaginator(stream: string, inner: Paginator, { lists, restart }: ListsStyle): Paginator {
  const listsOf = (window: Window) => (typeof lists === 'function' ? lists(window) : lists);
  const indexOf = (from: Cursor | null) => Number(position(from) ?? 0);
  const innerOf = (from: Cursor | null): Cursor | null =>
    typeof from?.['inner'] === 'string' ? (JSON.parse(from['inner']) as Cursor) : null;
  return {
    check(cursor, window) {
      const found = checked(stream, cursor, window, /^\d{1,4}$/, ['inner', 'since']);
      const { inner: nested, since } = found;
      const isRight =
        listsOf(window)[indexOf(found)] !== undefined &&
        (nested === undefined || typeof nested === 'string') &&
        (since === undefined || (typeof since === 'string' && time.test(since)));
      if (!isRight) throw invalid(stream, 'the stored cursor is unreadable');
      if (typeof nested === 'string') inner.check(parsed(stream, nested), window);
      return found;
    },
    ask(from, reading) {
      const asked = inner.ask(innerOf(from), reading);
      const since = from?.['since'];
      return {
        path: asked.path,
        query: {
          ...listsOf(reading.window)[indexOf(from)],
          ...(restart !== undefined && typeof since === 'string' ? { [restart.parameter]: since } : {}),
          ...asked.query,
        },
      };
    },
    take(from, page, reading) {
      const { to } = reading.window;
      const at = indexOf(from);
      const { records, next } = inner.take(innerOf(from), page, reading);
      if (next === null)
        return { records, next: at + 1 < listsOf(reading.window).length ? { at: String(at + 1), to } : null };
      const since = from?.['since'];
      if (restart !== undefined && Number(next['end']) >= restart.after) {
        const newest = newestOf(page.records, restart.timeOf);
        if (newest === since) throw endless(stream, `more than ${restart.after} records of ${newest}`);
        return { records, next: { at: String(at), to, since: newest } };
      }
      const begun = typeof since === 'string' ? { since } : {};
      return { records, next: { at: String(at), to, ...begun, inner: JSON.stringify(next) } };
    },
  };
}

function parsed(stream: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid(stream, 'the stored cursor is unreadable');
  }
}

function newestOf(records: readonly Buffer[], timeOf: (record: Buffer) => string | null): string {
  const times = records.map(timeOf).filter((found) => found !== null);
  const newest = times.reduce((a, b) => (Date.parse(b) > Date.parse(a) ? b : a), times[0] ?? '');
  if (!time.test(newest)) throw new JsonSplitError('holds records that do not say when they were changed');
  return newest;
}
