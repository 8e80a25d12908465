import type { ErrorName } from '../protocol/errors.js';
import { BatonError } from '../protocol/errors.js';
import type { Delivery, HttpAnswer, HttpRequest, VendorHttp } from './http.js';
import type { SendOutcome } from './port.js';
import { retryAfterMs } from './retry-after.js';

/** Either the 2xx answer of a write, or what the write came to otherwise. */
export type Sent =
  | { readonly answer: HttpAnswer; readonly outcome?: never }
  | { readonly outcome: SendOutcome; readonly answer?: never };

/**
 * Sends one write and judges everything but success by what it proves:
 * - nothing written (DNS, connect, TLS), 429, a 503 with Retry-After: refused, may be sent again;
 * - 401, 403: refused, may be sent again once somebody has mended the credentials;
 * - other 4xx and redirects: refused for good, the same body will be refused again;
 * - 408, 409, other 5xx, no answer: unknown, the write may have been done. A 503 that names no time is one of
 *   them: a proxy says so too when it lost the vendor's answer, after the write.
 */
export async function sendOnce(http: VendorHttp, request: HttpRequest): Promise<Sent> {
  const delivery: Delivery = await http.send(request);
  if (delivery.kind === 'not_sent') {
    return { outcome: { kind: 'refused', retryable: true, ...reasonOf(delivery.error) } };
  }
  if (delivery.kind === 'unknown') return { outcome: { kind: 'unknown', reason: delivery.error.message } };
  const { answer } = delivery;
  if (answer.status >= 200 && answer.status < 300) return { answer };
  const failure = http.failure(request, answer);
  const reason = reasonOf(failure);
  switch (verdictOf(answer, failure.error)) {
    case 'unknown':
      return { outcome: { kind: 'unknown', reason: reason.reason } };
    case 'later':
      return { outcome: { kind: 'refused', retryable: true, ...reason } };
    default:
      return { outcome: { kind: 'refused', retryable: false, reason: reason.reason } };
  }
}

function verdictOf({ status, headers }: HttpAnswer, error: ErrorName): 'unknown' | 'later' | 'never' {
  // Where the vendor's words say more than the status: a 400 for a record that somebody else writes just now.
  if (status < 500 && error === 'ERR_SOURCE_UNAVAILABLE') return 'later';
  if ([401, 403, 429].includes(status)) return 'later';
  if (status === 503 && retryAfterMs(headers) !== undefined) return 'later';
  if ([408, 409].includes(status) || status >= 500) return 'unknown';
  return 'never';
}

function reasonOf(error: {
  readonly message: string;
  readonly options: { readonly retryAfterMs?: number };
}): {
  reason: string;
  retryAfterMs?: number;
} {
  const { retryAfterMs } = error.options;
  return retryAfterMs === undefined ? { reason: error.message } : { reason: error.message, retryAfterMs };
}

/** What a write comes to that the gate, or whoever cancelled it, has not let through. */
export function refusedBefore(error: unknown, connection: string): SendOutcome {
  const told = error instanceof BatonError ? reasonOf(error) : { reason: `${connection}: it was cancelled` };
  return { kind: 'refused', retryable: true, ...told };
}

/** What an action that is handed another action's body comes to: a defect of ours, seen before anything is sent. */
export function wrongBody(wanted: string, kind: string): SendOutcome {
  return { kind: 'refused', retryable: false, reason: `this action sends a ${wanted}, not a ${kind}` };
}
