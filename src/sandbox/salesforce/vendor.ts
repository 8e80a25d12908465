import type { SandboxClock } from '../clock.js';
import type { Journal } from '../journal.js';
import { hashText } from '../rng.js';
import type { SalesforceRecord } from '../seed/accounts.js';
import type { Settings } from '../settings.js';
import { sameSecret, TokenIssuer } from '../tokens.js';
import { type Answer, type Call, json, type Route, type Vendor } from '../wire.js';
import { jobRoutes, type Selected } from './jobs.js';
import { parseSoql, runSoql, SoqlRefused } from './soql.js';
import { type SalesforceObject, type SalesforceStore, salesforceObjects } from './store.js';
import { failed, writeRoutes } from './writes.js';

export interface SalesforceParts {
  readonly store: SalesforceStore;
  readonly clock: SandboxClock;
  readonly journal: Journal;
  readonly settings: Settings;
  readonly clientSecret: string;
}

const clientId = 'baton-demo';
/** The vendor's sessions end after a time that it does not tell the client. */
const sessionSeconds = 7_200;
const dailyRequests = 15_000;
const locatorsKept = 100;

interface Locator {
  readonly object: SalesforceObject;
  readonly rows: readonly Record<string, unknown>[];
}

function project(
  object: string,
  record: SalesforceRecord,
  fields: readonly string[],
  version: string,
): Record<string, unknown> {
  const url = `/services/data/${version}/sobjects/${object}/${String(record['Id'])}`;
  return {
    attributes: { type: object, url },
    ...Object.fromEntries(fields.map((field) => [field, record[field] ?? null])),
  };
}

