import { createHash } from 'node:crypto';
import type { SandboxClock } from '../clock.js';
import { ticketPage } from '../page/ticket-page.js';
import type { Settings } from '../settings.js';
import { sameSecret } from '../tokens.js';
import {
  type Answer,
  type Call,
  html,
  isObject,
  json,
  parseObject,
  type Route,
  type Vendor,
} from '../wire.js';
import { exportChats, seededChats } from './chats.js';
import { exportByCursor, exportByTime } from './exports.js';
import { exportTickets, listTickets, searchTickets } from './lists.js';
import { metricEvents } from './metrics.js';
import { seededOrganizations, seededUsers } from './people.js';
import { RateWindow } from './rate-window.js';
import { changeOf, commentOf, errorsOf, type FieldErrors, fieldsOf } from './ticket-input.js';
import type { Ticket, TicketStore } from './tickets.js';
import { botUserId, viewComment, viewTicket } from './view.js';

export interface ZendeskParts {
  readonly store: TicketStore;
  readonly clock: SandboxClock;
  readonly settings: Settings;
  readonly apiToken: string;
  readonly seed: number;
}

const notFound = (): Answer => json(404, { error: 'RecordNotFound', description: 'Not found' });

function invalidRecord(details: FieldErrors): Answer {
  return json(422, { error: 'RecordInvalid', description: 'Record validation errors', details });
}

const blank = (name: string): FieldErrors => ({
  [name]: [{ description: `${name}: cannot be blank`, error: 'BlankValue' }],
});

function keyOf(call: Call): string | null {
  const key = call.headers['idempotency-key'];
  return typeof key === 'string' && key !== '' ? key : null;
}

