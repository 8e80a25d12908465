import { Draw, hashText } from './rng.js';
import { streams } from './seed/frame.js';
import { isObject, type VendorName, vendorNames } from './wire.js';

export const faultKinds = [
  'rate_limit',
  'status',
  'hang',
  'reset',
  'truncate',
  'html',
  'not_json',
  'empty_body',
  'slow_body',
  'accept_then_reset',
  'accept_late_then_reset',
  'accept_then_500',
  'token_expired',
  'auth_dead',
  'endless_cursor',
  'moving_records',
] as const;
export type FaultKind = (typeof faultKinds)[number];

/** Which requests; what is left out fits any. */
export interface Match {
  readonly method?: string;
  /** A prefix below the vendor's own, or a regular expression between slashes (`/tickets\.json$/`). */
  readonly path?: string;
  /** Part of the decoded query: `id[gt]`. */
  readonly query?: string;
}

/** What a caller asks for. */
export interface FaultRequest {
  readonly vendor: VendorName;
  readonly kind: FaultKind;
  readonly match?: Match;
  /** How many matching requests it strikes; null = until cleared (the default of auth_dead and endless_cursor). */
  readonly count?: number | null;
  /** Lets this many matching requests pass first. */
  readonly skip?: number;
  /** Strikes with this probability, by a seeded draw per matching request. */
  readonly probability?: number;
  readonly params?: Readonly<Record<string, unknown>>;
}

export interface Fault {
  readonly id: number;
  readonly vendor: VendorName;
  readonly kind: FaultKind;
  readonly match: Match;
  readonly probability: number;
  readonly params: Readonly<Record<string, unknown>>;
  readonly skip: number;
  /** Strikes left; null = until cleared. */
  left: number | null;
  /** Matching requests seen, and how many of them were struck. */
  seen: number;
  struck: number;
  /** endless_cursor: the answer that is given for ever, by path and size of the page. */
  readonly pages: Map<string, string>;
}

export interface FaultBook {
  add(request: FaultRequest): Fault;
  list(): readonly Fault[];
  clear(id?: number): void;
  /** The fault that strikes this request, if any; counts it. */
  strike(vendor: VendorName, method: string, url: URL): Fault | null;
}

const lasting: readonly FaultKind[] = ['auth_dead', 'endless_cursor'];

function pathMatches(wanted: string | undefined, path: string): boolean {
  if (wanted === undefined) return true;
  const pattern = /^\/(.*[\\^$()|*+?].*)\/$/.exec(wanted)?.[1];
  return pattern === undefined ? path.startsWith(wanted) : new RegExp(pattern).test(path);
}

function queryOf(url: URL): string {
  return [...url.searchParams].map(([name, value]) => `${name}=${value}`).join('&');
}

export function createFaultBook(seed: number): FaultBook {
  let faults: Fault[] = [];
  let lastId = 0;

  function strikes(fault: Fault, vendor: VendorName, method: string, url: URL): boolean {
    if (fault.vendor !== vendor || fault.left === 0) return false;
    if (fault.match.method !== undefined && fault.match.method.toUpperCase() !== method) return false;
    if (!pathMatches(fault.match.path, url.pathname.slice(vendor.length + 1))) return false;
    if (!queryOf(url).includes(fault.match.query ?? '')) return false;
    fault.seen += 1;
    if (fault.seen <= fault.skip) return false;
    const draw = new Draw(seed, streams.fault, hashText(fault.kind), fault.id, fault.seen);
    return draw.chance(fault.probability);
  }

  return {
    add(request) {
      const fault: Fault = {
        id: ++lastId,
        vendor: request.vendor,
        kind: request.kind,
        match: request.match ?? {},
        probability: request.probability ?? 1,
        params: request.params ?? {},
        skip: request.skip ?? 0,
        left: request.count === undefined ? (lasting.includes(request.kind) ? null : 1) : request.count,
        seen: 0,
        struck: 0,
        pages: new Map(),
      };
      faults.push(fault);
      return fault;
    },
    list: () => faults,
    clear(id) {
      faults = id === undefined ? [] : faults.filter((fault) => fault.id !== id);
    },
    strike(vendor, method, url) {
      const fault = faults.find((one) => strikes(one, vendor, method, url)) ?? null;
      if (fault === null) return null;
      fault.struck += 1;
      if (fault.left !== null) fault.left -= 1;
      if (fault.left === 0) faults = faults.filter((one) => one !== fault);
      return fault;
    },
  };
}

/** Checks what came over HTTP; answers the problem as a sentence when it is no fault. */
export function parseFaultRequest(value: unknown): FaultRequest | string {
  if (!isObject(value)) return 'a fault is a JSON object';
  const vendor = vendorNames.find((name) => name === value['vendor']);
  const kind = faultKinds.find((name) => name === value['kind']);
  if (vendor === undefined) return `vendor must be one of ${vendorNames.join(', ')}`;
  if (kind === undefined) return `kind must be one of ${faultKinds.join(', ')}`;
  if (kind === 'token_expired' && !['ariba', 'airbyte', 'coupa', 'salesforce'].includes(vendor))
    return `${vendor} has no tokens that expire`;
  if (kind === 'moving_records' && vendor !== 'coupa') return 'moving_records is for coupa';
  const { match, count, skip, probability, params } = value;
  return {
    vendor,
    kind,
    ...(isObject(match) ? { match: textsOf(match) } : {}),
    ...(typeof count === 'number' || count === null ? { count } : {}),
    ...(typeof skip === 'number' ? { skip } : {}),
    ...(typeof probability === 'number' ? { probability } : {}),
    ...(isObject(params) ? { params } : {}),
  };
}

function textsOf(match: Record<string, unknown>): Match {
  const { method, path, query } = match;
  return {
    ...(typeof method === 'string' ? { method } : {}),
    ...(typeof path === 'string' ? { path } : {}),
    ...(typeof query === 'string' ? { query } : {}),
  };
}
