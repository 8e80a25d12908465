import { collectDefaultMetrics, Registry } from 'prom-client';
import { renderMetrics } from '../metrics/exposition.js';
import { measuredMetrics } from '../metrics/metrics.js';
import type { Route } from './route.js';

/** Metrics of all of Baton, from its databases, and of this process. Any gateway gives the same answer. */
export const getMetrics: Route = (server, { readings }) => {
  const own = new Registry();
  collectDefaultMetrics({ register: own });
  server.get('/metrics', async (_, reply) => {
    const measured = renderMetrics(measuredMetrics(await readings.measure()));
    return reply.type(own.contentType).send(measured + (await own.metrics()));
  });
};
