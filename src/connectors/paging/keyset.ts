import { JsonSplitError } from '../json-split.js';
import type { Cursor } from '../port.js';
import { checked, endless, invalid, type Paginator, position, shown } from './paginator.js';

const key = /^\d{1,30}$/;

export interface KeysetStyle {
  /** Query parameter: only records behind this key. `id[gt]`. */
  readonly after: string;
  /** Query parameter: only records up to this key, where ranges are read side by side. `id[lt_or_eq]`. */
  readonly until?: string;
  /** A record's key; null when it has none. */
  keyOf(record: Buffer): string | null;
  /**
   * Whether a page with fewer records than were asked for is the last one. Only where the vendor is known to give as
   * many as are asked for; elsewhere the last page is the empty one.
   */
  readonly endsShort: boolean;
}

/**
 * Pages by rising numeric key: `id[gt]=<last>`, ordered by that key. Needs no memory, since keys can only rise: a
 * record that stays is read exactly once, whatever is inserted, changed or deleted meanwhile. A cursor may end before
 * the stream does: `until` is then the last key of its range.
 */
export function keysetPaginator(stream: string, style: KeysetStyle): Paginator {
  return {
    check(cursor, window) {
      const found = checked(stream, cursor, window, key, ['until']);
      const until = found['until'];
      if (until !== undefined && !(typeof until === 'string' && key.test(until)))
        throw invalid(stream, 'the stored cursor is unreadable');
      return found;
    },
    ask(from) {
      const until = from?.['until'];
      return {
        path: null,
        query: {
          ...(from === null ? {} : { [style.after]: position(from) ?? '' }),
          ...(typeof until === 'string' && style.until !== undefined ? { [style.until]: until } : {}),
        },
      };
    },
    take(from, { records }, { window, size }) {
      if (records.length === 0 || (style.endsShort && records.length < size)) return { records, next: null };
      const last = lastKey(records, style);
      const before = position(from);
      if (!key.test(last)) throw invalid(stream, `the key ${shown(last)} of the last record is not a number`);
      if (before !== null && BigInt(last) <= BigInt(before))
        throw endless(stream, `${last} does not come after ${before}`);
      return { records, next: { ...from, at: last, to: window.to } };
    },
  };
}

/** The key of the last record that has one; a malformed record is not to stop the paging. */
function lastKey(records: readonly Buffer[], style: KeysetStyle): string {
  for (const record of records.toReversed()) {
    const found = style.keyOf(record);
    if (found !== null) return found;
  }
  throw new JsonSplitError('holds records that have no id');
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