/** https://developer.zendesk.com/api-reference/ticketing: the calls of a ticket's life, and its reads. */
export function createZendesk(parts: ZendeskParts): Vendor {
  const { store, clock, settings } = parts;
  const inFlight = new Set<string>();
  const account = new RateWindow();
  const incremental = new RateWindow();
  const users = seededUsers(parts.seed);
  const organizations = seededOrganizations(parts.seed);
  const chats = seededChats(parts.seed);

  function created(ticket: Ticket, call: Call, lookup: 'hit' | 'miss' | null): Answer {
    const headers = {
      location: `${call.baseUrl}/api/v2/tickets/${ticket.id}.json`,
      ...(lookup === null ? {} : { 'x-idempotency-lookup': lookup }),
    };
    const audit = {
      id: ticket.id * 10,
      ticket_id: ticket.id,
      created_at: ticket.createdAt,
      author_id: botUserId,
      events: [],
    };
    return json(201, { ticket: viewTicket(ticket, call.baseUrl), audit }, headers);
  }

  /** What an idempotency key that was seen before answers; null when it is new. */
  function repeated(key: string | null, bodyHash: string, call: Call): Answer | null {
    if (key === null) return null;
    if (key.length > 255)
      return json(400, { error: 'InvalidIdempotencyKey', description: 'Idempotency key is too long' });
    if (inFlight.has(key)) {
      return json(409, {
        error: 'IdempotencyKeyInUse',
        description: 'A request with this idempotency key is still running',
      });
    }
    const known = store.remembered(key);
    if (known === undefined) return null;
    const description = "Request parameters don't match the given idempotency key";
    if (known.bodyHash !== bodyHash) return json(400, { error: 'IdempotentRequestError', description });
    const ticket = store.find(known.ticketId);
    return ticket === undefined ? null : created(ticket, call, 'hit');
  }

  function create(call: Call): Answer {
    const key = keyOf(call);
    const bodyHash = createHash('sha256').update(call.body).digest('hex');
    const again = repeated(key, bodyHash, call);
    if (again !== null) return again;
    const input = parseObject(call.body)?.['ticket'];
    if (!isObject(input))
      return json(400, { error: 'RequiredParameterMissing', description: 'ticket is required' });
    const comment = commentOf(input) ?? commentOf({ comment: { body: input['description'] } });
    const wrong = { ...errorsOf(input), ...(comment === null ? blank('description') : {}) };
    if (comment === null || Object.keys(wrong).length > 0) return invalidRecord(wrong);
    const ticket = store.create(
      fieldsOf(input, comment),
      comment.public,
      key === null ? null : { key, bodyHash },
    );
    return created(ticket, call, key === null ? null : 'miss');
  }

  function reserve(call: Call): () => void {
    const key = keyOf(call);
    if (key === null || inFlight.has(key)) return () => {};
    inFlight.add(key);
    return () => inFlight.delete(key);
  }

  function found(call: Call): Ticket | undefined {
    const id = Number((call.params['id'] ?? '').replace(/\.json$/, ''));
    const ticket = store.find(id);
    return ticket?.status === 'deleted' ? undefined : ticket;
  }

  function list(call: Call): Answer {
    const external = call.query.get('external_id');
    const alive = store.all().filter(({ status }) => status !== 'deleted');
    return listTickets(
      call,
      external === null ? alive : alive.filter((ticket) => ticket.externalId === external),
    );
  }

  function show(call: Call): Answer {
    const ticket = found(call);
    return ticket === undefined ? notFound() : json(200, { ticket: viewTicket(ticket, call.baseUrl) });
  }

  function update(call: Call): Answer {
    const ticket = found(call);
    const input = parseObject(call.body)?.['ticket'];
    if (ticket === undefined) return notFound();
    if (!isObject(input))
      return json(400, { error: 'RequiredParameterMissing', description: 'ticket is required' });
    if (input['safe_update'] === true && input['updated_stamp'] !== ticket.updatedAt) {
      return json(409, {
        error: 'UpdateConflict',
        description: 'Safe Update prevented the update due to outdated ticket data.',
      });
    }
    const wrong = ticket.status === 'closed' ? closed : errorsOf(input);
    if (Object.keys(wrong).length > 0) return invalidRecord(wrong);
    const after = store.update(ticket, changeOf(input), commentOf(input));
    return json(200, {
      ticket: viewTicket(after, call.baseUrl),
      audit: { id: after.id * 10, ticket_id: after.id, events: [] },
    });
  }

  function remove(call: Call): Answer {
    const ticket = found(call);
    if (ticket === undefined) return notFound();
    store.update(ticket, { status: 'deleted' }, null);
    return { status: 204, body: '' };
  }

  function comments(call: Call): Answer {
    const ticket = found(call);
    if (ticket === undefined) return notFound();
    const all = store.comments(ticket.id).map(viewComment);
    const shown = call.query.get('sort_order') === 'desc' ? all.reverse() : all;
    return json(200, { comments: shown, count: all.length, next_page: null, previous_page: null });
  }

  function me(): Answer {
    const user = {
      id: botUserId,
      name: 'Baton',
      email: 'baton@example.com',
      role: 'admin',
      active: true,
      verified: true,
    };
    return json(200, { user });
  }

  function page(call: Call): Answer {
    const ticket = found(call);
    if (ticket === undefined)
      return html(404, '<!doctype html><title>No such ticket</title><p>No such ticket.</p>');
    return html(200, ticketPage(ticket, store.comments(ticket.id)));
  }

  /** The `.json` at the end is optional. */
  const both = (
    method: Route['method'],
    path: string,
    handle: Route['handle'],
    more: Partial<Route> = {},
  ): readonly Route[] =>
    [path, `${path}.json`].map((one) => ({ method, path: `/api/v2${one}`, handle, ...more }));

  function authenticate(call: Call): Answer | null {
    const encoded = /^Basic (.+)$/i.exec(call.headers.authorization ?? '')?.[1] ?? '';
    const token = /^[^:]+@[^:]+\/token:(.*)$/.exec(Buffer.from(encoded, 'base64').toString())?.[1];
    return token !== undefined && sameSecret(token, parts.apiToken)
      ? null
      : json(401, { error: "Couldn't authenticate you" });
  }

  function throttle(call: Call, route: Route): Answer | null {
    if (route.open === true) return null;
    const narrow = call.path.startsWith('/api/v2/incremental/');
    const limit = narrow ? settings.zendeskIncrementalPerMinute : settings.zendeskPerMinute;
    if (limit === null) return null;
    const { remaining, resetSeconds } = (narrow ? incremental : account).count(limit, Date.now());
    if (remaining >= 0) return null;
    return json(429, tooMany, {
      'retry-after': String(resetSeconds),
      'x-rate-limit': String(limit),
      'x-rate-limit-remaining': '0',
      'ratelimit-limit': String(limit),
      'ratelimit-remaining': '0',
      'ratelimit-reset': String(resetSeconds),
    });
  }

  return {
    name: 'zendesk',
    routes: [
      ...both('POST', '/tickets', create, { reserve }),
      ...both('GET', '/tickets', list),
      { method: 'GET', path: '/api/v2/tickets/:id', handle: show },
      { method: 'PUT', path: '/api/v2/tickets/:id', handle: update },
      { method: 'DELETE', path: '/api/v2/tickets/:id', handle: remove },
      ...both('GET', '/tickets/:id/comments', comments),
      ...both('GET', '/incremental/tickets/cursor', (call) => exportTickets(call, store.all(), clock.ms())),
      ...both('GET', '/incremental/users/cursor', (call) => exportByCursor(call, 'users', users, clock.ms())),
      ...both('GET', '/incremental/organizations', (call) =>
        exportByTime(call, 'organizations', organizations, clock.ms()),
      ),
      ...both('GET', '/incremental/ticket_metric_events', (call) =>
        exportByTime(call, 'ticket_metric_events', store.all().flatMap(metricEvents), clock.ms()),
      ),
      {
        method: 'GET',
        path: '/api/v2/chat/incremental/chats',
        handle: (call) => exportChats(call, chats, clock.ms()),
      },
      ...both('GET', '/search', (call) =>
        searchTickets(call, store.all(), clock.ms() - settings.zendeskSearchLagMs),
      ),
      ...both('GET', '/users/me', me),
      { method: 'GET', path: '/agent/tickets/:id', open: true, handle: page },
    ],
    authenticate,
    throttle,
    refuse,
  };
}

const closed: FieldErrors = {
  status: [{ description: 'Status: closed prevents ticket update', error: 'InvalidValue' }],
};
const tooMany = {
  error: 'TooManyRequests',
  description: 'Number of allowed API requests per minute exceeded',
};

function refuse(status: number): Answer {
  if (status === 404) return notFound();
  if (status === 401) return json(401, { error: "Couldn't authenticate you" });
  if (status === 429) return json(429, tooMany);
  if (status === 422) return invalidRecord(blank('description'));
  const description = status === 503 ? 'Service is temporarily unavailable' : 'Internal error';
  return json(status, { error: status === 503 ? 'ServiceUnavailable' : 'InternalError', description });
}
