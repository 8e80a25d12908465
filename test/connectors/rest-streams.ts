import type { ResolvedConnection, Stream } from '../../src/connectors/port.js';
import { rest } from '../../src/connectors/rest/index.js';
import { restSettings } from '../../src/connectors/rest/settings.js';
import { limits } from './support.js';

type Spec = Readonly<Record<string, unknown>>;

/** What every style of the sandbox’s generic API is declared with. */
const common = {
  primaryKey: 'id',
  cursorField: 'updated_at',
  window: { from: 'updated_since', to: 'updated_before' },
  columns: { name: 'text', amount: 'numeric' },
  pageSize: 10,
} as const;

/** Each paging style, as baton.yaml declares it. */
export const styles: Readonly<Record<string, Spec>> = {
  offset: {
    path: '/v1/offset/items',
    records: 'data',
    query: { sort: 'id' },
    pages: { style: 'offset', offset: 'offset', limit: 'limit' },
  },
  offset_by_change: {
    path: '/v1/offset/items',
    records: 'data',
    query: { sort: 'updated_at' },
    pages: { style: 'offset', offset: 'offset', limit: 'limit' },
  },
  page: {
    path: '/v1/page/items',
    records: 'data',
    query: { sort: 'id' },
    pages: { style: 'page', page: 'page', size: 'limit' },
  },
  page_by_change: {
    path: '/v1/page/items',
    records: 'data',
    query: { sort: 'updated_at' },
    pages: { style: 'page', page: 'page', size: 'limit' },
  },
  keyset: { path: '/v1/keyset/items', pages: { style: 'keyset', after: 'after_id', limit: 'limit' } },
  cursor: {
    path: '/v1/cursor/items',
    records: 'data',
    pages: {
      style: 'cursor',
      parameter: 'cursor',
      limit: 'limit',
      token: { member: 'next_cursor' },
      more: 'has_more',
    },
  },
  token_missing_at_the_end: {
    path: '/v1/token/items',
    records: 'records',
    pages: { style: 'cursor', parameter: 'cursor', limit: 'limit', token: { member: 'pageToken' } },
  },
  next_url: {
    path: '/v1/next/items',
    records: 'data',
    pages: { style: 'next_url', member: 'next', limit: 'limit' },
  },
  link_header: { path: '/v1/link/items', pages: { style: 'link_header', limit: 'limit' } },
};

/** A connection of type rest, opened, with its declared streams. */
export function openRest(baseUrl: string, streams: Readonly<Record<string, Spec>> = styles, more: Spec = {}) {
  const declared = Object.fromEntries(
    Object.entries(streams).map(([name, spec]) => [name, { ...common, ...spec }]),
  );
  const settings = restSettings.parse({ streams: declared });
  const resolved: ResolvedConnection = {
    name: 'rest-test',
    type: 'rest',
    baseUrl,
    settings: { ...settings, ...more },
    limits,
  };
  const all = rest.streamsOf?.(settings) ?? {};
  const connection = rest.open(resolved);
  const stream = (name: string): Stream => {
    const found = all[name];
    if (found === undefined) throw new Error(`no stream ${name}`);
    return found;
  };
  return { connection, stream };
}
