import type { Column, Mapped } from '../../domain/columns.js';
import { BatonError } from '../../protocol/errors.js';
import { splitArray } from '../json-split.js';
import { pathPaginator } from '../paging/handed-out.js';
import { position } from '../paging/paginator.js';
import type { OpenConnection, Parameters, ReadOptions, Stream } from '../port.js';
import { type Listing, readListed } from '../read-page.js';
import { bulkPath, readJob, startJob, type TakeAt } from './bulk.js';
import { salesforceKeys } from './keys.js';
import { queryPath, soql } from './soql.js';

/** More records than this are left to a job of the Bulk API, unless the connection says otherwise: ten calls instead of a quota. */
export const defaultBulkAbove = 20_000;

/** A connection that knows what is too much for it. */
export interface SalesforceConnection extends OpenConnection {
  readonly bulkAbove: number;
}

/** Where an answer says that its rest is. */
export const locatorPath = /^\/services\/data\/v\d{1,3}\.\d\/query\/[A-Za-z0-9_-]{1,80}$/;

export interface SalesforceStreamSpec {
  readonly name: string;
  /** The object in SOQL: `Account`. */
  readonly from: string;
  readonly columns: readonly Column[];
  /** Fields to select; a pipeline's parameters may name custom ones. */
  fields(parameters: Parameters | undefined): readonly string[];
  map(record: Buffer, parameters?: Parameters): Mapped;
}

/** A SOQL query over SystemModstamp, paged by the locators that Salesforce hands out. */
export function salesforceStream(spec: SalesforceStreamSpec): Stream {
  const paginator = pathPaginator(spec.name, {
    member: 'nextRecordsUrl',
    pattern: new RegExp(`${locatorPath.source}|${bulkPath.source}`),
    isEnd: ({ envelope }) => envelope.get('done') === true,
  });
  return {
    name: spec.name,
    docs: 'https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_queryall.htm',
    scope: `read ${spec.from}`,
    mode: 'incremental',
    primaryKey: 'Id',
    cursorField: 'SystemModstamp',
    // SystemModstamp is set before the transaction commits: two minutes cover the usual skew.
    lagMs: 120_000,
    columns: spec.columns,
    versionColumn: 'updated_at',
    deletedColumn: 'is_deleted',
    checkCursor: paginator.check,
    keys: salesforceKeys(spec, paginator),
    map: spec.map,
    async readPage(connection, window, cursor, options) {
      const { http, bulkAbove = defaultBulkAbove } = connection as SalesforceConnection;
      const { signal } = options;
      const reading = { window, size: options.pageSize ?? 2000 };
      const from = cursor === null ? null : paginator.check(cursor, window);
      const at = position(from);
      const takeAt: TakeAt = (records, next) => {
        const envelope = new Map<string, unknown>([
          ['done', next === null],
          ['nextRecordsUrl', next],
        ]);
        const seen = { records, envelope, headers: {}, baseUrl: http.baseUrl, path: at ?? queryPath };
        return paginator.take(from, seen, reading);
      };
      if (at !== null && bulkPath.test(at)) return readJob(http, at, takeAt, signal);
      const q = soql(spec.from, spec.fields(options.parameters), window);
      let size = 0;
      const listing: Listing = {
        paginator,
        request: ({ path }) => ({
          method: 'GET',
          path: path ?? queryPath,
          ...(path === null ? { query: { q } } : {}),
          headers: batchSize(options),
          signal,
        }),
        split(body) {
          const found = splitArray(body, 'records');
          size = Number(found.envelope.get('totalSize'));
          return found;
        },
      };
      const page = await readListed(http, listing, cursor, reading);
      if (from !== null || !(size > bulkAbove)) return page;
      const job = await startJob(http, q, takeAt, signal);
      return { ...job, calls: job.calls + page.calls, bytes: page.bytes };
    },
  };
}

/** A field's name goes into SOQL as it is, so it must be nothing but a name. */
export function fieldName(name: string): string {
  if (/^[A-Za-z][A-Za-z0-9_]{0,79}$/.test(name)) return name;
  throw new BatonError('ERR_CONFIG_INVALID', {
    detail: `${JSON.stringify(name)} is not a Salesforce field name`,
  });
}

/** Salesforce takes 200 to 2000 as a wish. */
function batchSize(options: ReadOptions): Record<string, string> {
  if (options.pageSize === undefined) return {};
  const size = Math.min(2000, Math.max(200, options.pageSize));
  return { 'Sforce-Query-Options': `batchSize=${size}` };
}
