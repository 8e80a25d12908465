import type { Column, Mapped } from '../../domain/columns.js';
import type { VendorHttp } from '../http.js';
import { splitArray } from '../json-split.js';
import type { OpenConnection, Parameters, Stream } from '../port.js';
import { type Listing, parseObject, readListed, readPage } from '../read-page.js';
import { checkJobPlace, firstJob, isOfJobs, type JobPlace } from './job-place.js';
import { readByJobs } from './jobs.js';
import { filtersOf, isFresh, type QueryLimits, sliceAt, slicedPaginator } from './slices.js';

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

/** A connection that knows what is too much for pages. */
export interface AribaConnection extends OpenConnection {
  readonly jobsAbove: number;
  /** The largest file that is unpacked. */
  readonly mostBytes: number;
}

/** More records than this are left to a job, unless the connection says otherwise: twenty pages take seven minutes. */
export const defaultJobsAbove = 1_000;

/** A query spans a year at most (31 536 000 000 ms) and, by pages, gives 10,000 records. */
const longestMs = 31_536_000_000;
const mostRecords = 10_000;

export const reportingDocs = 'https://help.sap.com/docs/ariba-apis/operational-reporting-api-for-procurement';

/**
 * A view of the Operational Reporting API for Procurement: documents by the time of their change, about fifty a page,
 * which only the vendor decides. What is more than the first page is counted, and left to jobs where it is much.
 */
export function viewStream({ name, realm, view, since, columns, map }: AribaStreamSpec): Stream {
  const limits: QueryLimits = { since, longestMs, mostRecords };
  const paginator = slicedPaginator(name, limits);
  const path = `/procurement-reporting-details/v2/prod/views/${encodeURIComponent(view)}`;
  const checkCursor: Stream['checkCursor'] = (cursor, window) =>
    isOfJobs(cursor) ? checkJobPlace(name, cursor, window) : paginator.check(cursor, window);
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
    checkCursor,
    map,
    async readPage(connection, window, cursor, { signal }) {
      const { http, jobsAbove, mostBytes } = connection as AribaConnection;
      const from = cursor === null ? null : checkCursor(cursor, window);
      if (isOfJobs(from))
        return readByJobs(
          { stream: name, realm, view, http, window, mostBytes, signal },
          from as unknown as JobPlace,
        );
      const listing: Listing = {
        paginator,
        request: ({ query }) => ({ method: 'GET', path, query: { realm, ...query }, signal }),
        split: (body) => splitArray(body, 'Records'),
      };
      const page = await readListed(http, listing, from, { window, size: 50 });
      const isWhole = page.next === null || isFresh(page.next);
      // A query that gives less by pages than a job's threshold needs no count: its end tells.
      if (!isFresh(from) || isWhole || jobsAbove >= mostRecords) return page;
      const slice = sliceAt(from, window, limits);
      const filters = JSON.stringify(filtersOf(slice));
      const counted = await countOf(http, `${path}/count`, { realm, filters }, signal);
      const calls = page.calls + counted.calls;
      if (counted.total <= jobsAbove) return { ...page, calls };
      return { ...page, records: [], next: firstJob(slice, window), calls };
    },
  };
}

async function countOf(
  http: VendorHttp,
  path: string,
  query: Readonly<Record<string, string>>,
  signal: AbortSignal | undefined,
): Promise<{ readonly total: number; readonly calls: number }> {
  const request = { method: 'GET', path, query, signal } as const;
  const { answer, split } = await readPage(http, request, (body) => parseObject(body)?.['TotalRecords']);
  if (typeof split !== 'number') throw http.badResponse(request, answer, 'answered without a count');
  return { total: split, calls: answer.calls };
}
