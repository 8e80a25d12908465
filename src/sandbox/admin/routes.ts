import type { FastifyInstance } from 'fastify';
import type { SandboxClock } from '../clock.js';
import type { CoupaChanges } from '../coupa/changes.js';
import type { Collection } from '../coupa/collection.js';
import type { CoupaStore, Resource } from '../coupa/store.js';
import { type FaultBook, parseFaultRequest } from '../faults.js';
import type { RequestLog } from '../request-log.js';
import type { SalesforceStore } from '../salesforce/store.js';
import type { SalesforceRecord } from '../seed/accounts.js';
import type { Seed } from '../seed/seed.js';
import { truthOf } from '../seed/truth.js';
import type { Settings } from '../settings.js';
import type { SlackStore } from '../slack/store.js';
import { type Answer, json, parseObject } from '../wire.js';
import type { TicketStore } from '../zendesk/tickets.js';

export interface AdminParts {
  readonly seed: Seed;
  readonly clock: SandboxClock;
  readonly setClock: (offsetMs: number) => void;
  readonly settings: Settings;
  readonly faults: FaultBook;
  readonly log: RequestLog;
  readonly store: CoupaStore;
  readonly changes: CoupaChanges;
  readonly accounts: SalesforceStore;
  readonly tickets: TicketStore;
  readonly messages: SlackStore;
}

interface AdminCall {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly body: Record<string, unknown>;
}

type AdminHandler = (call: AdminCall) => Answer;

const bad = (detail: string): Answer => json(400, { detail });
const gone = (): Answer => json(404, { detail: 'there is no such record' });

function faultRoutes({ faults }: AdminParts): Record<string, AdminHandler> {
  return {
    'GET /faults': () =>
      json(
        200,
        faults.list().map((fault) => ({ ...fault, pages: fault.pages.size })),
      ),
    'POST /faults': ({ body }) => {
      const request = parseFaultRequest(body);
      if (typeof request === 'string') return bad(request);
      return json(201, { ...faults.add(request), pages: 0 });
    },
    'DELETE /faults': () => {
      faults.clear();
      return json(200, { cleared: true });
    },
    'DELETE /faults/:id': ({ params }) => {
      faults.clear(Number(params['id']));
      return json(200, { cleared: true });
    },
  };
}

/** The fifty records that changed last, latest first. */
function latest(collection: Collection): readonly unknown[] {
  const positions = collection.ordered('updated-at').slice(-50).reverse();
  return positions.map((at) => collection.record(at));
}

function recordRoutes(
  name: string,
  resource: Resource,
  { store, changes }: AdminParts,
): Record<string, AdminHandler> {
  return {
    [`GET /${name}`]: () => json(200, latest(store[resource])),
    [`GET /${name}/:id`]: ({ params }) => {
      const record = store[resource].find(Number(params['id']));
      return record === undefined ? gone() : json(200, record);
    },
    [`POST /${name}`]: ({ body }) => {
      const { id } = body;
      if (id !== undefined && !(Number.isSafeInteger(Number(id)) && Number(id) > 0))
        return bad('id must be a positive whole number');
      return json(200, changes.patch(resource, body));
    },
    [`DELETE /${name}/:id`]: ({ params }) =>
      changes.remove(resource, Number(params['id'])) ? json(200, { removed: true }) : gone(),
  };
}

/** `{offsetMs}` or `{now}` sets the clock, `{advanceMs}` moves it on. */
function clockRoutes({ clock, setClock }: AdminParts): Record<string, AdminHandler> {
  const told = (): Answer => json(200, { now: clock.now().toISOString(), offsetMs: clock.offsetMs });
  return {
    'GET /clock': told,
    'POST /clock': ({ body }) => {
      const { offsetMs, advanceMs, now } = body;
      const wanted =
        typeof now === 'string'
          ? clock.offsetMs + Date.parse(now) - clock.ms()
          : Number(offsetMs ?? clock.offsetMs + Number(advanceMs));
      if (!Number.isFinite(wanted)) return bad('give offsetMs, advanceMs (milliseconds) or now (RFC 3339)');
      setClock(wanted);
      return told();
    },
  };
}

function settingRoutes({ settings }: AdminParts): Record<string, AdminHandler> {
  return {
    'GET /settings': () => json(200, settings),
    'POST /settings': ({ body }) => {
      const unknown = Object.keys(body).find((key) => !(key in settings));
      if (unknown !== undefined) return bad(`there is no setting ${unknown}`);
      Object.assign(settings, body);
      return json(200, settings);
    },
  };
}

function readRoutes(parts: AdminParts): Record<string, AdminHandler> {
  const { seed, clock, log, tickets, messages, store, accounts, changes } = parts;
  return {
    'GET /health': () =>
      json(200, { ok: true, now: clock.now().toISOString(), seed: seed.seed, records: seed.records }),
    'GET /truth': () => json(200, truthOf(seed)),
    'GET /requests': ({ query }) =>
      json(200, { counts: log.counts(), last: log.last(Number(query['last'] ?? 100)) }),
    'DELETE /requests': () => {
      log.clear();
      return json(200, { cleared: true });
    },
    'GET /tickets': () =>
      json(
        200,
        tickets.all().map((one) => ({ ...one, comments: tickets.comments(one.id) })),
      ),
    'GET /messages': () => json(200, messages.messages),
    'GET /counts': () =>
      json(200, {
        orders: store.purchase_orders.size,
        suppliers: store.suppliers.size,
        invoices: store.invoices.size,
      }),
    'POST /orders/:id/mend': ({ params }) => {
      const record = changes.mend(Number(params['id']));
      return record === null ? gone() : json(200, record);
    },
    'GET /accounts': () => json(200, accounts.records('Account')),
    'POST /accounts': ({ body }) => {
      if (typeof body['Id'] !== 'string') return bad('Id is required');
      return json(200, accounts.patch('Account', body as SalesforceRecord));
    },
  };
}

/** The administration of the sandbox: no vendor has this. JSON in and out, no credentials. */
export function mountAdmin(app: FastifyInstance, parts: AdminParts): void {
  const routes: Record<string, AdminHandler> = {
    ...readRoutes(parts),
    ...faultRoutes(parts),
    ...recordRoutes('orders', 'purchase_orders', parts),
    ...recordRoutes('suppliers', 'suppliers', parts),
    ...recordRoutes('invoices', 'invoices', parts),
    ...clockRoutes(parts),
    ...settingRoutes(parts),
  };
  for (const [name, handle] of Object.entries(routes)) {
    const [method = 'GET', path = '/'] = name.split(' ');
    app.route({
      method: method as 'GET' | 'POST' | 'DELETE',
      url: `/_admin${path}`,
      handler: (request, reply) => {
        const text = typeof request.body === 'string' ? request.body : '';
        const body = text === '' ? {} : parseObject(text);
        const params = request.params as Record<string, string>;
        const query = request.query as Record<string, string>;
        const answer =
          body === null ? bad('the body must be a JSON object') : handle({ params, query, body });
        return reply
          .code(answer.status)
          .headers(answer.headers ?? {})
          .send(answer.body);
      },
    });
  }
}
