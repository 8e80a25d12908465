import type { ErrorName } from '../../protocol/errors.js';
import type { VendorProblem } from '../http-failure.js';

/** The daily quota is refilled over a rolling day, so a short wait is of no use. */
const quotaWaitMs = 3_600_000;

const errors: ReadonlyMap<string, ErrorName> = new Map([
  ['REQUEST_LIMIT_EXCEEDED', 'ERR_SOURCE_RATE_LIMITED'],
  ['INVALID_SESSION_ID', 'ERR_SOURCE_AUTH'],
  ['INVALID_QUERY_LOCATOR', 'ERR_CURSOR_INVALID'],
  ['INSUFFICIENT_ACCESS', 'ERR_SOURCE_FORBIDDEN'],
  ['INVALID_TYPE', 'ERR_SOURCE_FORBIDDEN'],
  // Somebody else writes the record, or one above it, at this moment.
  ['UNABLE_TO_LOCK_ROW', 'ERR_SOURCE_UNAVAILABLE'],
]);

/** Salesforce's errors: an array `[{"message","errorCode"}]`; the token endpoint's `{"error","error_description"}`. */
export function salesforceProblem(_status: number, body: unknown): VendorProblem | null {
  if (Array.isArray(body)) return problemOf(body[0]);
  if (typeof body !== 'object' || body === null || !('error' in body)) return null;
  const described = 'error_description' in body ? `: ${String(body.error_description)}` : '';
  return { words: `${String(body.error)}${described}` };
}

function problemOf(entry: unknown): VendorProblem | null {
  if (typeof entry !== 'object' || entry === null || !('errorCode' in entry)) return null;
  const code = String(entry.errorCode);
  const message = 'message' in entry ? String(entry.message) : '';
  const error = errors.get(code);
  return {
    words: `${code}: ${message}`,
    ...(error === undefined ? {} : { error }),
    ...(code === 'REQUEST_LIMIT_EXCEEDED' ? { retryAfterMs: quotaWaitMs } : {}),
  };
}
