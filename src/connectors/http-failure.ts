import { BatonError, type BatonErrorOptions, type ErrorName } from '../protocol/errors.js';
import type { HttpAnswer, VendorHttpOptions } from './http.js';
import { retryAfterMs } from './retry-after.js';

/** What a vendor's error body says, in its own words. */
export interface VendorProblem {
  readonly words?: string;
  /** Where the status alone would mislead: a 403 that is a spent quota. */
  readonly error?: ErrorName;
  readonly retryAfterMs?: number;
  readonly fix?: string;
}

/** Reads a vendor's error body; null when it holds none. */
export type ProblemReader = (status: number, body: unknown) => VendorProblem | null;

/** Where a request went, for errors: it knows what must never be shown. */
export interface Place {
  readonly connection: string;
  readonly method: string;
  /** Without the query and the secrets that it may hold. */
  readonly path: string;
  /** Takes secrets and control characters out of a text, and cuts it. */
  clean(text: string, maxChars: number): string;
  badResponse(what: string, body?: Buffer, more?: Partial<BatonErrorOptions>): BatonError;
}

export function createPlace(
  connection: string,
  method: string,
  path: string,
  scrub: (text: string) => string,
): Place {
  const bare = scrub(path.split(/[?#]/)[0] ?? path);
  const clean = (text: string, maxChars: number): string => {
    const flat = scrub(text)
      .replace(/[\p{Cc}\s]+/gu, ' ')
      .trim();
    return flat.length > maxChars ? `${flat.slice(0, maxChars)}…` : flat;
  };
  return {
    connection,
    method,
    path: bare,
    clean,
    badResponse(what, body, more) {
      // A secret that the cut would halve is scrubbed first.
      const shown = body === undefined ? '' : clean(body.subarray(0, 4096).toString('utf8'), 80);
      const excerpt = shown === '' ? '' : `: ${shown}`;
      return new BatonError('ERR_SOURCE_BAD_RESPONSE', {
        detail: `${connection}: ${method} ${bare} ${what}${excerpt}`,
        vendor: true,
        ...more,
      });
    },
  };
}

/** The error that an answer of 3xx, 4xx or 5xx stands for. */
export function answerFailure(
  place: Place,
  answer: HttpAnswer,
  { problem: reader, resetHeader }: Pick<VendorHttpOptions, 'problem' | 'resetHeader'>,
): BatonError {
  const { status } = answer;
  if (status < 300) return place.badResponse(`answered ${status} with an unexpected body`, answer.body);
  if (status < 400) {
    return place.badResponse(`answered ${status}, a redirect, which is not followed`, undefined, {
      fix: 'Correct baseUrl of the connection: it should be the address that answers itself.',
    });
  }
  const problem = readProblem(place, answer, reader);
  const error = problem?.error ?? errorOfStatus(status);
  const waitMs =
    retryAfterMs(answer.headers, status === 429 ? resetHeader : undefined) ?? problem?.retryAfterMs;
  const words = problem?.words ?? answer.body.subarray(0, 4096).toString('utf8');
  const said = place.clean(words, 200);
  return new BatonError(error, {
    detail: `${place.connection}: ${place.method} ${place.path} answered ${status}${said === '' ? '' : `: ${said}`}`,
    vendor: true,
    ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }),
    ...(problem?.fix === undefined ? {} : { fix: problem.fix }),
  });
}

function readProblem(place: Place, answer: HttpAnswer, reader?: ProblemReader): VendorProblem | null {
  if (reader === undefined) return null;
  try {
    return reader(answer.status, JSON.parse(answer.body.toString('utf8')));
  } catch {
    return isHtml(answer.body) ? { words: place.clean(answer.body.toString('utf8'), 80) } : null;
  }
}

function isHtml(body: Buffer): boolean {
  return /^\s*</.test(body.subarray(0, 64).toString('latin1'));
}

function errorOfStatus(status: number): ErrorName {
  switch (status) {
    case 401:
      return 'ERR_SOURCE_AUTH';
    case 403:
      return 'ERR_SOURCE_FORBIDDEN';
    case 408:
      return 'ERR_SOURCE_TIMEOUT';
    case 429:
      return 'ERR_SOURCE_RATE_LIMITED';
    default:
      return status >= 500 ? 'ERR_SOURCE_UNAVAILABLE' : 'ERR_SOURCE_BAD_REQUEST';
  }
}

/** What the operating system or TLS said, in words. */
const meanings: Readonly<Record<string, string>> = {
  ENOTFOUND: 'the host name was not found',
  EAI_AGAIN: 'the host name could not be looked up',
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was reset',
  EPIPE: 'the connection was reset',
  EHOSTUNREACH: 'the host could not be reached',
  ENETUNREACH: 'the network could not be reached',
  ETIMEDOUT: 'the connection timed out',
  CERT_HAS_EXPIRED: 'its TLS certificate has expired',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its TLS certificate is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'its TLS certificate chain is self-signed',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its TLS certificate could not be verified',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its TLS certificate could not be verified',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its TLS certificate is for another host',
  EPROTO: 'TLS failed',
};

/** Codes that can only come before the first byte of the request is written. */
const beforeWriting: ReadonlySet<string> = new Set([
  'ENOTFOUND',
  'EAI_AGAIN',
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);

/** Whether an error of this code proves that nothing was written. */
export function isBeforeWriting(code: string): boolean {
  return beforeWriting.has(code);
}

export function meaningOf(code: string): string {
  return meanings[code] ?? (code === '' ? 'the connection failed' : `the connection failed (${code})`);
}
