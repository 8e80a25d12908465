import type { Column, Mapped } from '../../domain/columns.js';
import { BatonError } from '../../protocol/errors.js';
import { splitArray } from '../json-split.js';
import { pathPaginator } from '../paging/handed-out.js';
import type { Parameters, ReadOptions, Stream } from '../port.js';
import { type Listing, readListed } from '../read-page.js';
import { salesforceKeys } from './keys.js';
import { queryPath, soql } from './soql.js';

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
    pattern: locatorPath,
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
    readPage({ http }, window, cursor, options) {
      const listing: Listing = {
        paginator,
        request: ({ path }) => ({
          method: 'GET',
          path: path ?? queryPath,
          ...(path === null
            ? { query: { q: soql(spec.from, spec.fields(options.parameters), window) } }
            : {}),
          headers: batchSize(options),
          signal: options.signal,
        }),
        split: (body) => splitArray(body, 'records'),
      };
      return readListed(http, listing, cursor, { window, size: options.pageSize ?? 2000 });
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
