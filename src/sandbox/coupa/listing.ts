import type { Collection } from './collection.js';
import { type Filter, FilterRefused, parseFilter, positionTest } from './filter.js';

/** Coupa never returns more than this in one answer, whatever `limit` says. */
const pageCap = 50;

export interface Listing {
  readonly filters: readonly Filter[];
  readonly orderBy: string;
  readonly descending: boolean;
  readonly limit: number;
  readonly offset: number;
}

const reserved: ReadonlySet<string> = new Set([
  'limit',
  'offset',
  'order_by',
  'dir',
  'fields',
  'return_object',
]);

function whole(query: URLSearchParams, name: string, fallback: number): number {
  const text = query.get(name);
  if (text === null) return fallback;
  if (!/^\d+$/.test(text)) throw new FilterRefused(`Invalid ${name}: ${text}`);
  return Number(text);
}

/** Reads the query of a list; throws FilterRefused for what the instance would answer with 400. */
export function parseListing(query: URLSearchParams, attributes: ReadonlySet<string>): Listing {
  const filters = [...query]
    .filter(([key]) => !reserved.has(key))
    .map(([key, value]) => parseFilter(key, value));
  for (const { path } of filters) {
    if (!attributes.has(path[0] ?? '')) throw new FilterRefused(`Unknown attribute: ${path[0] ?? ''}`);
  }
  const orderBy = (query.get('order_by') ?? 'id').replaceAll('_', '-');
  if (!attributes.has(orderBy)) throw new FilterRefused(`Unknown attribute: ${orderBy}`);
  return {
    filters,
    orderBy,
    descending: query.get('dir') === 'desc',
    limit: Math.min(pageCap, whole(query, 'limit', pageCap)),
    offset: whole(query, 'offset', 0),
  };
}

function inOrder(collection: Collection, listing: Listing): readonly number[] {
  const { orderBy } = listing;
  const known = orderBy === 'id' || orderBy === 'updated-at' || orderBy === 'created-at';
  const ascending = known ? collection.ordered(orderBy) : byRecord(collection, orderBy);
  return listing.descending ? [...ascending].reverse() : ascending;
}

function byRecord(collection: Collection, attribute: string): readonly number[] {
  const keyed = collection
    .ordered('id')
    .map((at) => ({ at, key: String(collection.record(at)[attribute] ?? '') }));
  keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return keyed.map(({ at }) => at);
}

/** Where to begin when paging by id: the first position whose id can pass `id[gt]`. */
function firstAfter(collection: Collection, positions: readonly number[], listing: Listing): number {
  const keyset = listing.filters.find(({ path, operator }) => path.join('.') === 'id' && operator === 'gt');
  if (keyset === undefined || listing.orderBy !== 'id' || listing.descending) return 0;
  const last = Number(keyset.value);
  let low = 0;
  let high = positions.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const id = collection.ids[positions[middle] ?? 0] ?? 0;
    if (id <= last) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A look-up of one thing never shows duplicates; only reads of many do. */
function isLookup(listing: Listing): boolean {
  return listing.filters.some(
    ({ path, operator }) => operator === 'eq' && ['id', 'po-number'].includes(path.join('.')),
  );
}

/** Positions of one page. `repeated`: ids that the list shows twice in a row, as a moving instance does. */
export function page(
  collection: Collection,
  listing: Listing,
  repeated: ReadonlySet<number>,
): readonly number[] {
  const tests = listing.filters.map((filter) => positionTest(filter, collection));
  const positions = inOrder(collection, listing);
  const twice = isLookup(listing) ? new Set<number>() : repeated;
  const found: number[] = [];
  let skip = listing.offset;
  for (
    let i = firstAfter(collection, positions, listing);
    i < positions.length && found.length < listing.limit;
    i++
  ) {
    const at = positions[i] ?? 0;
    if (!tests.every((test) => test(at))) continue;
    const copies = twice.has(collection.ids[at] ?? 0) ? 2 : 1;
    for (let copy = 0; copy < copies && found.length < listing.limit; copy++) {
      if (skip > 0) skip--;
      else found.push(at);
    }
  }
  return found;
}
