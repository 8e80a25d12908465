import type { SandboxClock } from '../clock.js';
import type { Collection } from '../coupa/collection.js';
import type { Journal } from '../journal.js';
import type { Settings } from '../settings.js';
import { sameSecret, TokenIssuer } from '../tokens.js';
import { type Answer, type Call, json, parseObject, type Route, type Vendor } from '../wire.js';
import { createAribaLimits, type Family } from './limits.js';
import { aribaOrder } from './order.js';

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
const longestMs = 31_536_000_000;

type Handle = (call: Call, positions: readonly number[], by: Range['by']) => Answer;

interface Range {
  readonly by: 'updated' | 'created';
  readonly fromMs: number;
  readonly toMs: number;
}

function failed(status: number, message: string): Answer {
  return json(status, { message });
}

/** `{"updatedDateFrom":…,"updatedDateTo":…}` or the same of `created`; a sentence when it is neither. */
function rangeOf(text: string | null): Range | string {
  const filters = parseObject(text ?? '');
  if (filters === null) return 'filters is not a JSON object';
  for (const by of ['updated', 'created'] as const) {
    const [from, to] = [filters[`${by}DateFrom`], filters[`${by}DateTo`]];
    if (from === undefined && to === undefined) continue;
    const pattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
    if (!pattern.test(String(from)) || !pattern.test(String(to)))
      return `${by}DateFrom or ${by}DateTo is no date`;
    const [fromMs, toMs] = [Date.parse(String(from)), Date.parse(String(to))];
    if (toMs < fromMs) return 'The end of the date range lies before its start';
    if (toMs - fromMs > longestMs) return 'The date range must not be longer than one year';
    return { by, fromMs, toMs };
  }
  return 'A date range is required';
}

/** https://help.sap.com/docs/ariba-apis: tokens, and the synchronous Operational Reporting API for Procurement. */
export function createAriba({ orders, clock, journal, settings }: AribaParts): Vendor {
  const tokens = new TokenIssuer('ariba', aribaClientSecret, () => clock.ms());
  const revoke = journal.register<number>('ariba.revoke', (ms) => tokens.setValidFrom(ms));
  const take = createAribaLimits(clock);
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

  /** Within the limits, of this realm, and of the view that there is. */
  function reporting(family: Family, handle: Handle) {
    return (call: Call): Answer => {
      const { admitted, headers } = settings.aribaLimited ? take(family) : { admitted: true, headers: {} };
      const answer = admitted ? answered(call, handle) : failed(429, 'API rate limit exceeded');
      return { ...answer, headers: { ...answer.headers, ...headers } };
    };
  }

  function answered(call: Call, handle: Handle): Answer {
    if (call.query.get('realm') !== aribaRealm)
      return failed(403, 'The application has no access to the realm');
    const view = call.params['view'];
    if (view !== aribaOrderView) return failed(400, `The view template ${view} does not exist`);
    const range = rangeOf(call.query.get('filters'));
    return typeof range === 'string' ? failed(400, range) : handle(call, within(range), range.by);
  }

  /** Ascending by the time that is asked for; both ends included. */
  function within({ by, fromMs, toMs }: Range): readonly number[] {
    const times = by === 'updated' ? orders.updated : orders.created;
    return orders
      .ordered(by === 'updated' ? 'updated-at' : 'created-at')
      .filter((at) => (times[at] ?? 0) >= fromMs && (times[at] ?? 0) <= toMs)
      .slice(0, mostRecords);
  }

  /** A token stands for the time and id of the last record shown: what changes leaves the others where they are. */
  function page(call: Call, positions: readonly number[], by: Range['by']): Answer {
    const given = call.query.get('pageToken');
    const token = given === null ? '' : Buffer.from(given, 'base64url').toString('utf8');
    const [, lastMs, lastId] = /^(\d+)\.(\d+)$/.exec(token) ?? [];
    if (given !== null && lastId === undefined) return failed(400, 'The page token is not valid');
    const times = by === 'updated' ? orders.updated : orders.created;
    const isBehind = (at: number): boolean => {
      const afterMs = (times[at] ?? 0) - Number(lastMs);
      return afterMs > 0 || (afterMs === 0 && (orders.ids[at] ?? 0) > Number(lastId));
    };
    const rest = given === null ? positions : positions.filter(isBehind);
    const shown = rest.slice(0, perPage);
    const end = shown.at(-1) ?? -1;
    const next = Buffer.from(`${times[end]}.${orders.ids[end]}`).toString('base64url');
    return json(200, {
      Records: shown.map((at) => aribaOrder(orders.record(at))),
      ...(rest.length > perPage ? { PageToken: next } : {}),
    });
  }

  function count(_call: Call, positions: readonly number[]): Answer {
    const pages = Math.ceil(positions.length / perPage);
    return json(200, { MaxRecordsInEachPage: perPage, TotalPages: pages, TotalRecords: positions.length });
  }

  const views = '/procurement-reporting-details/v2/prod/views/:view';
  const routes: readonly Route[] = [
    { method: 'POST', path: '/v2/oauth/token', open: true, handle: token },
    { method: 'GET', path: views, handle: reporting('details', page) },
    { method: 'GET', path: `${views}/count`, handle: reporting('count', count) },
  ];
  return {
    name: 'ariba',
    routes,
    authenticate(call) {
      if (tokens.check(call.headers.authorization) === null)
        return failed(401, 'The access token is invalid or has expired');
      const key = String(call.headers['apikey'] ?? '');
      return sameSecret(key, aribaApplicationKey) ? null : failed(403, 'The application key is not valid');
    },
    refuse: (status) => failed(status, status === 404 ? 'Not found' : `Error ${status}`),
    revokeTokens: () => revoke(tokens.nextValidFromMs()),
  };
}
