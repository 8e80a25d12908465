import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { HookRequest } from '../../connectors/webhook.js';
import { BatonError } from '../../protocol/errors.js';
import { mediaType } from '../intake/intake.js';
import { sendProblem } from '../problems.js';
import type { Route } from './route.js';

/** https://developer.zendesk.com and others send far less; what is larger is no event. */
const mostBodyBytes = 1_048_576;

type HookRoute = { Params: { connection: string } };

/**
 * Takes a vendor's webhook: 2xx only when it is committed. 401 without a reason when it is not genuine, 404, 405, 413
 * and 415 for what is no webhook, 503 with Retry-After when it cannot be stored now.
 */
export const postHooks: Route = (server, { parts: { intake } }) => {
  void server.register(async (scope: FastifyInstance) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: mostBodyBytes }, (_request, body, done) =>
      done(null, body),
    );
    scope.setErrorHandler((error: { statusCode?: number } & Error, request, reply) =>
      error.statusCode === 413
        ? refuse(reply, 413, `The body is larger than ${mostBodyBytes} bytes.`)
        : server.errorHandler(error as never, request, reply),
    );
    scope.post<HookRoute>('/hooks/:connection', { onRequest: admit }, async (request, reply) => {
      const { connection } = request.params;
      const taken = await intake.take(connection, {
        // Node joins what comes twice; only cookies are lists, and no sender has any.
        headers: request.headers as HookRequest['headers'],
        query: queryOf(request),
        body: Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0),
        receivedAt: new Date(),
      });
      if (taken.reply !== null) return reply.type(taken.reply.contentType).send(taken.reply.body);
      if (taken.event === null) return reply.code(204).send();
      return reply.code(202).type('application/json; charset=utf-8').send(`{"id":"${taken.event.eventId}"}`);
    });
    scope.route({
      method: ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
      url: '/hooks/:connection',
      handler: async (_, reply) => refuse(reply.header('allow', 'POST'), 405, 'Webhooks are sent with POST.'),
    });
  });

  /** What can be told before the body is read. */
  async function admit(request: FastifyRequest<HookRoute>, reply: FastifyReply): Promise<unknown> {
    const types = intake.contentTypes(request.params.connection);
    if (types === null)
      throw new BatonError('ERR_EVENT_NO_HOOK', { detail: 'No webhook is configured at this address.' });
    const encoding = request.headers['content-encoding'] ?? 'identity';
    if (encoding.toLowerCase() !== 'identity') return refuse(reply, 415, 'The body must not be compressed.');
    const type = mediaType(request.headers['content-type']);
    if (types.includes(type)) return undefined;
    return refuse(reply, 415, `This sender sends ${types.join(' or ')}.`);
  }
};

function refuse(reply: FastifyReply, status: number, detail: string): FastifyReply {
  return sendProblem(reply, new BatonError('ERR_EVENT_REQUEST', { detail }), {}, status);
}

/** A name that comes twice is none that we know. */
function queryOf({ query }: FastifyRequest): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(
    Object.entries(query as object).map(([name, value]) => [
      name,
      typeof value === 'string' ? value : undefined,
    ]),
  );
}
