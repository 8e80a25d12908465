import type { Column, Mapped } from '../../domain/columns.js';
import { splitArray } from '../json-split.js';
import { tokenPaginator } from '../paging/handed-out.js';
import type { Paginator } from '../paging/paginator.js';
import type { Stream, Window } from '../port.js';
import { type Listing, readListed } from '../read-page.js';

export interface ExportSpec {
  readonly name: string;
  readonly docs: string;
  readonly path: string;
  /** Member of the answer that holds the records. */
  readonly member: string;
  readonly query?: Readonly<Record<string, string>>;
  /** `cursor`: pages follow a cursor; `time`: each begins with the second in which the one before ended. */
  readonly style: 'cursor' | 'time';
  readonly cursorField: string;
  readonly columns: readonly Column[];
  readonly versionColumn: string;
  readonly deletedColumn?: string;
  map(record: Buffer): Mapped;
}

/** Zendesk refuses a start that is less than a minute ago. */
const youngestStartMs = 61_000;

const mostPerPage = 1000;

/**
 * An incremental export: reading ends at `end_of_stream`, or at the first page that reaches the window's end. What
 * lies beyond the end comes along and comes again next time. Pages by time show the records of one second twice: they
 * are merged by their key.
 * https://developer.zendesk.com/api-reference/ticketing/ticket-management/incremental_exports/
 */
export function exportStream(spec: ExportSpec): Stream {
  const { name, docs, cursorField, columns, versionColumn, deletedColumn, map } = spec;
  const paginator = paginatorOf(spec);
  return {
    name,
    docs,
    scope: 'incremental export (role admin)',
    mode: 'incremental',
    primaryKey: 'id',
    cursorField,
    lagMs: 120_000,
    columns,
    versionColumn,
    ...(deletedColumn === undefined ? {} : { deletedColumn }),
    checkCursor: paginator.check,
    map,
    readPage({ http }, window, cursor, options) {
      const size = Math.min(mostPerPage, Math.max(1, options.pageSize ?? mostPerPage));
      const listing: Listing = {
        paginator,
        request: (ask, isFirst) => ({
          method: 'GET',
          path: spec.path,
          query: {
            ...spec.query,
            ...(isFirst ? { start_time: exportStart(window, youngestStartMs) } : ask.query),
            per_page: size,
          },
          signal: options.signal,
        }),
        split: (body) => splitArray(body, spec.member),
      };
      return readListed(http, listing, cursor, { window, size });
    },
  };
}

function paginatorOf({ name, style, versionColumn, map }: ExportSpec): Paginator {
  const token =
    style === 'cursor'
      ? { parameter: 'cursor', member: 'after_cursor', pattern: /^[A-Za-z0-9+/=_-]{1,2000}$/ }
      : { parameter: 'start_time', member: 'end_time', pattern: /^\d{1,12}$/ };
  return tokenPaginator(name, {
    parameter: token.parameter,
    token: { member: token.member },
    pattern: token.pattern,
    isEnd({ envelope, records }, { window }) {
      if (envelope.get('end_of_stream') === true) return true;
      const last = records.at(-1);
      const mapped = last === undefined ? null : map(last);
      // Whether the last record was changed at or after the window's end.
      return mapped?.kind === 'row' && Date.parse(mapped.row[versionColumn] ?? '') >= Date.parse(window.to);
    },
  });
}

/** Unix seconds of the window's start, which must be so long ago. */
export function exportStart(window: Window, ageMs: number): number {
  if (window.from === null) return 0;
  const youngest = Date.parse(window.to) - ageMs;
  return Math.max(0, Math.floor(Math.min(Date.parse(window.from), youngest) / 1000));
}
