import { homePage } from '../page/home.js';
import { readOverview } from '../page/overview.js';
import type { Route } from './route.js';

/** The landing page: what Baton is, what it is made of and what it did last. `?refresh=off` stands still. */
export const getRoot: Route = (server, { parts, readings }) => {
  server.get<{ Querystring: { refresh?: string } }>('/', async (request, reply) => {
    const overview = await readOverview(parts, readings);
    const page = homePage(overview, { refresh: request.query.refresh !== 'off' });
    return reply.type('text/html; charset=utf-8').send(page);
  });
};
