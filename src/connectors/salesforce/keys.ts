import { instantText } from '../instant.js';
import { isGone } from '../is-gone.js';
import { splitArray } from '../json-split.js';
import type { Paginator } from '../paging/paginator.js';
import type { Keys } from '../port.js';
import { parseObject, readListed, readPage } from '../read-page.js';
import { idOf } from '../record.js';
import { dataPath, queryPath, soql } from './soql.js';
import type { SalesforceStreamSpec } from './stream.js';

/** Ids in one query: so many records Salesforce gives on a page at least, and so many ids fit into a URL. */
const perCall = 200;
/** Keys on a page, as Salesforce has it by itself. */
const keysPerPage = 2_000;

/** An id goes into SOQL as it is, so it must be nothing but an id. */
const idPattern = /^[A-Za-z0-9]{15,18}$/;

/** Ids and change times of an object, the recycle bin's included, and its records by id. */
export function salesforceKeys({ from, fields }: SalesforceStreamSpec, paginator: Paginator): Keys {
  return {
    perCall,
    async list({ http }, window, cursor, { signal }) {
      const listing = {
        paginator,
        request: ({ path }: { readonly path: string | null }) => ({
          method: 'GET' as const,
          path: path ?? queryPath,
          ...(path === null ? { query: { q: soql(from, ['Id', 'SystemModstamp'], window) } } : {}),
          signal,
        }),
        split: (body: Buffer) => splitArray(body, 'records'),
      };
      const page = await readListed(http, listing, cursor, { window, size: keysPerPage });
      const keys = page.records.flatMap((record) => {
        const found = parseObject(record);
        const id = found === null ? null : idOf(found, 'Id');
        return id === null ? [] : [{ id, version: instantText(String(found?.['SystemModstamp'])) }];
      });
      return { keys, next: page.next, calls: page.calls };
    },
    async read({ http }, ids, { parameters, signal }) {
      const wanted = ids.filter((id) => idPattern.test(id)).map((id) => `'${id}'`);
      if (wanted.length === 0) return { records: [], next: null, calls: 0, bytes: 0 };
      const q = soql(from, fields(parameters), { ids: wanted });
      const request = { method: 'GET', path: queryPath, query: { q }, signal } as const;
      const { answer, split } = await readPage(http, request, (body) => splitArray(body, 'records'));
      return { records: split.records, next: null, calls: answer.calls, bytes: answer.body.length };
    },
    keyOf(record) {
      const found = parseObject(record);
      return found === null ? null : idOf(found, 'Id');
    },
    isGone: ({ http }, id, { signal }) =>
      isGone(http, {
        method: 'GET',
        path: `${dataPath}/sobjects/${from}/${encodeURIComponent(id)}`,
        query: { fields: 'Id' },
        signal,
      }),
  };
}
