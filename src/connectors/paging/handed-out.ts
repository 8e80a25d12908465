import { BatonError } from '../../protocol/errors.js';
import { JsonSplitError } from '../json-split.js';
import type { Cursor, Window } from '../port.js';
import { linkTarget } from './link-header.js';
import {
  type Ask,
  checked,
  digestOf,
  endless,
  invalid,
  type Paginator,
  position,
  type Reading,
  type SeenPage,
  shown,
} from './paginator.js';

interface HandedOut {
  /** What a position looks like; anything else is neither stored nor sent. */
  readonly pattern: RegExp;
  ask(position: string): Ask;
  /** The position that the page hands out; null when it hands out none. */
  find(page: SeenPage): string | null;
  /** Whether the page is the last one; absent = the one that hands out no position. */
  isEnd?(page: SeenPage, reading: Reading): boolean;
}

/**
 * Pages by what the vendor hands out. What a read that meets changes guarantees is what the vendor's token stands
 * for. A cycle of any length is caught with one remembered position (Brent's algorithm): `mark` is the position at
 * the last power of two, `page` counts.
 */
function handedOutPaginator(stream: string, style: HandedOut): Paginator {
  return {
    check(cursor, window) {
      const { at, to, page, mark } = checked(stream, cursor, window, style.pattern, ['page', 'mark']);
      if (!Number.isSafeInteger(page) || Number(page) < 1 || !/^[0-9a-f]{16}$/.test(String(mark))) {
        throw invalid(stream, 'the stored cursor is unreadable');
      }
      return { at: at ?? null, to: to ?? null, page: page ?? null, mark: mark ?? null };
    },
    ask(from) {
      const at = position(from);
      return at === null ? { path: null, query: {} } : style.ask(at);
    },
    take(from, page, reading) {
      const { records } = page;
      if (style.isEnd?.(page, reading) === true) return { records, next: null };
      const next = style.find(page);
      if (next !== null) return { records, next: advance(stream, style.pattern, from, next, reading.window) };
      if (style.isEnd === undefined) return { records, next: null };
      throw new JsonSplitError('says that there is more, but not where');
    },
  };
}

function advance(stream: string, pattern: RegExp, from: Cursor | null, next: string, window: Window): Cursor {
  if (!pattern.test(next)) throw invalid(stream, `the vendor handed out ${shown(next)}`);
  const page = Number(from?.['page'] ?? 0) + 1;
  const digest = digestOf(next);
  const mark = from === null ? null : from['mark'];
  if (digest === mark || next === position(from)) {
    throw endless(stream, `the cursor of page ${page} had been handed out before`);
  }
  const isPowerOfTwo = (page & (page - 1)) === 0;
  return { at: next, to: window.to, page, mark: isPowerOfTwo || typeof mark !== 'string' ? digest : mark };
}

export interface TokenStyle {
  /** Query parameter that takes the token. */
  readonly parameter: string;
  /** Top-level member of the body, or lower-case header, that holds it; absent, null or empty = none. */
  readonly token: { readonly member: string } | { readonly header: string };
  readonly pattern?: RegExp;
  readonly isEnd?: HandedOut['isEnd'];
}

/** A token in a query parameter. Without `isEnd`, the page without a token is the last one. */
export function tokenPaginator(stream: string, style: TokenStyle): Paginator {
  return handedOutPaginator(stream, {
    pattern: style.pattern ?? /^[\x21-\x7e]{1,2000}$/,
    ask: (token) => ({ path: null, query: { [style.parameter]: token } }),
    find: (page) =>
      given(
        'member' in style.token ? page.envelope.get(style.token.member) : page.headers[style.token.header],
      ),
    ...(style.isEnd === undefined ? {} : { isEnd: style.isEnd }),
  });
}

/** Two tokens that belong together, such as a time and the id within it. */
export interface TokenPairStyle {
  readonly parameters: readonly [string, string];
  /** Top-level members of the body that hold them. */
  readonly members: readonly [string, string];
  readonly isEnd: NonNullable<HandedOut['isEnd']>;
}

export function tokenPairPaginator(
  stream: string,
  { parameters, members, isEnd }: TokenPairStyle,
): Paginator {
  const [one, other] = parameters;
  return handedOutPaginator(stream, {
    pattern: /^[\x21-\x7e]{1,500} [\x21-\x7e]{1,1500}$/,
    isEnd,
    ask(position) {
      const [first = '', second = ''] = position.split(' ');
      return { path: null, query: { [one]: first, [other]: second } };
    },
    find({ envelope }) {
      const found = members.map((member) => given(envelope.get(member)));
      return found.includes(null) ? null : found.join(' ');
    },
  });
}

export interface PathStyle {
  /** Top-level member of the body that holds the next page's path, below the connection's baseUrl. */
  readonly member: string;
  readonly pattern: RegExp;
  readonly isEnd: NonNullable<HandedOut['isEnd']>;
}

/** A path of which the connector knows the form. */
export function pathPaginator(stream: string, { member, pattern, isEnd }: PathStyle): Paginator {
  return handedOutPaginator(stream, {
    pattern,
    isEnd,
    ask: (path) => ({ path, query: {} }),
    find: (page) => given(page.envelope.get(member)),
  });
}

/** A path and its query, below baseUrl: never the beginning of another address. */
const ownPath = /^\/(?!\/)[\x21-\x5b\x5d-\x7e]{0,4000}$/;

/** The next page's address in a member of the body, absolute or relative; the page without one is the last. */
export function nextUrlPaginator(stream: string, member: string): Paginator {
  return handedOutPaginator(stream, {
    pattern: ownPath,
    ask: (path) => ({ path, query: {} }),
    find(page) {
      const url = given(page.envelope.get(member));
      return url === null ? null : belowBase(stream, url, page);
    },
  });
}

/** The next page's address in the Link header, `rel="next"` (RFC 8288); the page without one is the last. */
export function linkHeaderPaginator(stream: string): Paginator {
  return handedOutPaginator(stream, {
    pattern: ownPath,
    ask: (path) => ({ path, query: {} }),
    find(page) {
      const url = linkTarget(page.headers['link'], 'next');
      return url === null ? null : belowBase(stream, url, page);
    },
  });
}

function given(value: unknown): string | null {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' && value !== '' ? value : null;
}

/**
 * The path below baseUrl that an address stands for. Our credentials go with the request: an address of another
 * host, port or scheme, or outside baseUrl's own path, is refused and not followed.
 */
function belowBase(stream: string, url: string, { baseUrl, path }: SeenPage): string {
  const root = baseUrl.replace(/\/+$/, '');
  const base = new URL(root);
  const here = new URL(`${root}${path}`);
  const found = URL.canParse(url, here.href) ? new URL(url, here.href) : null;
  const prefix = base.pathname === '/' ? '' : base.pathname;
  const isBelow =
    found !== null &&
    found.origin === base.origin &&
    found.username === '' &&
    found.password === '' &&
    found.pathname.startsWith(`${prefix}/`);
  if (isBelow) return `${found.pathname.slice(prefix.length)}${found.search}`;
  throw new BatonError('ERR_SOURCE_FOREIGN_URL', {
    detail: `${stream}: the vendor’s next page is at ${shown(found?.origin ?? url)}${found?.origin === base.origin ? `, outside ${base.pathname}` : ''}.`,
    vendor: true,
  });
}
