import type { FastifyReply } from 'fastify';
import { BatonError, describeError, type ErrorName } from '../protocol/errors.js';

const statuses: Partial<Record<ErrorName, number>> = {
  ERR_GATEWAY_UNAUTHORIZED: 401,
  ERR_GATEWAY_FOREIGN_HOST: 403,
  ERR_GATEWAY_NO_ROUTE: 404,
  ERR_GATEWAY_NOT_READY: 503,
  ERR_EVENT_NO_HOOK: 404,
  ERR_EVENT_NOT_GENUINE: 401,
  ERR_EVENTS_OVERLOAD: 503,
  ERR_SOURCE_UNAVAILABLE: 503,
  ERR_UNKNOWN_NAME: 404,
  ERR_INPUT_INVALID: 400,
  ERR_CONTROL_UNAVAILABLE: 503,
  ERR_CONTROL_REFUSED: 503,
  ERR_WAREHOUSE_UNAVAILABLE: 503,
  ERR_TEMPORAL_UNAVAILABLE: 503,
};

/** Answers with a problem document, https://www.rfc-editor.org/rfc/rfc9457 . `more` are further members. */
export function sendProblem(
  reply: FastifyReply,
  error: BatonError,
  more: Readonly<Record<string, unknown>> = {},
  status = statuses[error.error] ?? 500,
): FastifyReply {
  const { code, title, detail, why, fix, retryable } = describeError(error);
  if (error.error === 'ERR_GATEWAY_UNAUTHORIZED') reply.header('www-authenticate', 'Bearer realm="baton"');
  if (status === 503) reply.header('retry-after', String(retryAfterSeconds()));
  return reply
    .code(status)
    .type('application/problem+json; charset=utf-8')
    .send(
      JSON.stringify({
        type: `urn:baton:error:${code}`,
        title,
        status,
        detail,
        code,
        why,
        fix,
        retryable,
        ...more,
      }),
    );
}

/** Under a minute, or some senders give up; not all at the same moment. */
function retryAfterSeconds(): number {
  return 5 + Math.floor(Math.random() * 16);
}

/** Anything thrown while answering, as an error of ours. What we did not expect keeps its words to itself. */
export function asBatonError(error: unknown): BatonError {
  if (error instanceof BatonError) return error;
  return new BatonError('ERR_INTERNAL', { detail: 'The request could not be answered.', cause: error });
}
