import { createHash } from 'node:crypto';
import { BatonError } from '../../protocol/errors.js';
import type { Cursor, Parameters, Window } from '../port.js';

/**
 * How the pages of a list follow one another. Pure: no clock, no I/O, and no memory but the cursor, which is stored
 * beside each landed page. A cursor carries the end of its window (`to`), so that it cannot be used for another one,
 * where it stands (`at`), and what else its style needs; a stored one is checked before it is used.
 */
export interface Paginator {
  /** The stored cursor; throws ERR_CURSOR_INVALID when it is unreadable, of another window or from the future. */
  check(cursor: unknown, window: Window): Cursor;
  /** What to ask for; `from` null = the first page. */
  ask(from: Cursor | null, reading: Reading): Ask;
  /**
   * What of the page that was asked for is new, and where to go on; null at the end. Throws ERR_CURSOR_ENDLESS when
   * the vendor stands still or goes in a circle, ERR_SOURCE_FOREIGN_URL when it points elsewhere, JsonSplitError
   * when the page does not say what its style has it say.
   */
  take(from: Cursor | null, page: SeenPage, reading: Reading): Taken;
}

/** What is read. */
export interface Reading {
  readonly window: Window;
  /** Records a page that are wished for. */
  readonly size: number;
  readonly parameters?: Parameters | undefined;
}

/** What a page's request has of its paginator. */
export interface Ask {
  /** Below the connection's baseUrl, with its own query if it has one; null = the list's own. */
  readonly path: string | null;
  readonly query: Readonly<Record<string, string | number>>;
}

/** A page as it came. */
export interface SeenPage {
  readonly records: readonly Buffer[];
  /** The other top-level members of the body. */
  readonly envelope: ReadonlyMap<string, unknown>;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** Where the page was asked for: the connection's baseUrl, and the path below it. */
  readonly baseUrl: string;
  readonly path: string;
}

export interface Taken {
  readonly records: readonly Buffer[];
  readonly next: Cursor | null;
}

/** Where a cursor stands. */
export function position(cursor: Cursor | null): string | null {
  const at = cursor?.['at'];
  return typeof at === 'string' ? at : null;
}

/** A stored cursor of the right form and of this very window; `more` are the keys it has beside `at` and `to`. */
export function checked(
  stream: string,
  cursor: unknown,
  window: Window,
  pattern: RegExp,
  more: readonly string[] = [],
): Cursor {
  const known = new Set(['at', 'to', ...more]);
  if (typeof cursor !== 'object' || cursor === null || !Object.keys(cursor).every((key) => known.has(key))) {
    throw invalid(stream, 'the stored cursor is unreadable');
  }
  const { at, to } = cursor as Cursor;
  if (typeof at !== 'string' || !pattern.test(at) || typeof to !== 'string' || Number.isNaN(Date.parse(to))) {
    throw invalid(stream, 'the stored cursor is unreadable');
  }
  if (Date.parse(to) > Date.parse(window.to)) {
    throw invalid(
      stream,
      `the stored cursor lies in the future: it ends at ${to}, the window at ${window.to}`,
    );
  }
  if (Date.parse(to) < Date.parse(window.to)) {
    throw invalid(
      stream,
      `the stored cursor is of another window: it ends at ${to}, this one at ${window.to}`,
    );
  }
  return cursor as Cursor;
}

export function digestOf(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex').slice(0, 16);
}

export function shown(text: string): string {
  return JSON.stringify(text.slice(0, 60));
}

export function invalid(stream: string, detail: string): BatonError {
  return new BatonError('ERR_CURSOR_INVALID', { detail: `${stream}: ${detail}` });
}

export function endless(stream: string, detail: string): BatonError {
  return new BatonError('ERR_CURSOR_ENDLESS', { detail: `${stream}: ${detail}`, vendor: true });
}
