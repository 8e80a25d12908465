import type { SandboxClock } from '../clock.js';
import type { Collection } from '../coupa/collection.js';
import type { Journal } from '../journal.js';
import type { Settings } from '../settings.js';
import { sameSecret, TokenIssuer } from '../tokens.js';
import { type Answer, type Call, json, parseObject, type Route, type Vendor } from '../wire.js';
import { jobRoutes } from './jobs.js';
import { createAribaLimits, type Family } from './limits.js';
import { aribaNetworkKey, networkRoot, networkRoutes } from './network.js';
import { aribaOrder } from './order.js';
import { createFinder, longestMs, type Query, queryOf } from './query.js';

export interface AribaParts {
  /** The orders that Coupa has too. */
  readonly orders: Collection;
  readonly clock: SandboxClock;
  readonly journal: Journal;
  readonly settings: Settings;
}

export const aribaClientId = 'baton-demo';
export const aribaClientSecret = 'ariba-sandbox-client-secret';
export const aribaApplicationKey = 'ariba-sandbox-application-key';
export const aribaRealm = 'sandbox-T';
/** The one view template there is. */
export const aribaOrderView = 'baton_purchase_orders';

const tokenTtlSeconds = 1_440;
const perPage = 50;
const mostRecords = 10_000;

function failed(status: number, message: string): Answer {
  return json(status, { message });
}

/** https://help.sap.com/docs/ariba-apis: tokens, the Operational Reporting API for Procurement, and the Network’s orders. */
export function createAriba({ orders, clock, journal, settings }: AribaParts): Vendor {
  const tokens = new TokenIssuer('ariba', aribaClientSecret, () => clock.ms());
  const revoke = journal.register<number>('ariba.revoke', (ms) => tokens.setValidFrom(ms));
  const take = createAribaLimits(clock);
  const find = createFinder(orders);
  const basic = `Basic ${Buffer.from(`${aribaClientId}:${aribaClientSecret}`).toString('base64')}`;

  function token(call: Call): Answer {
    if (!sameSecret(call.headers.authorization ?? '', basic))
      return json(401, { error: 'invalid_client', error_description: 'Bad client credentials' });
    const form = new URLSearchParams(call.body);
    if (!['client_credentials', 'openapi_2lo', 'refresh_token'].includes(form.get('grant_type') ?? ''))
      return json(400, { error: 'unsupported_grant_type' });
    return json(200, {
      timeUpdated: clock.ms(),
      access_token: tokens.issue([], tokenTtlSeconds),
      refresh_token: tokens.issue(['refresh'], tokenTtlSeconds),
      token_type: 'bearer',
      scope: null,
      expires_in: tokenTtlSeconds,
    });
  }

  /** Within the limits, and of this realm. */
  function reporting(family: Family, handle: Route['handle']): Route['handle'] {
    return (call) => {
      const { admitted, headers } = settings.aribaLimited ? take(family) : { admitted: true, headers: {} };
      const answer = admitted ? ofRealm(call, handle) : failed(429, 'API rate limit exceeded');
      return { ...answer, headers: { ...answer.headers, ...headers } };
    };
  }

  function ofRealm(call: Call, handle: Route['handle']): Answer {
    if (call.query.get('realm') === aribaRealm) return handle(call);
    return failed(403, 'The application has no access to the realm');
  }

  /** Of the view that there is, and for a year at most. */
  function synchronous(answer: (query: Query, call: Call) => Answer): Route['handle'] {
    return (call) => {
      const view = call.params['view'];
      if (view !== aribaOrderView) return failed(400, `The view template ${view} does not exist`);
      const query = queryOf(parseObject(call.query.get('filters') ?? ''));
      if (typeof query === 'string') return failed(400, query);
      if (query.toMs - query.fromMs > longestMs)
        return failed(400, 'The date range must not be longer than one year');
      return answer(query, call);
    };
  }

  function page(query: Query, call: Call): Answer {
    const found = find(query, call.query.get('pageToken'), perPage);
    if (found === null) return failed(400, 'The page token is not valid');
    const { positions, token, before } = found;
    const isLast = token === null || before + perPage >= mostRecords;
    return json(200, {
      Records: positions.map((at) => aribaOrder(orders.record(at))),
      ...(isLast ? {} : { PageToken: token }),
    });
  }

  function count(query: Query): Answer {
    const total = find(query, null, 0)?.total ?? 0;
    return json(200, {
      MaxRecordsInEachPage: perPage,
      TotalPages: Math.ceil(total / perPage),
      TotalRecords: total,
    });
  }

  const views = '/procurement-reporting-details/v2/prod/views/:view';
  const routes: readonly Route[] = [
    { method: 'POST', path: '/v2/oauth/token', open: true, handle: token },
    { method: 'GET', path: views, handle: reporting('details', synchronous(page)) },
    { method: 'GET', path: `${views}/count`, handle: reporting('count', synchronous(count)) },
    ...networkRoutes(orders),
    ...jobRoutes({ orders, find, clock, settings, view: aribaOrderView }).map((route) => ({
      ...route,
      handle: reporting(route.method === 'POST' ? 'job' : 'result', route.handle),
    })),
  ];
  return {
    name: 'ariba',
    routes,
    authenticate(call, route) {
      if (tokens.check(call.headers.authorization) === null)
        return failed(401, 'The access token is invalid or has expired');
      const key = String(call.headers['apikey'] ?? '');
      // Each API has an application of its own.
      const wanted = route.path.startsWith(networkRoot) ? aribaNetworkKey : aribaApplicationKey;
      return sameSecret(key, wanted) ? null : failed(403, 'The application key is not valid');
    },
    refuse: (status) => failed(status, status === 404 ? 'Not found' : `Error ${status}`),
    revokeTokens: () => revoke(tokens.nextValidFromMs()),
  };
}
