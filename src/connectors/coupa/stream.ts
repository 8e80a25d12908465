import type { Column, Mapped } from '../../domain/columns.js';
import { splitArray } from '../json-split.js';
import { keysetPaginator, keysetRanges } from '../paging/keyset.js';
import type { Ask } from '../paging/paginator.js';
import type { Parameters, Stream, Window } from '../port.js';
import { type Listing, readListed, readPage } from '../read-page.js';
import { idOf } from '../record.js';
import { exportedFlag } from './exported.js';
import { coupaKeys } from './keys.js';

/** Coupa gives at most 50 records a page, whatever is asked for. */
const mostPerPage = 50;

export interface CoupaStreamSpec {
  readonly name: string;
  readonly docs: string;
  readonly scope: string;
  readonly mode: 'incremental' | 'full';
  /** `/api/purchase_orders`. */
  readonly path: string;
  /** Limits the answer to these fields, in Coupa's own notation. */
  readonly fields?: readonly unknown[];
  /** Most records a page; 50 when not given, as Coupa has it. */
  readonly pageSize?: number;
  readonly columns: readonly Column[];
  readonly versionColumn: string | null;
  /** Records that the mapper filters, by the value of a field. */
  readonly leavesOut?: { readonly field: string; readonly value: string };
  /** Whether Coupa is to be told that a record is exported. */
  readonly isMarked?: boolean;
  map(record: Buffer, parameters?: Parameters): Mapped;
}

/**
 * A Coupa list: a bare array, ascending by id, read by keyset within the window. A record that changes while
 * it is being read leaves the window (its `updated-at` passes the end) and belongs to the next one, so no
 * other record is shifted over a page's border, as it would be with offsets.
 */
export function coupaStream(spec: CoupaStreamSpec): Stream {
  const paginator = keysetPaginator(spec.name, {
    after: 'id[gt]',
    until: 'id[lt_or_eq]',
    keyOf: readId,
    endsShort: true,
  });
  const { fields, path, pageSize = mostPerPage, leavesOut: _, isMarked = false, ...declared } = spec;
  const list = (window: Window, ask: Ask) => ({
    ...(spec.mode === 'incremental' ? windowFilter(window) : {}),
    ...ask.query,
    order_by: 'id',
  });
  return {
    ...declared,
    primaryKey: 'id',
    cursorField: spec.mode === 'incremental' ? 'updated-at' : null,
    lagMs: spec.mode === 'incremental' ? 120_000 : 0,
    checkCursor: paginator.check,
    ...(isMarked ? { acknowledgement: exportedFlag(path) } : {}),
    ...(spec.mode === 'incremental' ? { keys: coupaKeys(spec, windowFilter) } : {}),
    readPage({ http }, window, cursor, { pageSize: wanted = pageSize, signal }) {
      const size = Math.min(pageSize, Math.max(1, wanted));
      const only = fields === undefined ? {} : { fields: JSON.stringify(fields) };
      const listing: Listing = {
        paginator,
        request: (ask) => ({
          method: 'GET',
          path,
          query: { ...list(window, ask), dir: 'asc', limit: size, ...only },
          signal,
        }),
        split: (body) => splitArray(body, null),
      };
      return readListed(http, listing, cursor, { window, size });
    },
    /** By the highest id there is; where ids lie as densely behind the first page as in it, ranges are alike. */
    async split({ http }, window, cursor, first, { signal }) {
      const ask = paginator.ask(cursor, { window, size: 1 });
      const query = { ...list(window, ask), dir: 'desc', limit: 1, fields: '["id"]' };
      const { answer, split } = await readPage(http, { method: 'GET', path, query, signal }, (body) =>
        splitArray(body, null),
      );
      const highest = split.records[0] === undefined ? null : readId(split.records[0]);
      if (highest === null) return null;
      const lowest = first[0] === undefined ? null : readId(first[0]);
      const starts = keysetRanges(cursor, lowest, highest, first.length);
      return { starts, calls: answer.calls };
    },
  };
}

function windowFilter(window: Window): Record<string, string> {
  return {
    ...(window.from === null ? {} : { 'updated-at[gt_or_eq]': window.from }),
    'updated-at[lt]': window.to,
  };
}

function readId(record: Buffer): string | null {
  try {
    const value: unknown = JSON.parse(record.toString('utf8'));
    return typeof value === 'object' && value !== null ? idOf(value as Record<string, unknown>, 'id') : null;
  } catch {
    return null;
  }
}
