import fastify, { type FastifyInstance } from 'fastify';
import { BatonError } from '../protocol/errors.js';
import type { Access } from './access.js';
import { pageStyleHash } from './page/layout.js';
import type { GatewayParts } from './parts.js';
import { asBatonError, sendProblem } from './problems.js';
import { createReadings } from './readings.js';
import { routes } from './routes/index.js';

/** Nothing from elsewhere, no scripts, no frames; answers are of this moment and are not kept. */
const securityHeaders: Readonly<Record<string, string>> = {
  'content-security-policy': [
    "default-src 'none'",
    `style-src 'sha256-${pageStyleHash}'`,
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};

/** Headers and body of a request must be here by then. */
const requestMs = 10_000;

/** The gateway's HTTP server; does not listen yet. */
export function createServer(parts: GatewayParts, access: Access): FastifyInstance {
  const { log } = parts;
  const server = fastify({
    logger: false,
    requestTimeout: requestMs,
    // Node looks for late requests at this interval, by the times that it was made with.
    http: { connectionsCheckingInterval: 1_000, requestTimeout: requestMs, headersTimeout: requestMs },
    routerOptions: { maxParamLength: 200 },
    forceCloseConnections: true,
    frameworkErrors: (_error, request, reply) => void sendProblem(reply, noRoute(request.url)),
  });
  server.addHook('onRequest', async (request, reply) => {
    // No browser looks at what a sender of events is answered.
    if (!request.url.startsWith('/hooks/')) reply.headers(securityHeaders);
    access.require(request);
  });
  server.setErrorHandler((error, request, reply) => {
    const ours = asBatonError(error);
    if (ours.error === 'ERR_INTERNAL')
      log.error({ path: request.url, error: String(error) }, 'request failed');
    return sendProblem(reply, ours);
  });
  server.setNotFoundHandler((request, reply) => sendProblem(reply, noRoute(request.url)));
  const readings = createReadings(parts);
  for (const route of routes) route(server, { parts, readings, access });
  return server;
}

function noRoute(url: string): BatonError {
  const path = url.split('?', 1)[0]?.slice(0, 200);
  return new BatonError('ERR_GATEWAY_NO_ROUTE', { detail: `There is nothing at ${path}.` });
}
