import type { Column, Mapped, Row } from '../../domain/columns.js';
import { splitArray } from '../json-split.js';
import { offsetPaginator, pageNumberPaginator } from '../paging/counted.js';
import { linkHeaderPaginator, nextUrlPaginator, tokenPaginator } from '../paging/handed-out.js';
import { keysetPaginator } from '../paging/keyset.js';
import type { Ask, Paginator } from '../paging/paginator.js';
import type { Stream, Window } from '../port.js';
import { type Listing, parseObject, readListed } from '../read-page.js';
import { type Fields, idOf, mapRecord, type RecordReader } from '../record.js';
import type { RestStream } from './settings.js';

/** A stream as its connection declares it: requester, paginator, cursor field and key are configuration. */
export function restStream(name: string, spec: RestStream): Stream {
  const paginator = paginatorOf(name, spec);
  const columns = columnsOf(spec);
  return {
    name,
    docs: spec.docs ?? 'https://www.rfc-editor.org/rfc/rfc9110',
    mode: spec.cursorField === undefined ? 'full' : 'incremental',
    primaryKey: spec.primaryKey,
    cursorField: spec.cursorField ?? null,
    lagMs: spec.cursorField === undefined ? 0 : spec.lagMs,
    columns: columns.map(({ column }) => column),
    versionColumn: spec.cursorField === undefined ? null : columnName(spec.cursorField),
    checkCursor: paginator.check,
    map: (record) => mapRest(record, spec, columns),
    readPage({ http }, window, cursor, { pageSize = spec.pageSize, signal }) {
      const size = Math.min(spec.pageSize, Math.max(1, pageSize));
      const listing: Listing = {
        paginator,
        request: (ask) => ({ method: 'GET', ...placeOf(spec, window, ask, size), signal }),
        split: (body) => splitArray(body, spec.records ?? null),
      };
      return readListed(http, listing, cursor, { window, size });
    },
  };
}

/** A handed-out address has its own query. */
function placeOf(spec: RestStream, window: Window, ask: Ask, size: number) {
  if (ask.path !== null) return { path: ask.path };
  const { window: names, pages } = spec;
  const limit = 'limit' in pages ? { [pages.limit]: size } : {};
  const bounds = {
    ...(names === undefined || window.from === null ? {} : { [names.from]: window.from }),
    ...(names?.to === undefined ? {} : { [names.to]: window.to }),
  };
  return { path: spec.path, query: { ...spec.query, ...bounds, ...limit, ...ask.query } };
}

function paginatorOf(name: string, { pages, primaryKey }: RestStream): Paginator {
  switch (pages.style) {
    case 'offset':
      return offsetPaginator(name, pages);
    case 'page':
      return pageNumberPaginator(name, pages);
    case 'keyset': {
      const keyOf = (record: Buffer) => idOf(parseObject(record) ?? {}, primaryKey);
      return keysetPaginator(name, { after: pages.after, keyOf, endsShort: false });
    }
    case 'cursor': {
      const { parameter, token, more } = pages;
      const isEnd = more === undefined ? {} : { isEnd: isLast(more) };
      return tokenPaginator(name, { parameter, token, ...isEnd });
    }
    case 'next_url':
      return nextUrlPaginator(name, pages.member);
    case 'link_header':
      return linkHeaderPaginator(name);
  }
}

function isLast(more: string) {
  return ({ envelope }: { readonly envelope: ReadonlyMap<string, unknown> }) => envelope.get(more) === false;
}

interface Declared {
  readonly field: string;
  readonly column: Column;
}

function columnsOf({ primaryKey, cursorField, columns }: RestStream): readonly Declared[] {
  const own = Object.entries(columns).filter(([field]) => field !== primaryKey && field !== cursorField);
  return [
    { field: primaryKey, column: { name: columnName(primaryKey), type: 'text' } },
    ...(cursorField === undefined
      ? []
      : [{ field: cursorField, column: { name: columnName(cursorField), type: 'timestamp' } } as const]),
    ...own.map(([field, type]) => ({ field, column: { name: columnName(field), type, nullable: true } })),
  ];
}

/** As a warehouse takes it: `updatedAt` and `updated-at` are both `updated_at`. */
function columnName(field: string): string {
  const name = field
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_');
  return /^[a-z_]/.test(name) ? name.slice(0, 63) : `_${name}`.slice(0, 63);
}

const readers: Readonly<
  Record<string, (reader: RecordReader, fields: Fields, field: string) => string | null>
> = {
  text: (reader, fields, field) => reader.optionalText(fields, field),
  integer: (reader, fields, field) => reader.optionalInteger(fields, field),
  numeric: (reader, fields, field) => reader.optionalDecimal(fields, field),
  boolean: (reader, fields, field) => reader.optionalBoolean(fields, field),
  timestamp: (reader, fields, field) => reader.optionalInstant(fields, field),
};

function mapRest(record: Buffer, spec: RestStream, columns: readonly Declared[]): Mapped {
  return mapRecord(record, spec.primaryKey, (fields, reader) => {
    const row: Record<string, string | null> = {};
    for (const { field, column } of columns) {
      if (field === spec.primaryKey) row[column.name] = reader.id(fields, field);
      else if (field === spec.cursorField) row[column.name] = reader.instant(fields, field);
      else row[column.name] = readers[column.type]?.(reader, fields, field) ?? null;
    }
    return { kind: 'row', row: row satisfies Row };
  });
}
