import { BatonError, type ErrorName } from '../../protocol/errors.js';
import type { HttpAnswer, HttpRequest, VendorHttp } from '../http.js';
import { parseObject } from '../read-page.js';
import { retryAfterMs } from '../retry-after.js';

type Fields = Readonly<Record<string, unknown>>;

/** Names of errors after which the same call may succeed, and of which it is certain that nothing was done. */
export const retryableErrors: ReadonlySet<string> = new Set([
  'ratelimited',
  'service_unavailable',
  'request_timeout',
]);

/** Slack says of these that a part of the call may have succeeded. */
export const unknownErrors: ReadonlySet<string> = new Set(['internal_error', 'fatal_error']);

const authErrors: ReadonlySet<string> = new Set([
  'not_authed',
  'invalid_auth',
  'token_revoked',
  'token_expired',
  'account_inactive',
]);

/** The error name of an answer, null when it is `ok`. Slack answers 200 either way. */
export function errorOf(body: Fields | null): string | null {
  if (body === null) return 'unreadable_answer';
  if (body['ok'] === true) return null;
  return typeof body['error'] === 'string' ? body['error'] : 'unreadable_answer';
}

/** Reads with a Web API method; `ok:false` throws like a status would elsewhere. */
export async function readSlack(
  http: VendorHttp,
  request: HttpRequest,
): Promise<{ answer: HttpAnswer; body: Fields }> {
  const answer = await http.read(request);
  const body = parseObject(answer.body);
  if (body === null)
    throw http.badResponse(request, answer, 'answered with a body that is not a JSON object');
  const error = errorOf(body);
  if (error === null) return { answer, body };
  const waitMs = retryAfterMs(answer.headers);
  throw new BatonError(kindOf(error), {
    detail: `${http.connection}: ${request.method} ${request.path} answered ${error}`,
    vendor: true,
    ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }),
  });
}

function kindOf(error: string): ErrorName {
  if (authErrors.has(error)) return 'ERR_SOURCE_AUTH';
  if (error === 'missing_scope' || error === 'not_in_channel') return 'ERR_SOURCE_FORBIDDEN';
  if (error === 'ratelimited') return 'ERR_SOURCE_RATE_LIMITED';
  const isPassing = retryableErrors.has(error) || unknownErrors.has(error);
  return isPassing ? 'ERR_SOURCE_UNAVAILABLE' : 'ERR_SOURCE_BAD_REQUEST';
}
