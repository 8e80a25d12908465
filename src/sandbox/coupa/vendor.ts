import type { SandboxClock } from '../clock.js';
import type { Journal } from '../journal.js';
import { LeakyBucket } from '../leaky-bucket.js';
import { Draw } from '../rng.js';
import type { CoupaRecord } from '../seed/suppliers.js';
import type { Settings } from '../settings.js';
import { sameSecret, TokenIssuer } from '../tokens.js';
import { type Answer, type Call, isObject, json, parseObject, type Route, type Vendor } from '../wire.js';
import type { CoupaChanges } from './changes.js';
import type { Collection } from './collection.js';
import { FilterRefused } from './filter.js';
import { linesOf } from './lines.js';
import { page, parseListing } from './listing.js';
import { parseFields, project, reduce } from './projection.js';
import { type CoupaStore, type Resource, resources } from './store.js';
import { xmlErrors, xmlList, xmlRecord } from './xml.js';

export interface CoupaParts {
  readonly store: CoupaStore;
  readonly changes: CoupaChanges;
  readonly clock: SandboxClock;
  readonly journal: Journal;
  readonly settings: Settings;
  readonly clientSecret: string;
  /** Ids that lists show twice in a row. */
  readonly repeated: ReadonlySet<number>;
}

const clientId = 'baton-demo';
const tokenTtlSeconds = 86_399;
/** What is listed: each resource, and the lines of the orders. */
type Listed = Resource | 'purchase_order_lines';
const listed: readonly Listed[] = [...resources, 'purchase_order_lines'];
const readScopes: Readonly<Record<Listed, string>> = {
  purchase_order_lines: 'core.purchase_order.read',
  purchase_orders: 'core.purchase_order.read',
  suppliers: 'core.supplier.read',
  invoices: 'core.invoice.read',
  exchange_rates: 'core.common.read',
};
/** Attributes that may be filtered or ordered by but are not on every record. */
const alsoKnown = ['customer-account-id', 'po-number', 'currency', 'order-lines', 'total', 'created-at'];

/** XML unless JSON is asked for: the vendor's default, which catches a client that forgets `Accept`. */
function wantsJson(call: Call): boolean {
  return String(call.headers['accept'] ?? '').includes('json');
}

function xml(status: number, body: string): Answer {
  return { status, headers: { 'content-type': 'application/xml; charset=utf-8' }, body };
}

function errors(call: Call, status: number, subject: string, messages: readonly string[]): Answer {
  return wantsJson(call)
    ? json(status, { errors: { [subject]: messages } })
    : xml(status, xmlErrors(messages));
}

function one(call: Call, resource: Listed, record: CoupaRecord): Answer {
  return wantsJson(call) ? json(200, record) : xml(200, xmlRecord(resource.replaceAll('_', '-'), record));
}

const invalidClient = json(401, {
  error: 'invalid_client',
  error_description: 'Client authentication failed',
});

