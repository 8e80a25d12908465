import type { Column, Mapped } from '../../domain/columns.js';
import { splitArray } from '../json-split.js';
import type { Paginator } from '../paging/paginator.js';
import type { Keys, Stream } from '../port.js';
import { type Listing, parseObject, readListed } from '../read-page.js';

export interface FreshworksStreamSpec {
  readonly name: string;
  readonly docs: string;
  readonly path: string;
  /** Member of the answer that holds the records; null where the answer is the list itself. */
  readonly member: string | null;
  readonly query: Readonly<Record<string, string | number>>;
  /** What asks for the records that were changed since; null reads everything. */
  readonly since: ((from: string | null) => Readonly<Record<string, string>>) | null;
  readonly paginator: Paginator;
  readonly scope: string;
  readonly primaryKey?: string;
  readonly columns: readonly Column[];
  readonly deletedColumn?: string;
  readonly keys?: Keys;
  map(record: Buffer): Mapped;
}

/** Most records on a page. */
const mostPerPage = 100;

/** A list of Freshdesk or Freshservice. What was changed after the window's end comes along, and again next time. */
export function freshworksStream(spec: FreshworksStreamSpec): Stream {
  const { name, docs, scope, paginator, columns, deletedColumn, keys, map } = spec;
  return {
    name,
    docs,
    scope,
    mode: spec.since === null ? 'full' : 'incremental',
    primaryKey: spec.primaryKey ?? 'id',
    cursorField: spec.since === null ? null : 'updated_at',
    // Times go by seconds, and a change is listed when it is committed.
    lagMs: 120_000,
    columns,
    versionColumn: 'updated_at',
    ...(deletedColumn === undefined ? {} : { deletedColumn }),
    ...(keys === undefined ? {} : { keys }),
    checkCursor: paginator.check,
    map,
    readPage({ http }, window, cursor, options) {
      const listing: Listing = {
        paginator,
        request: (ask) => ({
          method: 'GET',
          path: spec.path,
          query: { ...spec.query, ...spec.since?.(window.from), ...ask.query },
          signal: options.signal,
        }),
        split: (body) => splitArray(body, spec.member),
      };
      const size = Math.min(mostPerPage, Math.max(1, options.pageSize ?? mostPerPage));
      return readListed(http, listing, cursor, { window, size });
    },
  };
}

/** Without a time only the last thirty days are listed: the beginning is asked for by name. */
export function since(parameter: string): (from: string | null) => Readonly<Record<string, string>> {
  return (from) => ({
    [parameter]: new Date(from ?? 0).toISOString().replace(/\.\d+Z$/, 'Z'),
  });
}

/** A record's time of change, as `restart` wants it. */
export function updatedAt(record: Buffer): string | null {
  const time = parseObject(record)?.['updated_at'];
  return typeof time === 'string' && !Number.isNaN(Date.parse(time))
    ? new Date(time).toISOString().replace('.000Z', 'Z')
    : null;
}
