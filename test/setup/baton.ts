import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client, type ClientOptions, Connection } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, makeTelemetryFilterString, Runtime, type Worker } from '@temporalio/worker';
import { inject } from 'vitest';
import { createActivities } from '../../src/activities/index.js';
import type { ActivityDeps } from '../../src/activities/ports.js';
import { startAttempt } from '../../src/client/fan-outs.js';
import { runResult, type StartPipelineInput, startRun } from '../../src/client/runs.js';
import { loadConfig } from '../../src/config/index.js';
import { connectors } from '../../src/connectors/registry.js';
import { openControl } from '../../src/control/database.js';
import { type Database, query } from '../../src/database/postgres.js';
import { Secret } from '../../src/domain/secret.js';
import { createLogger } from '../../src/observability/logger.js';
import { toLogicalTime } from '../../src/protocol/names.js';
import { startSandbox } from '../../src/sandbox/sandbox.js';
import { compose } from '../../src/workers/compose.js';
import { createWorkers, type Role, roles } from '../../src/workers/queues.js';
import { createClocks, installClock } from './clock.js';
import { createDatabase } from './database.js';
import { createNamespace, registerSearchAttributes } from './namespace.js';
import { projectRoot } from './shared.js';

/** Planted in the configuration; none of them may turn up in a history. */
export const canaries = {
  COUPA_CLIENT_SECRET: 'canary-coupa-5b1f0c6a97',
  ZENDESK_API_TOKEN: 'canary-zendesk-2c9d81e4f0',
  ZENDESK_WEBHOOK_SECRET: 'canary-webhook-91b7e2d04c',
  ALERTMANAGER_SECRET: 'canary-alerts-3f8c20d6b1',
  POS_SECRET: 'canary-pos-5b0e7a91c4',
  COUPA_WEBHOOK_SECRET: 'canary-callout-9e2f64d0aa',
  SALESFORCE_CLIENT_SECRET: 'canary-salesforce-7ae3b05d12',
  SLACK_BOT_TOKEN: 'canary-slack-d40c6f8b31',
} as const;

/** Served by each `startBaton`: a test takes one for itself, whose tables no other test has written to. */
export const testTenants: readonly string[] = [
  'default',
  'alerts',
  'asked',
  'beside',
  'brief',
  'cancelled',
  'deploys',
  'down',
  'left',
  'refused',
  'set',
  'terminated',
  'twice',
  'undisturbed',
  'untouched',
];

type TestSettings = Readonly<Record<string, string>>;

export interface TestBatonOptions {
  /** `skipping`: on a time-skipping server of its own; `real`: in a namespace of its own on the dev server. */
  readonly time: 'skipping' | 'real';
  /** With `real`: the address of another server than the dev server that all tests share. */
  readonly address?: string;
  /** Seeded orders. */
  readonly records?: number;
  /** Instead of `testTenants`. */
  readonly tenants?: readonly string[];
  /** Overrides of baton.yaml, as a user gives them: `BATON_PIPELINES__PO_DATA_PIPELINE__RETRIES`. */
  readonly settings?: TestSettings | ((sandboxUrl: string) => TestSettings);
  /**
   * As a worker has it when not given. Little, where a vendor keeps a run waiting in skipped time: no time is
   * skipped while an activity runs, and staging is one.
   */
  readonly stagingIdleMs?: number;
}

/** The company's own services, as the sandbox has them. */
const services = ['inventory', 'suppliers', 'ledger'];

export type TestBaton = Awaited<ReturnType<typeof startBaton>>;

type Activities = ReturnType<typeof createActivities>;

/**
 * All of Baton in this process: the repository's own baton.yaml, real workers and activities, databases of its
 * own, a sandbox. Only addresses and secrets differ from what `npm start` runs.
 */
