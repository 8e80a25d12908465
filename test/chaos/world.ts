import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { inject } from 'vitest';
import { type Guard, startGuard } from '../../src/cli/stack/guard.js';
import { BatonClient, BatonError, type RunHandle, type RunResult } from '../../src/client/index.js';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.js';
import { countPageReads, type PageReads } from './page-reads.js';
import { createProgram, type Program } from './program.js';
import { type Postgres, startPostgres, startTemporal, type Temporal } from './servers.js';
import { until } from './wait.js';

export const pipeline = 'po_data_pipeline';
export type Role = 'control' | 'data';

export interface WorldOptions {
  readonly records: number;
  /** Requests a second to Coupa; what makes a run last. */
  readonly requestsPerSecond?: number;
  /** The warehouse on a server of its own. */
  readonly separateWarehouse?: boolean;
  /** Settings of the pipeline beside the usual ones. */
  readonly pipeline?: Readonly<Record<string, unknown>>;
  readonly timeoutMs?: number;
  readonly tenants?: readonly string[];
  /** A folder of the lake in which others put tickets. */
  readonly intake?: string;
  /** Of the helpdesk, beside the usual ones. */
  readonly deskLimits?: Readonly<Record<string, unknown>>;
  /** Events come in through a gateway. */
  readonly events?: boolean;
}

/** A whole installation of real processes, with its own servers, lake and vendors. */
export interface World {
  readonly folder: string;
  readonly lake: string;
  readonly sandbox: Sandbox;
  readonly reads: PageReads;
  readonly control: Postgres;
  readonly warehouse: Postgres;
  readonly temporal: Temporal;
  readonly client: BatonClient;
  readonly secrets: Readonly<Record<string, string>>;
  /** A worker; it does not run until it is started. Its environment is `more` over the usual one. */
  worker(role: Role, name?: string, more?: Readonly<Record<string, string>>): Program;
  /** The gateway; it does not run until it is started. Its address stays the same over its lives. */
  gateway(port: number): Program;
  /** Starts both workers. */
  startWorkers(): Promise<Readonly<Record<Role, Program>>>;
  /** Each run has a logical time of its own. */
  startRun(tenant?: string): Promise<RunHandle>;
  /** The run's result, however often Temporal goes away meanwhile. */
  resultOf(run: RunHandle): Promise<RunResult>;
  controlRows<R>(text: string, values?: readonly unknown[]): Promise<R[]>;
  warehouseRows<R>(text: string, values?: readonly unknown[]): Promise<R[]>;
  /** Until no effect is left on its way. */
  settled(timeoutMs?: number): Promise<void>;
  close(): Promise<void>;
}

/** Random, and of a form that nothing else has: what is looked for where it must not be. */
function canary(): string {
  return `canary${randomBytes(18).toString('hex')}`;
}

