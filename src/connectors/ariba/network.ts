import type { Column, Mapped } from '../../domain/columns.js';
import { splitArray } from '../json-split.js';
import { offsetPaginator } from '../paging/counted.js';
import { addDays } from '../paging/day.js';
import { listsPaginator } from '../paging/lists.js';
import type { Paginator } from '../paging/paginator.js';
import type { Stream, Window } from '../port.js';
import { type Listing, readListed } from '../read-page.js';

export interface NetworkStreamSpec {
  readonly name: string;
  /** `orders` or `items`. */
  readonly path: string;
  /** The day from which a read from the beginning begins. */
  readonly since: string;
  readonly primaryKey: string;
  readonly columns: readonly Column[];
  map(record: Buffer): Mapped;
}

/** Days that are asked for at once, as the vendor's own examples do. */
const daysAtOnce = 31;
const mostPerPage = 100;

const networkDocs = 'https://help.sap.com/docs/ariba-apis/ariba-network-purchase-orders-buyer-api';

/**
 * The Ariba Network Purchase Orders Buyer API: documents by the day on which they came into the Network, which is all that
 * can be asked for. The day's documents come again with the next read, since days are all that a filter knows.
 */
export function networkStream(spec: NetworkStreamSpec): Stream {
  const { name, path, since, primaryKey, columns, map } = spec;
  const paginator = listsPaginator(name, withLastPage(name), {
    lists: (window) => periods(window, since).map(([first, last]) => ({ $filter: filterOf(first, last) })),
  });
  return {
    name,
    docs: networkDocs,
    scope: 'Purchase Orders Buyer API',
    mode: 'incremental',
    primaryKey,
    cursorField: 'created',
    lagMs: 86_400_000,
    columns,
    versionColumn: null,
    checkCursor: paginator.check,
    map,
    readPage({ http }, window, cursor, { signal, pageSize = mostPerPage }) {
      const listing: Listing = {
        paginator,
        request: ({ query }) => ({
          method: 'GET',
          path: `/purchase-orders-buyer/v1/prod/${path}`,
          query,
          signal,
        }),
        split: (body) => splitArray(body, 'content'),
      };
      return readListed(http, listing, cursor, { window, size: Math.min(mostPerPage, pageSize) });
    },
  };
}

/** Counted pages; a first page that says that it is the last one is believed. */
function withLastPage(stream: string): Paginator {
  const counted = offsetPaginator(stream, { offset: '$skip', limit: '$top' });
  return {
    ...counted,
    take(from, page, reading) {
      const taken = counted.take(from, page, reading);
      const isWhole = from === null && page.envelope.get('lastPage') === true;
      return isWhole ? { ...taken, next: null } : taken;
    },
  };
}

function filterOf(first: string, last: string): string {
  return `startDate eq '${first}' and endDate eq '${last}'`;
}

/** First and last days, both included, that cover the window; its last day at least. */
function periods({ from, to }: Window, since: string): readonly (readonly [string, string])[] {
  const end = to.slice(0, 10);
  const begin = (from ?? since).slice(0, 10);
  const found: (readonly [string, string])[] = [];
  for (let first = begin < end ? begin : end; first <= end; first = addDays(first, daysAtOnce)) {
    const last = addDays(first, daysAtOnce - 1);
    found.push([first, last < end ? last : end]);
  }
  return found;
}