export async function startBaton(options: TestBatonOptions) {
  quieten();
  const home = mkdtempSync(path.join(tmpdir(), 'baton-workflow-'));
  const [control, warehouse, sandbox, server] = await Promise.all([
    createDatabase(),
    createDatabase(),
    startSandbox({
      port: 0,
      records: options.records ?? 200,
      coupaLimit: null,
      secrets: {
        coupaClientSecret: canaries.COUPA_CLIENT_SECRET,
        zendeskApiToken: canaries.ZENDESK_API_TOKEN,
        salesforceClientSecret: canaries.SALESFORCE_CLIENT_SECRET,
        slackBotToken: canaries.SLACK_BOT_TOKEN,
      },
    }),
    options.time === 'skipping' ? skippingServer() : devServer(options.address),
  ]);
  await installClock(control.url);
  const env: Record<string, string> = {
    ...canaries,
    BATON_HOME: home,
    BATON_CONTROL__URL: control.url,
    BATON_WAREHOUSE__URL: warehouse.url,
    TEMPORAL_ADDRESS: server.address,
    TEMPORAL_NAMESPACE: server.namespace,
    BATON_TENANTS: (options.tenants ?? testTenants).join(),
    ...Object.fromEntries(
      Object.keys(vendors).map((name) => [
        `BATON_CONNECTIONS__${name.toUpperCase()}__BASE_URL`,
        `${sandbox.url}/${name}`,
      ]),
    ),
    ...Object.fromEntries(
      services.map((name) => [
        `BATON_CONNECTIONS__${name.toUpperCase()}__BASE_URL`,
        `${sandbox.url}/services/${name}`,
      ]),
    ),
    ...(typeof options.settings === 'function' ? options.settings(sandbox.url) : options.settings),
  };
  const config = loadConfig({ cwd: projectRoot, connectors, env });
  const parts = await compose(config, createLogger('test', 'silent'), {
    program: path.join(inject('distPath'), 'workers', 'encode-thread.js'),
  });
  const deps: ActivityDeps = { ...parts.deps, stagingIdleMs: options.stagingIdleMs ?? 30_000 };
  const clocks = server.env === null ? null : createClocks(server.env, sandbox, control.url);
  const activities = mapActivities(createActivities(deps), async (call) => {
    await clocks?.follow();
    return call();
  });
  const database = openControl(new Secret(control.url), { poolMax: 2 });
  const warehouseDatabase = openControl(new Secret(warehouse.url), { poolMax: 2 });
  const crews = new Map<Role, Crew>();
  let minute = 0;

  async function hire(role: Role): Promise<void> {
    const workers = await createWorkers({
      roles: [role],
      connection: parts.temporal,
      namespace: server.namespace,
      activities,
      bundlePath: inject('workflowBundlePath'),
      graceMs: 100,
    });
    crews.set(role, { workers, running: Promise.all(workers.map((worker) => worker.run())) });
  }
  async function dismiss(role: Role): Promise<void> {
    const crew = crews.get(role);
    crews.delete(role);
    for (const worker of crew?.workers ?? []) if (worker.getState() === 'RUNNING') worker.shutdown();
    await crew?.running;
  }
  await Promise.all(roles.map(hire));

  return {
    deps,
    /** What sweeps work with. */
    retention: parts.retention,
    /** As loaded from baton.yaml and `settings`. */
    config,
    /** What handles events. */
    events: parts.events,
    onEvents: parts.onEvents,
    onFiles: parts.onFiles,
    changes: parts.changes,
    /** What metrics are read from. */
    measured: parts.measured,
    sandbox,
    server,
    client: server.client,
    /** For a worker of a test's own. */
    connection: parts.temporal,
    database,
    /** What a worker's process of the same installation is given. */
    env,
    /** The warehouse, to look into. */
    warehouseDatabase,
    /** Where the lake is. */
    lakePath: config.lake.path,
    /** Starts a run as the client library does, each at a logical time of its own; the id is the workflow's. */
    async start(input: Partial<StartPipelineInput> = {}): Promise<string> {
      minute += 1;
      const logicalTime = new Date(Date.UTC(2026, 0, 1, 0, minute));
      return (await startRun(server.client, { pipeline: 'po_data_pipeline', logicalTime, ...input })).id;
    },
    result: (id: string) => runResult(server.client, id),
    async run(input: Partial<StartPipelineInput> = {}) {
      return runResult(server.client, await this.start(input));
    },
    /** Starts the next attempt of a run that has failed, as `baton runs retry` does. */
    async retry(id: string): Promise<void> {
      const [row] = await deps.runs.find(id);
      const attempt = await deps.runs.raiseAttempt(id, row?.attempt ?? 0);
      if (row === undefined || attempt === null) throw new Error(`${id} cannot be tried again`);
      const { pipeline, tenant, trigger, inputs, full_refresh: fullRefresh } = row;
      const logicalTime = toLogicalTime(row.logical_time);
      const input = { pipeline, tenant, trigger, inputs, fullRefresh, logicalTime, attempt };
      await startAttempt(server.client, id, input);
    },
    /** What is at the vendors now. */
    tickets: () => admin<SandboxTicket[]>(sandbox.url, 'tickets'),
    messages: () => admin<unknown[]>(sandbox.url, 'messages'),
    row: (id: string) => rowOf(database, id),
    steps: async (id: string) => (await deps.runs.progress(id))?.steps ?? [],
    effects: (tenant: string, kind: string) => effectsOf(database, tenant, kind),
    /** Starts a role's workers, and stops them as a deploy would. */
    hire,
    dismiss,
    /** Stops a role's workers as a deploy would, and starts new ones. */
    async replaceWorkers(role: Role): Promise<void> {
      await dismiss(role);
      await hire(role);
    },
    async stop(): Promise<void> {
      await Promise.all(roles.map(dismiss));
      await parts.close();
      await clocks?.close();
      await database.close();
      await warehouseDatabase.close();
      await server.close();
      await sandbox.close();
      await Promise.all([control.drop(), warehouse.drop()]);
      rmSync(home, { recursive: true, force: true });
    },
  };
}