/** https://developer.salesforce.com REST API: client credentials, SOQL, and writes of cases. */
export function createSalesforce(parts: SalesforceParts): Vendor {
  const { store, settings } = parts;
  const tokens = new TokenIssuer('salesforce', parts.clientSecret, () => parts.clock.ms());
  const revoke = parts.journal.register<number>('salesforce.revoke', (ms) => tokens.setValidFrom(ms));
  const locators = new Map<string, Locator>();
  let used = 0;

  function token(call: Call): Answer {
    const form = new URLSearchParams(call.body);
    if (form.get('grant_type') !== 'client_credentials') {
      return json(400, { error: 'unsupported_grant_type', error_description: 'grant type not supported' });
    }
    if (form.get('client_id') !== clientId) {
      return json(400, { error: 'invalid_client_id', error_description: 'client identifier invalid' });
    }
    if (!sameSecret(form.get('client_secret') ?? '', parts.clientSecret)) {
      return json(400, { error: 'invalid_client', error_description: 'invalid client credentials' });
    }
    const access = tokens.issue(['api'], sessionSeconds);
    return json(200, {
      access_token: access,
      signature: 'c2FuZGJveA==',
      scope: 'api',
      instance_url: call.baseUrl,
      id: `${call.baseUrl}/id/00DHs0000000001MAA/005Hs0000000001MAA`,
      token_type: 'Bearer',
      issued_at: String(parts.clock.ms()),
    });
  }

  /** How many rows go on a page: `Sforce-Query-Options: batchSize=200..2000`, and never more than the setting. */
  function batchSize(call: Call): number {
    const wanted = /batchSize=(\d+)/i.exec(String(call.headers['sforce-query-options'] ?? ''))?.[1];
    const clamped = Math.min(2000, Math.max(200, Number(wanted ?? 2000)));
    return Math.min(clamped, settings.salesforceBatchSize);
  }

  function remember(id: string, locator: Locator): void {
    locators.set(id, locator);
    const [oldest] = locators.keys();
    if (locators.size > locatorsKept && oldest !== undefined) locators.delete(oldest);
  }

  function pageOf(id: string, { rows, object }: Locator, from: number, call: Call): Answer {
    const to = from + batchSize(call);
    const done = to >= rows.length;
    if (!done) remember(id, { rows, object });
    const next = done
      ? {}
      : { nextRecordsUrl: `/services/data/${call.params['version'] ?? ''}/query/${id}-${to}` };
    return json(200, { totalSize: rows.length, done, ...next, records: rows.slice(from, to) });
  }

  function checked(query: ReturnType<typeof parseSoql>): SalesforceObject {
    const object = salesforceObjects.find((name) => name.toLowerCase() === query.object.toLowerCase());
    if (object === undefined)
      throw new SoqlRefused('INVALID_TYPE', `sObject type '${query.object}' is not supported.`);
    const known = Object.keys(store.records(object)[0] ?? {});
    const unknown = query.named.find((field) => !known.includes(field));
    if (unknown !== undefined) {
      throw new SoqlRefused('INVALID_FIELD', `No such column '${unknown}' on entity '${object}'.`);
    }
    return object;
  }

  function select(text: string, withDeleted: boolean): Selected & { readonly isCount: boolean } {
    const parsed = parseSoql(text);
    const object = checked(parsed);
    const alive = store.records(object).filter((record) => withDeleted || record['IsDeleted'] !== true);
    const { fields } = parsed;
    return { object, fields: fields ?? [], isCount: fields === null, rows: runSoql(parsed, alive) };
  }

  function query(withDeleted: boolean): (call: Call) => Answer {
    return (call) => {
      try {
        const { object, fields, rows: found, isCount } = select(call.query.get('q') ?? '', withDeleted);
        if (isCount) return json(200, { totalSize: found.length, done: true, records: [] });
        const version = call.params['version'] ?? '';
        const rows = found.map((record) => project(object, record, fields, version));
        const id = `0r8Hs${hashText(`${call.query.get('q')}${parts.clock.ms()}${used}`)
          .toString(36)
          .padStart(10, '0')}`;
        return pageOf(id, { object, rows }, 0, call);
      } catch (error) {
        if (error instanceof SoqlRefused) return failed(400, error.errorCode, error.message);
        throw error;
      }
    };
  }

  function more(call: Call): Answer {
    const [id = '', from = ''] = (call.params['locator'] ?? '').split('-');
    const locator = locators.get(id);
    if (locator === undefined || !/^\d+$/.test(from))
      return failed(400, 'INVALID_QUERY_LOCATOR', 'invalid query locator');
    return pageOf(id, locator, Number(from), call);
  }

  function single(call: Call): Answer {
    const object = salesforceObjects.find((name) => name === call.params['object']);
    const record = object === undefined ? undefined : store.find(object, call.params['id'] ?? '');
    if (object === undefined || record === undefined)
      return failed(404, 'NOT_FOUND', 'The requested resource does not exist');
    return json(200, project(object, record, Object.keys(record), call.params['version'] ?? ''));
  }

  function limits(): Answer {
    return json(200, {
      DailyApiRequests: { Max: dailyRequests, Remaining: Math.max(0, dailyRequests - used) },
    });
  }

  /** Every answer tells how much of the day's quota is used. */
  function counted(handle: Route['handle']): Route['handle'] {
    return (call) => {
      used += 1;
      const answer = handle(call);
      return {
        ...answer,
        headers: { ...answer.headers, 'sforce-limit-info': `api-usage=${used}/${dailyRequests}` },
      };
    };
  }

  const data = '/services/data/:version';
  const api: readonly Route[] = [
    { method: 'GET', path: `${data}/query`, handle: query(false) },
    { method: 'GET', path: `${data}/queryAll`, handle: query(true) },
    { method: 'GET', path: `${data}/query/:locator`, handle: more },
    { method: 'GET', path: `${data}/sobjects/:object/:id`, handle: single },
    { method: 'GET', path: `${data}/limits`, handle: limits },
    ...writeRoutes(store, data),
    ...jobRoutes(data, select, parts),
  ];
  const codes: Readonly<Record<number, readonly [string, string]>> = {
    401: ['INVALID_SESSION_ID', 'Session expired or invalid'],
    403: ['REQUEST_LIMIT_EXCEEDED', 'TotalRequests Limit exceeded.'],
    404: ['NOT_FOUND', 'The requested resource does not exist'],
    429: ['REQUEST_LIMIT_EXCEEDED', 'Too many requests'],
    503: ['SERVER_UNAVAILABLE', 'The server is temporarily unavailable'],
  };
  const refuse = (status: number, call: Call): Answer => {
    const atToken = status === 401 && call.path === '/services/oauth2/token';
    if (atToken) return json(400, { error: 'invalid_grant', error_description: 'authentication failure' });
    const [code, message] = codes[status] ?? ['UNKNOWN_EXCEPTION', 'An unexpected error occurred'];
    return failed(status, code, message);
  };
  return {
    name: 'salesforce',
    routes: [
      { method: 'POST', path: '/services/oauth2/token', open: true, handle: token },
      ...api.map((route) => ({ ...route, handle: counted(route.handle) })),
    ],
    authenticate: (call) => (tokens.check(call.headers.authorization) === null ? refuse(401, call) : null),
    refuse,
    revokeTokens: () => revoke(tokens.nextValidFromMs()),
  };
}
