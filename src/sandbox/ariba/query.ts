import type { Collection } from '../coupa/collection.js';
import { isObject } from '../wire.js';

/** What a query asks for: the documents changed, or created, between two moments, both included. */
export interface Query {
  readonly by: 'updated' | 'created';
  readonly fromMs: number;
  readonly toMs: number;
}

export const longestMs = 31_536_000_000;

/** `{"updatedDateFrom":…,"updatedDateTo":…}` or the same of `created`; a sentence when it is neither. */
export function queryOf(filters: unknown): Query | string {
  if (!isObject(filters)) return 'filters is not a JSON object';
  for (const by of ['updated', 'created'] as const) {
    const [from, to] = [filters[`${by}DateFrom`], filters[`${by}DateTo`]];
    if (from === undefined && to === undefined) continue;
    const pattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
    if (!pattern.test(String(from)) || !pattern.test(String(to)))
      return `${by}DateFrom or ${by}DateTo is no date`;
    const [fromMs, toMs] = [Date.parse(String(from)), Date.parse(String(to))];
    if (toMs < fromMs) return 'The end of the date range lies before its start';
    return { by, fromMs, toMs };
  }
  return 'A date range is required';
}

/** Some of the documents that a query finds, and what stands for those behind them. */
export interface Found {
  readonly positions: readonly number[];
  readonly token: string | null;
  /** Of all that the query finds, how many there are, and how many lie before these. */
  readonly total: number;
  readonly before: number;
}

/**
 * Finds documents, ascending by the time that is asked for; null for a token that is none. A token stands for the time
 * and id of the last document shown: what changes leaves the others where they are.
 */
export function createFinder(orders: Collection) {
  return function find({ by, fromMs, toMs }: Query, given: string | null, most: number): Found | null {
    const times = by === 'updated' ? orders.updated : orders.created;
    const isWithin = (at: number): boolean => (times[at] ?? 0) >= fromMs && (times[at] ?? 0) <= toMs;
    const all = orders.ordered(by === 'updated' ? 'updated-at' : 'created-at').filter(isWithin);
    const token = given === null ? '' : Buffer.from(given, 'base64url').toString('utf8');
    const [, lastMs, lastId] = /^(\d+)\.(\d+)$/.exec(token) ?? [];
    if (given !== null && lastId === undefined) return null;
    const isBehind = (at: number): boolean => {
      const afterMs = (times[at] ?? 0) - Number(lastMs);
      return afterMs > 0 || (afterMs === 0 && (orders.ids[at] ?? 0) > Number(lastId));
    };
    const rest = given === null ? all : all.filter(isBehind);
    const positions = rest.slice(0, most);
    const end = positions.at(-1) ?? -1;
    const next = Buffer.from(`${times[end]}.${orders.ids[end]}`).toString('base64url');
    return {
      positions,
      token: rest.length > most ? next : null,
      total: all.length,
      before: all.length - rest.length,
    };
  };
}

export type Finder = ReturnType<typeof createFinder>;
