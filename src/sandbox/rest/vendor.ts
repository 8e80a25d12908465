import { type Answer, type Call, json, type Route, type Vendor } from '../wire.js';
import type { RestItem, RestStore } from './store.js';

/** The most records a page, whatever is asked for. */
const mostPerPage = 100;

/** The records asked for, by `sort` (id or updated_at, ascending) and the window on `updated_at`. */
function listed(store: RestStore, { query }: Call): readonly RestItem[] {
  const since = query.get('updated_since');
  const before = query.get('updated_before');
  return store
    .all()
    .filter(({ updated_at }) => since === null || updated_at >= new Date(since).toISOString())
    .filter(({ updated_at }) => before === null || updated_at < new Date(before).toISOString())
    .toSorted(query.get('sort') === 'updated_at' ? byChange : (a, b) => a.id - b.id);
}

function byChange(a: RestItem, b: RestItem): number {
  return a.updated_at === b.updated_at ? a.id - b.id : a.updated_at < b.updated_at ? -1 : 1;
}

function numberOf(call: Call, name: string, otherwise: number): number {
  const value = Number(call.query.get(name) ?? otherwise);
  return Number.isSafeInteger(value) && value >= 0 ? value : otherwise;
}

function sizeOf(call: Call): number {
  return Math.min(mostPerPage, Math.max(1, numberOf(call, 'limit', 20)));
}

/** The page behind a key, and the key of the one after it; null at the end. */
function behind(items: readonly RestItem[], after: number, size: number) {
  const rest = items.filter(({ id }) => id > after);
  const page = rest.slice(0, size);
  return { page, next: rest.length > size ? (page.at(-1)?.id ?? null) : null };
}

function tokenOf(id: number | null): string | null {
  return id === null ? null : Buffer.from(`after:${id}`).toString('base64url');
}

function keyOf(token: string | null): number | null {
  if (token === null) return 0;
  const id = /^after:(\d+)$/.exec(Buffer.from(token, 'base64url').toString('utf8'))?.[1];
  return id === undefined ? null : Number(id);
}

/** The same list again, behind a key: as a vendor writes it into its answer. */
function addressOf(call: Call, after: number): string {
  const query = new URLSearchParams(call.query);
  query.set('after_id', String(after));
  return `${call.baseUrl}${call.path}?${query}`;
}

/** A made-up API that lists the same records in each of the usual paging styles. No credentials. */
export function createRest(store: RestStore): Vendor {
  const list = (path: string, handle: (call: Call, items: readonly RestItem[]) => Answer): Route => ({
    method: 'GET',
    path: `/v1/${path}/items`,
    open: true,
    handle: (call) => handle(call, listed(store, call)),
  });
  const tokens = (
    call: Call,
    items: readonly RestItem[],
    answer: (token: string | null, page: readonly RestItem[]) => unknown,
  ) => {
    const after = keyOf(call.query.get('cursor'));
    if (after === null) return json(400, { error: 'the cursor is not valid' });
    const { page, next } = behind(items, after, sizeOf(call));
    return json(200, answer(tokenOf(next), page));
  };
  const routes = [
    list('offset', (call, items) => {
      const offset = numberOf(call, 'offset', 0);
      return json(200, { data: items.slice(offset, offset + sizeOf(call)), total: items.length });
    }),
    list('page', (call, items) => {
      const start = (Math.max(1, numberOf(call, 'page', 1)) - 1) * sizeOf(call);
      return json(200, { data: items.slice(start, start + sizeOf(call)) });
    }),
    list('keyset', (call, items) =>
      json(200, behind(items, numberOf(call, 'after_id', 0), sizeOf(call)).page),
    ),
    list('cursor', (call, items) =>
      tokens(call, items, (token, data) => ({ data, next_cursor: token, has_more: token !== null })),
    ),
    list('token', (call, items) =>
      tokens(call, items, (token, records) => ({ records, ...(token === null ? {} : { pageToken: token }) })),
    ),
    list('next', (call, items) => {
      const { page, next } = behind(items, numberOf(call, 'after_id', 0), sizeOf(call));
      return json(200, { data: page, next: next === null ? null : addressOf(call, next) });
    }),
    list('link', (call, items) => {
      const { page, next } = behind(items, numberOf(call, 'after_id', 0), sizeOf(call));
      const first = `<${call.baseUrl}${call.path}>; rel="first"`;
      const link = next === null ? first : `${first}, <${addressOf(call, next)}>; title="a, b"; rel="next"`;
      return json(200, page, { link });
    }),
  ];
  const messages: Readonly<Record<number, string>> = { 404: 'not found', 429: 'too many requests' };
  return {
    name: 'rest',
    routes,
    authenticate: () => null,
    refuse: (status) => json(status, { error: messages[status] ?? 'internal error' }),
  };
}
