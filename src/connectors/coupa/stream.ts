import type { Column, Mapped } from '../../domain/columns.js';
import { splitArray } from '../json-split.js';
import { keysetPaginator, keysetRanges } from '../paginator.js';
import type { Cursor, OpenConnection, Parameters, Stream, Window } from '../port.js';
import { readPage } from '../read-page.js';
import { idOf } from '../record.js';

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
  map(record: Buffer, parameters?: Parameters): Mapped;
}

/**
 * A Coupa list: a bare array, ascending by id, read by keyset within the window. A record that changes while
 * it is being read leaves the window (its `updated-at` passes the end) and belongs to the next one, so no
 * other record is shifted over a page's border, as it would be with offsets.
 */
export function coupaStream(spec: CoupaStreamSpec): Stream {
  const paginator = keysetPaginator(spec.name);
  const { fields, path, pageSize = mostPerPage, ...declared } = spec;
  const filterOf = (window: Window, cursor: Cursor | null) => ({
    ...(spec.mode === 'incremental' ? windowFilter(window) : {}),
    ...(cursor === null ? {} : { 'id[gt]': paginator.position(cursor) ?? '' }),
    ...(typeof cursor?.['until'] === 'string' ? { 'id[lt_or_eq]': cursor['until'] } : {}),
    order_by: 'id',
  });
  return {
    ...declared,
    primaryKey: 'id',
    cursorField: spec.mode === 'incremental' ? 'updated-at' : null,
    lagMs: spec.mode === 'incremental' ? 120_000 : 0,
    checkCursor: paginator.check,
    async readPage(connection, window, cursor, options) {
      const from = cursor === null ? null : paginator.check(cursor, window);
      const limit = Math.min(pageSize, Math.max(1, options.pageSize ?? pageSize));
      const { answer, split } = await readPage(
        connection.http,
        {
          method: 'GET',
          path,
          query: {
            ...filterOf(window, from),
            dir: 'asc',
            limit,
            ...(fields === undefined ? {} : { fields: JSON.stringify(fields) }),
          },
          signal: options.signal,
        },
        (body) => splitArray(body, null),
      );
      const last = split.records.length < limit ? null : lastId(connection, path, split.records);
      return {
        records: split.records,
        next: last === null ? null : paginator.advance(from, last, window),
        calls: answer.calls,
        bytes: answer.body.length,
      };
    },
    /** By the highest id there is; where ids lie as densely behind the first page as in it, ranges are alike. */
    async split(connection, window, cursor, first, options) {
      const query = { ...filterOf(window, cursor), dir: 'desc', limit: 1, fields: '["id"]' };
      const { answer, split } = await readPage(
        connection.http,
        { method: 'GET', path, query, signal: options.signal },
        (body) => splitArray(body, null),
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

/** The id of the last record that has one; a malformed record is not to stop the paging. */
function lastId(connection: OpenConnection, path: string, records: readonly Buffer[]): string {
  for (const record of records.toReversed()) {
    const id = readId(record);
    if (id !== null) return id;
  }
  const body = records.at(-1) ?? Buffer.alloc(0);
  const answer = { status: 200, headers: {}, body, calls: 1 };
  throw connection.http.badResponse({ method: 'GET', path }, answer, 'answered with records that have no id');
}

function readId(record: Buffer): string | null {
  try {
    const value: unknown = JSON.parse(record.toString('utf8'));
    return typeof value === 'object' && value !== null ? idOf(value as Record<string, unknown>, 'id') : null;
  } catch {
    return null;
  }
}
