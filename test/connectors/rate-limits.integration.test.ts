import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { type BatonConfig, loadConfig } from '../../src/config/index.js';
import type { OpenConnection } from '../../src/connectors/port.js';
import { connectors } from '../../src/connectors/registry.js';
import { createBudgetStore } from '../../src/control/budgets.js';
import { migrateControl, openControl } from '../../src/control/database.js';
import { createGates } from '../../src/control/gates.js';
import { Secret } from '../../src/domain/secret.js';
import { BatonError } from '../../src/protocol/errors.js';
import {
  aribaApplicationKey,
  aribaClientId,
  aribaClientSecret,
  aribaOrderView,
  aribaRealm,
} from '../../src/sandbox/ariba/vendor.js';
import { freshdeskKey, freshserviceKey } from '../../src/sandbox/freshworks/vendor.js';
import { pagerdutyKey } from '../../src/sandbox/pagerduty/vendor.js';
import type { LoggedRequest } from '../../src/sandbox/request-log.js';
import type { Sandbox } from '../../src/sandbox/sandbox.js';
import type { VendorName } from '../../src/sandbox/wire.js';
import { createConnections } from '../../src/workers/connections.js';
import { mostInWindow } from '../control/budget/crew.js';
import { createDatabase } from '../setup/database.js';
import { requestOf, ticketBody } from './requests.js';
import { canary, sandboxForTests } from './support.js';

/** Longer than the widest window, so that the burst after a rest and the pace behind it fall into one. */
const durationMs = 66_000;
const workers = 4;

/** What the vendor documents, and what counts for it. */
interface Limit {
  readonly vendor: VendorName;
  readonly what: string;
  readonly most: number;
  readonly perMs: number;
  readonly method?: string;
  readonly path?: RegExp;
  /** Other calls take of the same whole, so that it is not used up. */
  readonly isShared?: true;
}

