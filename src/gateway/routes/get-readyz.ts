import { BatonError } from '../../protocol/errors.js';
import type { PartState } from '../probes.js';
import { sendProblem } from '../problems.js';
import type { Route } from './route.js';

/**
 * Whether all that Baton needs answers. 200, or 503 with what is down and why. Without a token, where one is
 * needed, the causes are left out: they name hosts.
 */
export const getReadyz: Route = (server, { readings, access }) => {
  server.get('/readyz', async (request, reply) => {
    const states = await readings.probe();
    const parts = access.admits(request) ? states : states.map(withoutCause);
    const down = states.filter(({ state }) => state === 'down').map(({ part }) => part);
    if (down.length === 0) return { status: 'ready', parts: parts.map(withoutError) };
    const error = new BatonError('ERR_GATEWAY_NOT_READY', { detail: `Not ready: ${down.join(', ')}.` });
    return sendProblem(reply, error, { parts });
  });
};

function withoutCause({ error, ...state }: PartState): Record<string, unknown> {
  return { ...state, error: error === null ? null : { code: error.code, title: error.title } };
}

function withoutError({ part, state, ms }: Partial<PartState>): Record<string, unknown> {
  return { part, state, ms };
}