export async function createWorld(options: WorldOptions): Promise<World> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'baton-chaos-'));
  chmodSync(folder, 0o755); // PostgreSQL runs as another account when we are root
  const guard = startGuard();
  const secrets = {
    COUPA_CLIENT_SECRET: canary(),
    ZENDESK_API_TOKEN: canary(),
    SALESFORCE_CLIENT_SECRET: canary(),
    SLACK_BOT_TOKEN: `xoxb-${canary()}`,
    HOOK_SECRET: canary(),
    BATON_PG_PASSWORD: canary(),
  };
  const [control, temporal, sandbox] = await Promise.all([
    startPostgres(folder, secrets.BATON_PG_PASSWORD, guard),
    startTemporal(folder, inject('temporalPath'), guard),
    startSandbox({
      port: 0,
      records: options.records,
      coupaLimit: null,
      secrets: {
        coupaClientSecret: secrets.COUPA_CLIENT_SECRET,
        zendeskApiToken: secrets.ZENDESK_API_TOKEN,
        salesforceClientSecret: secrets.SALESFORCE_CLIENT_SECRET,
        slackBotToken: secrets.SLACK_BOT_TOKEN,
      },
    }),
  ]);
  sandbox.settings.zendeskPerMinute = null;
  const warehouse =
    options.separateWarehouse === true
      ? await startPostgres(folder, secrets.BATON_PG_PASSWORD, guard, 'warehouse')
      : control;
  await control.createDatabase('control');
  await warehouse.createDatabase('warehouse');
  const lake = path.join(folder, 'lake');
  const configFile = path.join(folder, 'baton.yaml');
  const places = { control, warehouse, temporal, sandbox, lake };
  writeFileSync(configFile, JSON.stringify(configOf(options, places))); // JSON is YAML
  mkdirSync(path.join(folder, 'home'));
  const client = await BatonClient.connect({ address: temporal.address });
  const programs: Program[] = [];
  const environment = {
    PATH: process.env['PATH'] ?? '',
    HOME: folder,
    BATON_CONFIG: configFile,
    BATON_HOME: path.join(folder, 'home'),
    ...secrets,
  };

  function worker(role: Role, name = `worker-${role}`, more: Readonly<Record<string, string>> = {}): Program {
    const program = createProgram(workerSpec(role, name, folder, { ...environment, ...more }), guard, folder);
    programs.push(program);
    return program;
  }

  const controlRows = <R>(text: string, values?: readonly unknown[]) =>
    control.query<R>('control', text, values);
  let started = 0;
  return {
    ...places,
    folder,
    reads: countPageReads(sandbox),
    client,
    secrets,
    worker,
    gateway(port) {
      const more = { BATON_GATEWAY__PORT: String(port) };
      const spec = programSpec('gateway', [], folder, { ...environment, ...more });
      const program = createProgram(spec, guard, folder);
      programs.push(program);
      return program;
    },
    async startWorkers() {
      const workers = { control: worker('control'), data: worker('data') };
      await Promise.all([workers.control.start(), workers.data.start()]);
      return workers;
    },
    startRun: (tenant = 'default') => {
      const logicalTime = new Date(Date.UTC(2026, 0, 1) + 60_000 * started++);
      return client.startPipeline({ pipeline, tenant, logicalTime });
    },
    resultOf: (run) => patiently(run),
    controlRows,
    warehouseRows: (text, values) => warehouse.query('warehouse', text, values),
    settled: (timeoutMs = 90_000) => settled(controlRows, timeoutMs),
    close: () => close(folder, guard, programs, { client, temporal, control, warehouse, sandbox }),
  };
}

async function close(
  folder: string,
  guard: Guard,
  programs: readonly Program[],
  parts: Pick<World, 'client' | 'temporal' | 'control' | 'warehouse' | 'sandbox'>,
): Promise<void> {
  await parts.client.close().catch(() => {});
  await Promise.all(programs.map((program) => program.kill()));
  await Promise.all([
    parts.temporal.kill(),
    parts.control.stop(),
    parts.warehouse === parts.control ? undefined : parts.warehouse.stop(),
    parts.sandbox.close(),
  ]);
  guard.close();
  if (process.env['BATON_CHAOS_KEEP'] === undefined) rmSync(folder, { recursive: true, force: true });
  else console.log(`chaos: kept ${folder}`);
}

async function patiently(run: RunHandle): Promise<RunResult> {
  for (;;) {
    try {
      return await run.result();
    } catch (error) {
      if (!(error instanceof BatonError) || error.error !== 'ERR_TEMPORAL_UNAVAILABLE') throw error;
    }
  }
}

async function settled(rows: World['controlRows'], timeoutMs: number): Promise<void> {
  let open: unknown[] = [];
  await until(
    'every effect is at its end',
    async () => {
      open = await rows(
        `SELECT key, state, attempts, last_error FROM control.effects WHERE state NOT IN ('confirmed', 'dead')`,
      );
      return open.length === 0;
    },
    timeoutMs,
    250,
  ).catch((error: Error) => {
    throw new Error(`${error.message}: ${JSON.stringify(open.slice(0, 5))}`);
  });
}

