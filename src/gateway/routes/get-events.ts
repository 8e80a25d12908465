import { z } from 'zod';
import { eventStates } from '../../domain/event.js';
import { eventView } from '../../events/view.js';
import { BatonError } from '../../protocol/errors.js';
import type { Route } from './route.js';

const mostEvents = 500;

const question = z.strictObject({
  connection: z.string().optional(),
  type: z.string().optional(),
  state: z.enum(eventStates).optional(),
  limit: z.coerce.number().int().min(1).max(mostEvents).prefault(50),
  /** Of the answer before: where the list goes on. */
  cursor: z
    .string()
    .regex(/^\d{1,18}$/)
    .optional(),
});

/** Events, newest first: `?connection&type&state&limit&cursor`. One event with its body: `/api/v1/events/<id>`. */
export const getEvents: Route = (server, { parts: { inbox } }) => {
  server.get('/api/v1/events', async (request) => {
    const asked = question.safeParse(request.query);
    if (!asked.success)
      throw new BatonError('ERR_INPUT_INVALID', {
        detail: asked.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '),
        fix: `Known are connection, type, state (${eventStates.join(', ')}), limit (at most ${mostEvents}) and cursor.`,
      });
    const { cursor, limit, connection, type, state } = asked.data;
    const found = await inbox.list({
      limit: limit + 1,
      ...(connection === undefined ? {} : { connection }),
      ...(type === undefined ? {} : { type }),
      ...(state === undefined ? {} : { state }),
      ...(cursor === undefined ? {} : { beforeId: cursor }),
    });
    const data = found.slice(0, limit);
    return { data: data.map(eventView), page: { next: found.length > limit ? data.at(-1)?.id : null } };
  });

  server.get<{ Params: { id: string } }>('/api/v1/events/:id', async ({ params }) => {
    const event = await inbox.find(params.id);
    if (event === null)
      throw new BatonError('ERR_UNKNOWN_NAME', { detail: `There is no event ${params.id.slice(0, 100)}.` });
    const duplicates = await inbox.duplicatesOf(event.event_id);
    return { data: { ...eventView(event), duplicates, body: event.body.toString('base64') } };
  });
};
