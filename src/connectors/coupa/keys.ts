import { instantText } from '../instant.js';
import { isGone } from '../is-gone.js';
import { splitArray } from '../json-split.js';
import { keysetPaginator } from '../paging/keyset.js';
import type { Keys, Page } from '../port.js';
import { type Listing, parseObject, readListed, readPage } from '../read-page.js';
import { idOf } from '../record.js';
import type { CoupaStreamSpec } from './stream.js';

/** Coupa gives at most 50 records a page. */
const perCall = 50;

/** Ids and change times of a Coupa list, and its records by id. Records that the mapper would leave out are left out. */
export function coupaKeys(
  { name, path, fields, leavesOut }: CoupaStreamSpec,
  windowFilter: (window: Parameters<Keys['list']>[1]) => Record<string, string>,
): Keys {
  const paginator = keysetPaginator(name, { after: 'id[gt]', keyOf, endsShort: true });
  const wanted = ['id', 'updated-at', ...(leavesOut === undefined ? [] : [leavesOut.field])];
  return {
    perCall,
    async list({ http }, window, cursor, { signal }) {
      const listing: Listing = {
        paginator,
        request: ({ query }) => ({
          method: 'GET',
          path,
          query: {
            ...windowFilter(window),
            ...query,
            order_by: 'id',
            dir: 'asc',
            limit: perCall,
            fields: JSON.stringify(wanted),
          },
          signal,
        }),
        split: (body) => splitArray(body, null),
      };
      const page = await readListed(http, listing, cursor, { window, size: perCall });
      const keys = page.records.flatMap((record) => {
        const found = parseObject(record);
        const id = found === null ? null : idOf(found, 'id');
        if (found === null || id === null) return [];
        if (leavesOut !== undefined && found[leavesOut.field] === leavesOut.value) return [];
        return [{ id, version: instantText(String(found['updated-at'])) }];
      });
      return { keys, next: page.next, calls: page.calls };
    },
    async read({ http }, ids, { signal }) {
      const only = fields === undefined ? {} : { fields: JSON.stringify(fields) };
      const pages: Page[] = [];
      // A list that shows a record twice may cut off the last ones.
      for (let asked = ids; asked.length > 0; ) {
        const query = { 'id[in]': asked.join(), order_by: 'id', dir: 'asc', limit: perCall, ...only };
        const { answer, split } = await readPage(http, { method: 'GET', path, query, signal }, (body) =>
          splitArray(body, null),
        );
        pages.push({ ...split, next: null, calls: answer.calls, bytes: answer.body.length });
        const given = new Set(split.records.map(keyOf));
        const rest = asked.filter((id) => !given.has(id));
        asked = split.records.length < perCall || rest.length === asked.length ? [] : rest;
      }
      return {
        records: pages.flatMap(({ records }) => records),
        next: null,
        calls: pages.reduce((sum, { calls }) => sum + calls, 0),
        bytes: pages.reduce((sum, { bytes }) => sum + bytes, 0),
      };
    },
    keyOf,
    isGone: ({ http }, id, { signal }) =>
      isGone(http, {
        method: 'GET',
        path: `${path}/${encodeURIComponent(id)}`,
        query: { fields: '["id"]' },
        signal,
      }),
  };
}

function keyOf(record: Buffer): string | null {
  const found = parseObject(record);
  return found === null ? null : idOf(found, 'id');
}
