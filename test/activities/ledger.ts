import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { inject } from 'vitest';
import { createEffectActivities } from '../../src/activities/effects.js';
import type { EffectDeps } from '../../src/activities/perform-effect.js';
import { loadConfig } from '../../src/config/index.js';
import { connectors } from '../../src/connectors/registry.js';
import { createBudgetStore } from '../../src/control/budgets.js';
import { migrateControl, openControl } from '../../src/control/database.js';
import { createEffectStore, type EffectRow } from '../../src/control/effects.js';
import { createGates } from '../../src/control/gates.js';
import type { Intent } from '../../src/control/intents.js';
import { createRunStore } from '../../src/control/runs.js';
import { Secret } from '../../src/domain/secret.js';
import { createLogger } from '../../src/observability/logger.js';
import type { SendResult } from '../../src/protocol/activities.js';
import { freshdeskKey, freshserviceKey } from '../../src/sandbox/freshworks/vendor.js';
import { startSandbox } from '../../src/sandbox/sandbox.js';
import { createConnections } from '../../src/workers/connections.js';
import { createOrchestrator } from '../../src/workers/orchestrator.js';
import { installClock } from '../setup/clock.js';
import { createDatabase } from '../setup/database.js';

export type Ledger = Awaited<ReturnType<typeof openLedger>>;

const secrets = {
  coupaClientSecret: 'unused',
  zendeskApiToken: 'ledger-token',
  salesforceClientSecret: 'ledger-secret',
  slackBotToken: 'unused',
};

/** The desks of each kind there is; `moved` is nowhere. */
function yaml(sandboxUrl: string, limits: string): string {
  const auth = 'auth: {email: baton@example.com, apiToken: secret://env/TOKEN}';
  return `version: 1
connections:
  zendesk: {type: zendesk, baseUrl: ${sandboxUrl}/zendesk, ${auth}, limits: ${limits}}
  moved: {type: zendesk, baseUrl: http://127.0.0.1:1, ${auth}}
  freshservice:
    type: freshservice
    baseUrl: ${sandboxUrl}/freshservice
    auth: {apiKey: secret://env/FRESHSERVICE_KEY}
    requester: baton@example.com
    plan: enterprise
    limits: ${limits}
  freshdesk:
    type: freshdesk
    baseUrl: ${sandboxUrl}/freshdesk
    auth: {apiKey: secret://env/FRESHDESK_KEY}
    requester: baton@example.com
    plan: enterprise
    limits: ${limits}
  salesforce:
    type: salesforce
    baseUrl: ${sandboxUrl}/salesforce
    auth: {clientId: baton-demo, clientSecret: secret://env/SALESFORCE_SECRET}
    limits: ${limits}
`;
}

/** The effect ledger on a PostgreSQL whose clock can be moved, and a helpdesk; no workflow and no warehouse. */
export async function openLedger({ hasBreaker = true } = {}) {
  const root = mkdtempSync(path.join(tmpdir(), 'baton-ledger-'));
  const [created, sandbox] = await Promise.all([
    createDatabase(),
    startSandbox({ port: 0, records: 1, secrets }),
  ]);
  await installClock(created.url);
  const control = openControl(new Secret(created.url), { poolMax: 6 });
  await migrateControl(control);
  writeFileSync(
    path.join(root, 'baton.yaml'),
    yaml(sandbox.url, hasBreaker ? '{}' : '{breaker: {failures: 100000, minimum: 100000}}'),
  );
  const config = loadConfig({
    cwd: root,
    connectors,
    env: {
      TOKEN: secrets.zendeskApiToken,
      FRESHSERVICE_KEY: freshserviceKey,
      FRESHDESK_KEY: freshdeskKey,
      SALESFORCE_SECRET: secrets.salesforceClientSecret,
    },
  });
  const effects = createEffectStore(control);
  const temporal = Connection.lazy({ address: inject('temporalAddress') });
  let onRequest = () => {};
  const budgets = createBudgetStore(control);
  const gates = createGates(budgets);
  const connections = createConnections(config, () => onRequest(), gates);
  const deps: EffectDeps = {
    log: createLogger('test', 'silent'),
    runs: createRunStore(control),
    effects,
    budgets,
    connections,
    alerts: config.alerts,
    runUrl: (runId) => runId,
    orchestrator: createOrchestrator(new Client({ connection: temporal }), inject('temporalAddress')),
    stopping: new AbortController().signal,
  };
  let ahead = 0;

  return {
    effects,
    control,
    sandbox,
    /** One round of the drainer of a desk. */
    drain(tenant: string, more: { connection?: string; stopping?: AbortSignal } = {}): Promise<SendResult> {
      const { sendEffects } = createEffectActivities({ ...deps, stopping: more.stopping ?? deps.stopping });
      const input = { connection: more.connection ?? 'zendesk', tenant, run: null };
      return new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') }).run(sendEffects, input);
    },
    /** Stores intents and leaves them to the drainer, in their order. */
    async intend(...intents: readonly Intent[]): Promise<void> {
      for (const intent of intents) await effects.intend([intent]);
      const [{ tenant } = { tenant: '' }] = intents;
      for (const connection of Object.keys(config.connections)) await effects.park(connection, tenant);
    },
    /** By action, in the order in which they were intended. */
    async rows(tenant: string): Promise<EffectRow[]> {
      const rows = await effects.list({ limit: 1_000 });
      return rows.filter((row) => row.tenant === tenant).reverse();
    },
    ticket: async (tenant: string, cause: string) =>
      control.knex('control.tickets').where({ tenant, cause, episode: 1 }).first(),
    /** Moves the ledger's clock and the vendor's. */
    async pass(ms: number): Promise<void> {
      ahead += ms;
      await control.knex.raw("UPDATE clock.ahead SET by = ? * interval '1 millisecond'", [ahead]);
      sandbox.clock.shiftTo(ahead);
    },
    /** Called after each request to a vendor. */
    onRequest(listener: () => void): void {
      onRequest = listener;
    },
    async close(): Promise<void> {
      connections.close();
      await gates.close();
      await temporal.close();
      await control.close();
      await sandbox.close();
      await created.drop();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** A ticket to be opened. */
export function opening(tenant: string, cause: string, connection = 'zendesk'): Intent {
  return {
    tenant,
    cause,
    action: 'open',
    ordinal: '1',
    episode: 1,
    connection,
    kind: 'ticket.open',
    guarantee: 'exact',
    body: { kind: 'ticket', subject: cause, description: 'Why.', priority: 'normal', tags: [] },
    runId: 'run/1',
    ticket: { rule: 'rule', subject: cause },
  };
}

/** A comment on it; `solved` closes it. */
export function updating(
  tenant: string,
  cause: string,
  more: { action?: string; status?: 'solved'; connection?: string } = {},
): Intent {
  const { action = 'comment', status = null, connection = 'zendesk' } = more;
  return {
    tenant,
    cause,
    action,
    ordinal: '1',
    episode: 1,
    connection,
    kind: 'ticket.update',
    guarantee: 'once_after_looking',
    body: { kind: 'ticket_update', remoteId: '', comment: `${action} of ${cause}`, status },
    runId: 'run/1',
  };
}
