import type { Column, Mapped } from '../../domain/columns.js';
import { BatonError } from '../../protocol/errors.js';
import type { HttpRequest } from '../http.js';
import { splitArray } from '../json-split.js';
import { handedOutPaginator } from '../paginator.js';
import type { Parameters, ReadOptions, Stream, Window } from '../port.js';
import { readPage } from '../read-page.js';

const queryPath = '/services/data/v62.0/query';
const locatorPath = /^\/services\/data\/v\d{1,3}\.\d\/query\/[A-Za-z0-9_-]{1,80}$/;

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
  const paginator = handedOutPaginator(spec.name, locatorPath);
  return {
    name: spec.name,
    docs: 'https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_query.htm',
    scope: `read ${spec.from}`,
    mode: 'incremental',
    primaryKey: 'Id',
    cursorField: 'SystemModstamp',
    // SystemModstamp is set before the transaction commits: two minutes cover the usual skew.
    lagMs: 120_000,
    columns: spec.columns,
    versionColumn: 'updated_at',
    checkCursor: paginator.check,
    map: spec.map,
    async readPage({ http }, window, cursor, options) {
      const from = cursor === null ? null : paginator.check(cursor, window);
      const locator = paginator.position(from);
      const request: HttpRequest = {
        method: 'GET',
        path: locator ?? queryPath,
        ...(locator === null ? { query: { q: soql(spec, window, options.parameters) } } : {}),
        headers: batchSize(options),
        signal: options.signal,
      };
      const { answer, split } = await readPage(http, request, (body) => splitArray(body, 'records'));
      const done = split.envelope.get('done');
      const next = split.envelope.get('nextRecordsUrl');
      if (done !== true && typeof next !== 'string') {
        throw http.badResponse(request, answer, 'says that there is more, but not where');
      }
      return {
        records: split.records,
        next: done === true ? null : paginator.advance(from, String(next), window),
        calls: answer.calls,
        bytes: answer.body.length,
      };
    },
  };
}

function soql(spec: SalesforceStreamSpec, window: Window, parameters: Parameters | undefined): string {
  const from = window.from === null ? '' : `SystemModstamp >= ${literal(window.from)} AND `;
  const fields = [...new Set(spec.fields(parameters))].join(', ');
  return `SELECT ${fields} FROM ${spec.from} WHERE ${from}SystemModstamp < ${literal(window.to)} ORDER BY SystemModstamp, Id`;
}

/** A datetime in SOQL stands unquoted, in UTC. */
function literal(time: string): string {
  return new Date(time).toISOString();
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
