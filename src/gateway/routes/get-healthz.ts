import type { Route } from './route.js';

/** Whether this process answers: nothing else, so that an outage elsewhere never restarts us. */
export const getHealthz: Route = (server) => {
  server.get('/healthz', () => ({ status: 'alive' }));
};
