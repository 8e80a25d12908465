import type { Column, Mapped } from '../../domain/columns.js';
import { splitArray } from '../json-split.js';
import type { Parameters, Stream } from '../port.js';
import { type Listing, readListed } from '../read-page.js';
import { slicedPaginator } from './slices.js';

export interface AribaStreamSpec {
  readonly name: string;
  readonly realm: string;
  /** The view template that says which documents and which of their fields. */
  readonly view: string;
  /** Where a read from the beginning begins, RFC 3339. */
  readonly since: string;
  readonly columns: readonly Column[];
  map(record: Buffer, parameters?: Parameters): Mapped;
}

/** A query spans a year at most (31 536 000 000 ms) and gives 10 000 records. */
const longestMs = 31_536_000_000;
const mostRecords = 10_000;

export const reportingDocs = 'https://help.sap.com/docs/ariba-apis/operational-reporting-api-for-procurement';

/**
 * A view of the Operational Reporting API for Procurement, read synchronously: documents by the time of their change,
 * about fifty a page, which only the vendor decides.
 */
export function viewStream({ name, realm, view, since, columns, map }: AribaStreamSpec): Stream {
  const paginator = slicedPaginator(name, { since, longestMs, mostRecords });
  return {
    name,
    docs: reportingDocs,
    scope: `view template ${view}`,
    mode: 'incremental',
    primaryKey: 'UniqueName',
    cursorField: 'TimeUpdated',
    lagMs: 120_000,
    columns,
    versionColumn: 'updated_at',
    checkCursor: paginator.check,
    map,
    readPage({ http }, window, cursor, { signal }) {
      const listing: Listing = {
        paginator,
        request: ({ query }) => ({
          method: 'GET',
          path: `/procurement-reporting-details/v2/prod/views/${encodeURIComponent(view)}`,
          query: { realm, ...query },
          signal,
        }),
        split: (body) => splitArray(body, 'Records'),
      };
      return readListed(http, listing, cursor, { window, size: 50 });
    },
  };
}