function workerSpec(role: Role, name: string, folder: string, env: NodeJS.ProcessEnv) {
  return { ...programSpec('workers', ['--role', role], folder, env), name, title: name };
}

function programSpec(
  which: 'workers' | 'gateway',
  args: readonly string[],
  folder: string,
  env: NodeJS.ProcessEnv,
) {
  const main = path.join(inject('distPath'), which, 'main.js');
  return {
    name: which,
    title: which,
    program: process.execPath,
    args: ['--enable-source-maps', main, ...args],
    cwd: folder,
    env,
    ready: 'announced',
    stopSignal: 'SIGKILL',
    graceMs: 1_000,
    error: 'ERR_STACK_PART_FAILED',
  } as const;
}

function configOf(
  options: WorldOptions,
  {
    control,
    warehouse,
    temporal,
    sandbox,
    lake,
  }: Pick<World, 'control' | 'warehouse' | 'temporal' | 'sandbox' | 'lake'>,
) {
  const secret = (name: string) => `secret://env/${name}`;
  const limits = { timeoutMs: options.timeoutMs ?? 10_000 };
  const database = (server: Postgres, name: string) => ({
    url: server.url(name),
    password: secret('BATON_PG_PASSWORD'),
  });
  const coupa = {
    type: 'coupa',
    baseUrl: `${sandbox.url}/coupa`,
    auth: { clientId: 'baton-demo', clientSecret: secret('COUPA_CLIENT_SECRET') },
    limits: { ...limits, requestsPerSecond: options.requestsPerSecond ?? 1_000 },
  };
  return {
    version: 1,
    temporal: { address: temporal.address },
    control: database(control, 'control'),
    warehouse: { type: 'postgres', ...database(warehouse, 'warehouse') },
    lake: {
      type: 'local',
      path: lake,
      ...(options.intake === undefined
        ? {}
        : { intake: [{ prefix: options.intake, connection: 'zendesk', stream: 'tickets' }] }),
    },
    connections: {
      coupa,
      coupa_sequential: { ...coupa, limits: { ...coupa.limits, requestsInFlight: 1 } },
      zendesk: {
        type: 'zendesk',
        baseUrl: `${sandbox.url}/zendesk`,
        auth: { email: 'baton@example.com', apiToken: secret('ZENDESK_API_TOKEN') },
        plan: 'high_volume',
        limits: { ...limits, ...options.deskLimits },
      },
      salesforce: {
        type: 'salesforce',
        baseUrl: `${sandbox.url}/salesforce`,
        auth: { clientId: 'baton-demo', clientSecret: secret('SALESFORCE_CLIENT_SECRET') },
        limits,
      },
      rates: { type: 'frankfurter', baseUrl: `${sandbox.url}/rates`, limits },
      slack: {
        type: 'slack',
        baseUrl: `${sandbox.url}/slack`,
        auth: { botToken: secret('SLACK_BOT_TOKEN') },
        limits,
      },
      ...(options.events === true
        ? {
            hooks: { type: 'webhook', webhook: { scheme: 'header', secret: secret('HOOK_SECRET') } },
            monitor: { type: 'alertmanager', webhook: { secret: secret('HOOK_SECRET') } },
          }
        : {}),
    },
    ...(options.events === true
      ? {
          triage: { desk: 'zendesk', notify: { connection: 'slack', channel: '#on-call' } },
          events: {
            rules: [
              { name: 'noise', connection: 'hooks', types: ['noise'], do: 'ignore' },
              { name: 'alerts', connection: 'monitor', do: 'triage' },
            ],
          },
        }
      : {}),
    tenants: options.tenants ?? ['default'],
    alerts: { on_failure: [{ connection: 'slack', channel: '#data-alerts' }] },
    pipelines: {
      [pipeline]: {
        source: 'coupa',
        customers: 'salesforce',
        rates: 'rates',
        desk: 'zendesk',
        retries: 2,
        retryDelay: '1s',
        ...options.pipeline,
      },
      resilient_elt_pipeline: { source: 'coupa', desk: 'zendesk' },
    },
  };
}