/** https://docs.coupa.com Core API, spoken as far as Baton uses it. */
export function createCoupa(parts: CoupaParts): Vendor {
  const { store, changes, settings } = parts;
  const tokens = new TokenIssuer('coupa', parts.clientSecret, () => parts.clock.ms());
  const revoke = parts.journal.register<number>('coupa.revoke', (ms) => tokens.setValidFrom(ms));
  const bucket = new LeakyBucket();

  function token(call: Call): Answer {
    const form = new URLSearchParams(call.body);
    const known =
      form.get('client_id') === clientId && sameSecret(form.get('client_secret') ?? '', parts.clientSecret);
    if (!known)
      return json(401, { error: 'invalid_client', error_description: 'Client authentication failed' });
    if (form.get('grant_type') !== 'client_credentials')
      return json(400, { error: 'unsupported_grant_type' });
    const asked = (form.get('scope') ?? '').split(' ').filter((scope) => scope !== '');
    const scopes = asked.length === 0 ? settings.coupaScopes : asked;
    if (scopes.some((scope) => !settings.coupaScopes.includes(scope))) {
      return json(400, {
        error: 'invalid_scope',
        error_description: 'The requested scope is invalid, unknown, or malformed.',
      });
    }
    const access = tokens.issue(scopes, tokenTtlSeconds);
    return json(200, {
      access_token: access,
      token_type: 'bearer',
      expires_in: tokenTtlSeconds,
      scope: scopes.join(' '),
    });
  }

  function missingScope(call: Call, scope: string): Answer | null {
    const claims = tokens.check(call.headers.authorization);
    if (claims?.scopes.includes(scope) === true) return null;
    return errors(call, 403, 'base', [`Insufficient scope: ${scope} is required`]);
  }

  function guarded(call: Call, scope: string, work: () => Answer): Answer {
    const refused = missingScope(call, scope);
    if (refused !== null) return refused;
    try {
      return work();
    } catch (error) {
      if (error instanceof FilterRefused) return errors(call, 400, 'base', [error.message]);
      throw error;
    }
  }

  const lines = linesOf(store.purchase_orders);
  const collectionOf = (resource: Listed): Collection =>
    resource === 'purchase_order_lines' ? lines() : store[resource];
  const attributesOf = new Map<Listed, ReadonlySet<string>>();

  /** What may be filtered by: the keys of the first record, and those that not every record has. */
  function attributes(resource: Listed): ReadonlySet<string> {
    const known = attributesOf.get(resource);
    if (known !== undefined) return known;
    const collection = collectionOf(resource);
    const [sample] = collection.ordered('id');
    const keys = sample === undefined ? [] : Object.keys(collection.record(sample));
    const found = new Set([...alsoKnown, ...keys]);
    attributesOf.set(resource, found);
    return found;
  }

  /** The page as asked for: whole records from their kept JSON, or cut down, or as XML. */
  function shown(call: Call, resource: Listed, positions: readonly number[]): Answer {
    const collection = collectionOf(resource);
    const fields = parseFields(call.query.get('fields'));
    const form = call.query.get('return_object');
    if (wantsJson(call) && fields === null && form === null) {
      const body = `[${positions.map((at) => collection.text(at)).join(',')}]`;
      return { status: 200, headers: { 'content-type': 'application/json; charset=utf-8' }, body };
    }
    const records = positions.map((at) => shaped(collection.record(at), resource, fields, form));
    if (wantsJson(call)) return json(200, records);
    if (records.length === 0) return xml(404, xmlErrors(['No results match your search criteria.']));
    return xml(200, xmlList(resource.replaceAll('_', '-'), records));
  }

  function list(resource: Listed): (call: Call) => Answer {
    return (call) =>
      guarded(call, readScopes[resource], () => {
        const collection = collectionOf(resource);
        const repeated =
          settings.duplicates && resource === 'purchase_orders' ? parts.repeated : new Set<number>();
        const positions = page(collection, parseListing(call.query, attributes(resource)), repeated);
        const answer = shown(call, resource, positions);
        if (call.fault?.kind === 'moving_records' && resource !== 'purchase_order_lines')
          move(resource, positions, call);
        return answer;
      });
  }

  function shaped(
    record: CoupaRecord,
    resource: Listed,
    fields: ReturnType<typeof parseFields>,
    form: string | null,
  ): CoupaRecord {
    return fields === null ? reduce(collectionOf(resource).shown(record), form) : project(record, fields);
  }

  /** Changes records of the page that was just read, so that they leave the window and the rest moves up. */
  function move(resource: Resource, positions: readonly number[], call: Call): void {
    const ids = [...new Set(positions.map((at) => store[resource].ids[at] ?? 0))];
    const draw = new Draw(ids.length, ids[0] ?? 0);
    const count = Number(call.fault?.params['records'] ?? 3);
    for (let moved = 0; moved < count && ids.length > 0; moved++) {
      const [id] = ids.splice(draw.int(0, ids.length - 1), 1);
      if (id !== undefined) changes.patch(resource, { id });
    }
  }

  function single(resource: Listed): (call: Call) => Answer {
    return (call) =>
      guarded(call, readScopes[resource], () => {
        const record = collectionOf(resource).find(Number(call.params['id']));
        if (record === undefined) return errors(call, 404, resource, ['Not found']);
        const fields = parseFields(call.query.get('fields'));
        return one(call, resource, shaped(record, resource, fields, call.query.get('return_object')));
      });
  }

  /** Only the export flag is taken; other changes in the same request are ignored. */
  function putFlag(resource: 'purchase_orders' | 'invoices', scope: string): (call: Call) => Answer {
    return (call) =>
      guarded(call, scope, () => {
        const id = Number(call.params['id']);
        const collection = store[resource];
        if (collection.find(id) === undefined) return errors(call, 404, resource, ['Not found']);
        const flag = call.query.get('exported') ?? String(parseObject(call.body)?.['exported'] ?? '');
        if (flag === 'true') changes.markExported(resource, id);
        const record = collection.find(id);
        if (!isObject(record) || call.query.get('return_object') === 'none') return { status: 200, body: '' };
        return one(call, resource, collection.shown(record));
      });
  }

  const routes: readonly Route[] = [
    { method: 'POST', path: '/oauth2/token', open: true, handle: token },
    ...listed.map((resource): Route => ({ method: 'GET', path: `/api/${resource}`, handle: list(resource) })),
    ...listed.map(
      (resource): Route => ({ method: 'GET', path: `/api/${resource}/:id`, handle: single(resource) }),
    ),
    {
      method: 'PUT',
      path: '/api/purchase_orders/:id',
      handle: putFlag('purchase_orders', 'core.purchase_order.write'),
    },
    { method: 'PUT', path: '/api/invoices/:id', handle: putFlag('invoices', 'core.invoice.write') },
  ];

  return {
    name: 'coupa',
    routes,
    authenticate: (call) =>
      tokens.check(call.headers.authorization) === null
        ? errors(call, 401, 'base', ['Invalid or expired access token'])
        : null,
    throttle(call, route) {
      const limit = settings.coupaLimit;
      if (limit === null || route.open === true || bucket.admit(limit, performance.now())) return null;
      const answer = errors(call, 429, 'base', ['Rate limit exceeded']);
      if (settings.coupaRetryAfterSeconds === null) return answer;
      return {
        ...answer,
        headers: { ...answer.headers, 'retry-after': String(settings.coupaRetryAfterSeconds) },
      };
    },
    refuse(status, call) {
      if (status === 401 && call.path === '/oauth2/token') return invalidClient;
      return errors(call, status, 'base', [status === 404 ? 'Not found' : `Error ${status}`]);
    },
    revokeTokens: () => revoke(tokens.nextValidFromMs()),
  };
}