interface Crew {
  readonly workers: readonly Worker[];
  readonly running: Promise<unknown>;
}

const vendors = { coupa: true, zendesk: true, salesforce: true, rates: true, slack: true } as const;

let quiet = false;

/** Lets the SDK speak of errors only; once per process. */
export function quieten(): void {
  if (quiet) return;
  quiet = true;
  Runtime.install({
    logger: new DefaultLogger('ERROR'),
    telemetryOptions: { logging: { filter: makeTelemetryFilterString({ core: 'ERROR' }) } },
    shutdownSignals: [],
  });
}

async function skippingServer() {
  const env = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: 'existing-path', path: inject('testServerPath') } },
  });
  const namespace = env.namespace ?? 'default';
  await registerSearchAttributes(env.connection, namespace);
  return { env, address: env.address, namespace, client: env.client, close: () => env.teardown() };
}

async function devServer(address = inject('temporalAddress')) {
  const connection = await Connection.connect({ address });
  const namespace = await createNamespace(connection);
  const options: ClientOptions = { connection, namespace };
  return { env: null, address, namespace, client: new Client(options), close: () => connection.close() };
}

/** The same activities, each called through `around`. */
function mapActivities(
  activities: Activities,
  around: (call: () => Promise<unknown>) => Promise<unknown>,
): Activities {
  const wrap = (group: object) =>
    Object.fromEntries(
      Object.entries(group).map(([name, activity]) => [
        name,
        (...input: unknown[]) =>
          around(() => (activity as (...all: unknown[]) => Promise<unknown>)(...input)),
      ]),
    );
  return Object.fromEntries(
    Object.entries(activities).map(([queue, group]) => [queue, wrap(group)]),
  ) as unknown as Activities;
}

interface SandboxTicket {
  readonly id: number;
  readonly externalId: string;
  readonly subject: string;
  readonly status: string;
  readonly comments: readonly { readonly body: string }[];
}

async function admin<T>(url: string, what: string): Promise<T> {
  return (await (await fetch(`${url}/_admin/${what}`)).json()) as T;
}

async function rowOf(database: Database, id: string) {
  const { rows } = await query<{
    state: string;
    attempt: number;
    trigger: string;
    error: { code: string } | null;
  }>(database.knex, 'SELECT state, attempt, trigger, error FROM control.runs WHERE id = :id', { id });
  return rows[0] ?? null;
}

interface EffectView {
  readonly cause: string;
  readonly action: string;
  readonly state: string;
  readonly attempts: number;
  readonly marker: string;
  readonly remote_id: string | null;
  readonly parked: boolean;
}

async function effectsOf(database: Database, tenant: string, kind: string): Promise<EffectView[]> {
  const { rows } = await query<EffectView>(
    database.knex,
    `SELECT cause, action, state, attempts, marker, remote_id, parked_at IS NOT NULL AS parked
     FROM control.effects WHERE tenant = :tenant AND kind = :kind ORDER BY key`,
    { tenant, kind },
  );
  return rows;
}