const minute = 60_000;
const ticketList = { method: 'GET', path: /^\/api\/v2\/tickets\?/ };
const ticketCreate = { method: 'POST', path: /^\/api\/v2\/tickets$/ };
const limits: readonly Limit[] = [
  { vendor: 'coupa', what: 'all', most: 25, perMs: 1_000, path: /^\/api/ },
  { vendor: 'zendesk', what: 'all', most: 400, perMs: minute },
  { vendor: 'zendesk', what: 'exports', most: 10, perMs: minute, path: /\/incremental\// },
  { vendor: 'zendesk', what: 'updates', most: 100, perMs: minute, method: 'PUT', path: /\/tickets\// },
  { vendor: 'freshservice', what: 'all', most: 100, perMs: minute },
  { vendor: 'freshservice', what: 'lists', most: 40, perMs: minute, ...ticketList, isShared: true },
  { vendor: 'freshservice', what: 'new tickets', most: 50, perMs: minute, ...ticketCreate },
  { vendor: 'freshdesk', what: 'all', most: 200, perMs: minute },
  { vendor: 'freshdesk', what: 'lists', most: 20, perMs: minute, ...ticketList },
  { vendor: 'freshdesk', what: 'new tickets', most: 80, perMs: minute, ...ticketCreate },
  // One a second and channel, of which bursts are suffered: counted by ten.
  { vendor: 'slack', what: 'one channel', most: 10, perMs: 10_000, path: /chat\.postMessage/ },
  { vendor: 'teams', what: 'all', most: 4, perMs: 1_000 },
  { vendor: 'pagerduty', what: 'all', most: 120, perMs: minute },
  { vendor: 'ariba', what: 'pages', most: 3, perMs: minute, path: /\/views\/\w+\?/ },
  { vendor: 'ariba', what: 'counts', most: 3, perMs: minute, path: /\/count\?/ },
  { vendor: 'ariba', what: 'jobs', most: 2, perMs: minute, path: /-reporting-job\// },
  { vendor: 'ariba', what: 'jobs', most: 1, perMs: 1_000, path: /-reporting-job\// },
  { vendor: 'ariba', what: 'results', most: 20, perMs: minute, path: /-jobresult\// },
  { vendor: 'ariba', what: 'results', most: 2, perMs: 1_000, path: /-jobresult\//, isShared: true },
];

type Ask = (connection: OpenConnection, ordinal: number) => Promise<unknown>;

const message = { title: 'x', text: 'y', severity: 'info', fields: [], links: [] } as const;
const notify =
  (channel: string): Ask =>
  ({ notifier }, ordinal) =>
    notifier?.send.send(requestOf(ordinal, { kind: 'message', channel, ...message }), signal()) ??
    expect.unreachable();
const open: Ask = ({ ticketDesk }, ordinal) =>
  ticketDesk?.open.send(requestOf(ordinal, ticketBody), signal()) ?? expect.unreachable();
const page =
  (stream: string): Ask =>
  (connection) => {
    const { [connection.name]: connector } = connectors;
    const window = { from: '2026-06-01T00:00:00Z', to: new Date().toISOString() };
    return (
      connector?.streams[stream]?.readPage(connection, window, null, { pageSize: 1 }) ?? expect.unreachable()
    );
  };
const update =
  (remoteId: string): Ask =>
  ({ ticketDesk }, ordinal) =>
    ticketDesk?.update.send(
      requestOf(ordinal, { kind: 'ticket_update', remoteId, comment: 'So.', status: null }),
      signal(),
    ) ?? expect.unreachable();
/** Each of Ariba's APIs is asked for by its path: its streams need years for their limits. */
const ariba =
  (path: string, json?: unknown): Ask =>
  ({ http }) =>
    http.read({
      method: json === undefined ? 'GET' : 'POST',
      path,
      query: aribaQuery,
      json,
      signal: signal(),
    });
const filters = { updatedDateFrom: '2026-01-01T00:00:00Z', updatedDateTo: '2026-12-01T00:00:00Z' };
const aribaQuery = { realm: aribaRealm, filters: JSON.stringify(filters) };
const aribaView = `/procurement-reporting-details/v2/prod/views/${aribaOrderView}`;
const aribaJob: Ask = ariba('/procurement-reporting-job/v2/prod/jobs', {
  viewTemplateName: aribaOrderView,
  filters,
});
const signal = () => new AbortController().signal;

/** What each worker asks for over and over, by connection; so many times at once. */
const asksOf = (ticketId: string, jobId: string): Readonly<Record<string, readonly Ask[]>> => ({
  coupa: [page('suppliers'), page('suppliers'), page('invoices')],
  zendesk: [page('tickets'), update(ticketId), update(ticketId), open],
  freshservice: [page('tickets'), open],
  freshdesk: [page('tickets'), open, open],
  slack: [notify('C0DATAALRT')],
  teams: [notify('on-call')],
  pagerduty: [notify('on-call')],
  ariba: [
    ariba(aribaView),
    ariba(`${aribaView}/count`),
    aribaJob,
    ariba(`/procurement-reporting-jobresult/v2/prod/jobs/${jobId}`),
  ],
});

function yaml(url: string): string {
  return `version: 1
connections:
  coupa:
    type: coupa
    baseUrl: ${url}/coupa
    auth: {clientId: baton-demo, clientSecret: secret://env/COUPA}
  zendesk:
    type: zendesk
    baseUrl: ${url}/zendesk
    auth: {email: baton@example.com, apiToken: secret://env/ZENDESK}
    plan: growth
  freshservice:
    type: freshservice
    baseUrl: ${url}/freshservice
    auth: {apiKey: secret://env/FRESHSERVICE}
    requester: baton@example.com
  freshdesk:
    type: freshdesk
    baseUrl: ${url}/freshdesk
    auth: {apiKey: secret://env/FRESHDESK}
    requester: baton@example.com
    plan: growth
  slack: {type: slack, baseUrl: ${url}/slack, auth: {botToken: secret://env/SLACK}}
  teams: {type: teams, baseUrl: ${url}/teams, auth: {url: secret://env/TEAMS}}
  ariba:
    type: ariba
    baseUrl: ${url}/ariba
    realm: ${aribaRealm}
    auth: {clientId: ${aribaClientId}, clientSecret: secret://env/ARIBA, applicationKey: secret://env/ARIBA_KEY}
    views: {purchase_orders: ${aribaOrderView}}
  pagerduty: {type: pagerduty, baseUrl: ${url}/pagerduty, auth: {routingKey: secret://env/PAGERDUTY}}
`;
}

it('the documented limit of no vendor is exceeded in any window by four workers that ask for all they may have', async () => {
  const root = mkdtempSync(path.join(tmpdir(), 'baton-limits-'));
  const [database, sandbox] = await Promise.all([createDatabase(), sandboxForTests(40)]);
  writeFileSync(path.join(root, 'baton.yaml'), yaml(sandbox.url));
  const env = {
    COUPA: canary.coupaClientSecret,
    ZENDESK: canary.zendeskApiToken,
    FRESHSERVICE: freshserviceKey,
    FRESHDESK: freshdeskKey,
    SLACK: canary.slackBotToken,
    TEAMS: `${sandbox.url}/teams/workflows/0a1b2c/triggers/manual/paths/invoke?sig=sandbox`,
    PAGERDUTY: pagerdutyKey,
    ARIBA: aribaClientSecret,
    ARIBA_KEY: aribaApplicationKey,
  };
  const config = loadConfig({ cwd: root, connectors, env });
  const made = await fetch(`${sandbox.url}/zendesk/api/v2/tickets.json`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${btoa(`baton@example.com/token:${canary.zendeskApiToken}`)}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ ticket: { subject: 'By hand', comment: { body: 'x' } } }),
  });
  const { ticket } = (await made.json()) as { ticket: { id: number } };
  const asks = asksOf(String(ticket.id), await submitJob(sandbox));
  const arrivals: LoggedRequest[] = [];
  const add = sandbox.requests.add.bind(sandbox.requests);
  sandbox.requests.add = (request) => {
    add(request);
    arrivals.push(request);
  };
  const first = openControl(new Secret(database.url), { poolMax: 2 });
  await migrateControl(first);
  await first.close();
  const until = Date.now() + durationMs;
  const problems = await Promise.all(
    Array.from({ length: workers }, (_, worker) => askAll(config, database.url, asks, until, worker)),
  );
  expect([...new Set(problems.flat())]).toEqual([]);
  expect(arrivals.filter(({ outcome }) => outcome === '429')).toEqual([]);

  const spent = limits.map((limit) => ({ limit, most: mostInWindow(timesOf(arrivals, limit), limit.perMs) }));
  const told = spent.map(
    ({ limit: { vendor, what, most, perMs }, most: seen }) =>
      `${vendor} ${what}: at most ${seen} of ${most} in ${perMs / 1_000} s`,
  );
  console.log(told.join('\n'));
  for (const { limit, most } of spent) {
    expect(most, `${limit.vendor} ${limit.what}`).toBeLessThanOrEqual(limit.most);
    // Else it would be no proof: each had more to ask than it may.
    if (limit.isShared !== true)
      expect(most, `${limit.vendor} ${limit.what}`).toBeGreaterThan(limit.most / 2);
  }
  await sandbox.close();
  await database.drop();
  rmSync(root, { recursive: true, force: true });
}, 120_000);

/** A job to ask after, which nobody counts: it would be one of the two of its minute. */
async function submitJob({ url, settings }: Sandbox): Promise<string> {
  settings.aribaLimited = false;
  const token = await fetch(`${url}/ariba/v2/oauth/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${aribaClientId}:${aribaClientSecret}`)}` },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  });
  const { access_token: bearer } = (await token.json()) as { access_token: string };
  const answer = await fetch(`${url}/ariba/procurement-reporting-job/v2/prod/jobs?realm=${aribaRealm}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${bearer}`, apikey: aribaApplicationKey },
    body: JSON.stringify({ viewTemplateName: aribaOrderView, filters }),
  });
  settings.aribaLimited = true;
  return ((await answer.json()) as { jobId: string }).jobId;
}

/** One worker: budgets, gates and connections as `baton worker` composes them. Answers what went wrong. */
async function askAll(
  config: BatonConfig,
  url: string,
  asks: ReturnType<typeof asksOf>,
  until: number,
  worker: number,
): Promise<readonly string[]> {
  const control = openControl(new Secret(url), { poolMax: 3 });
  const gates = createGates(createBudgetStore(control));
  const connections = createConnections(config, () => {}, gates);
  const problems: string[] = [];
  let ordinal = worker * 1_000_000;
  const loops = Object.entries(asks).flatMap(([name, each]) =>
    each.map(async (ask) => {
      while (Date.now() < until) {
        ordinal += 1;
        const waitMs = await ask(connections.open(name), ordinal).then(waitOf, (error: unknown) => {
          if (error instanceof BatonError && error.options.retryAfterMs !== undefined)
            return error.options.retryAfterMs;
          throw error;
        });
        await sleep(Math.min(waitMs, Math.max(0, until - Date.now())));
      }
    }),
  );
  for (const end of await Promise.allSettled(loops))
    if (end.status === 'rejected') problems.push(String(end.reason));
  connections.close();
  await gates.close();
  await control.close();
  return problems;

  /** Of a write that was held back. */
  function waitOf(outcome: unknown): number {
    const { kind, retryAfterMs, reason } = outcome as {
      kind?: string;
      retryAfterMs?: number;
      reason?: string;
    };
    if (kind === 'refused' && retryAfterMs === undefined) problems.push(String(reason));
    return kind === 'refused' ? (retryAfterMs ?? 1_000) : 0;
  }
}

/** A list with something embedded in it counts for three: it is there three times. */
function timesOf(arrivals: readonly LoggedRequest[], { vendor, method, path: of, what }: Limit): number[] {
  return arrivals
    .filter((one) => one.vendor === vendor)
    .filter((one) => method === undefined || one.method === method)
    .filter((one) => of === undefined || of.test(one.path))
    .flatMap((one) => {
      const credits = what === 'all' && one.path.includes('include=') ? 3 : 1;
      return Array.from({ length: credits }, () => Date.parse(one.at));
    });
}
