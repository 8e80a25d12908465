import {
  databaseUrl,
  lakePlace,
  noticePlace,
  resolveSecret,
  temporalConnectionOptions,
  vaultSecrets,
} from '../../config/index.js';
import type { BatonConfig } from '../../config/types.js';
import { openControl, pendingMigrations } from '../../control/database.js';
import { type Database, openDatabase } from '../../database/postgres.js';
import { openNoticeQueue } from '../../lake/notice-queue.js';
import { openLake } from '../../lake/open.js';
import { probeLake } from '../../lake/probe.js';
import { BatonError, describeError } from '../../protocol/errors.js';
import { taskQueues } from '../../protocol/names.js';
import { vaultRefPattern } from '../../vaults/reference.js';
import type { DoctorCheck, DoctorContext, Finding } from './doctor.js';

const startStack = 'Start the local stack with `npm start`, or correct the address in baton.yaml.';

const secrets: DoctorCheck = {
  name: 'secrets',
  needsConfig: true,
  async run(context): Promise<Finding> {
    const config = required(context);
    const references = [...new Set(referencesIn(config))].filter((of) => !vaultRefPattern.test(of));
    const missing = references.filter((reference) => !resolves(reference, config));
    if (missing.length === 0) return { state: 'ok', detail: `${references.length} references resolve` };
    const fix = 'Set these variables or files; `npm start` makes the demo’s own.';
    return { state: 'fail', detail: `cannot be resolved: ${missing.join(', ')}`, fix };
  },
};

const vaults: DoctorCheck = {
  name: 'vaults',
  needsConfig: true,
  async run(context): Promise<Finding> {
    const config = required(context);
    const secrets = vaultSecrets(config, config);
    const names = [...new Set(secrets.map(({ vault }) => vault))];
    const detail = names
      .map((name) => {
        const count = secrets.filter(({ vault }) => vault === name).length;
        return `${name} (${count} ${count === 1 ? 'reference' : 'references'})`;
      })
      .join(', ');
    const failed = secrets.flatMap(({ error }) => error ?? []);
    const [first] = failed;
    if (first === undefined) return { state: 'ok', detail: detail || 'none is used' };
    const words = failed.map(({ options }) => options.detail).join(' ');
    return { state: 'fail', detail: `${detail}: ${words}`, fix: describeError(first).fix };
  },
};

const controlDatabase: DoctorCheck = {
  name: 'control database',
  needsConfig: true,
  async run(context): Promise<Finding> {
    const config = required(context);
    const pending = await withDatabase(openControl(databaseUrl(config.control, config)), pendingMigrations);
    if (pending.length === 0) return { state: 'ok', detail: 'answers; up to date' };
    const fix = 'Start a worker: it brings the database up to date.';
    return { state: 'fail', detail: `answers; lacks ${pending.join(', ')}`, fix };
  },
};

const warehouse: DoctorCheck = {
  name: 'warehouse',
  needsConfig: true,
  async run(context): Promise<Finding> {
    const config = required(context);
    const version = await withDatabase(openWarehouseDatabase(config), (database) =>
      database.guard('asking the warehouse', async () => {
        const answer = await database.knex.raw('SHOW server_version');
        return String(answer.rows[0].server_version);
      }),
    );
    return { state: 'ok', detail: `answers; PostgreSQL ${version}` };
  },
};

const lake: DoctorCheck = {
  name: 'lake',
  needsConfig: true,
  async run(context): Promise<Finding> {
    const config = required(context);
    const opened = await openLake(lakePlace(config));
    try {
      await probeLake(opened);
      const heard = await hearsFrom(config);
      return {
        state: 'ok',
        detail: `${opened.locate('')}; writable, keeps the first of two writers${heard}`,
      };
    } finally {
      opened.close();
    }
  },
};

/** The queue of notifications, asked once, where there is one. */
async function hearsFrom(config: BatonConfig): Promise<string> {
  const place = noticePlace(config);
  if (place === null) return '';
  const queue = await openNoticeQueue(place);
  try {
    const kept = (await queue.hasDeadLetters()) ? '' : ', without a dead-letter queue';
    return `; notifications from ${queue.name}${kept}`;
  } finally {
    queue.close();
  }
}

const allowedSkewMs = 5_000;

const clock: DoctorCheck = {
  name: 'clock',
  needsConfig: true,
  async run(context): Promise<Finding> {
    const theirs = await withDatabase(openWarehouseDatabase(required(context)), (database) =>
      database.guard('asking the warehouse for the time', async () => {
        const answer = await database.knex.raw('SELECT extract(epoch FROM clock_timestamp()) * 1000 AS now');
        return Number(answer.rows[0].now);
      }),
    );
    const skewMs = Math.round(Math.abs(Date.now() - theirs));
    if (skewMs <= allowedSkewMs) return { state: 'ok', detail: `${skewMs} ms from the warehouse’s` };
    const fix = 'Switch on time synchronisation (NTP) on both machines.';
    return { state: 'warn', detail: `${(skewMs / 1000).toFixed(0)} s from the warehouse’s`, fix };
  },
};

const temporalServer: DoctorCheck = {
  name: 'Temporal server',
  needsConfig: true,
  async run(context): Promise<Finding> {
    const { temporal } = required(context);
    const status = await withTemporal(required(context), async ({ workflowService }) =>
      workflowService.describeNamespace({ namespace: temporal.namespace }),
    );
    return { state: 'ok', detail: `${temporal.address}, namespace ${status.namespaceInfo?.name}` };
  },
};

/** The kinds of task queue in Temporal's protocol. */
const workflowTasks = 1;
const activityTasks = 2;

const workers: DoctorCheck = {
  name: 'workers',
  needsConfig: true,
  async run(context): Promise<Finding> {
    const { temporal } = required(context);
    const names = Object.values(taskQueues);
    const polled = await withTemporal(required(context), ({ workflowService }) =>
      Promise.all(
        names.map(async (name) => {
          const { pollers } = await workflowService.describeTaskQueue({
            namespace: temporal.namespace,
            taskQueue: { name },
            taskQueueType: name === taskQueues.workflow ? workflowTasks : activityTasks,
          });
          return (pollers ?? []).length > 0;
        }),
      ),
    );
    const idle = names.filter((_, index) => !polled[index]);
    if (idle.length === 0) return { state: 'ok', detail: `all ${names.length} queues are polled` };
    const fix = 'Start the missing workers: `npm start` locally, else `node dist/workers/main.js --role …`.';
    return { state: 'fail', detail: `nobody polls ${idle.join(', ')}`, fix };
  },
};

function required({ config }: DoctorContext): BatonConfig {
  if (config !== undefined) return config;
  throw new BatonError('ERR_INTERNAL', { detail: 'A check ran without the configuration that it needs.' });
}

function referencesIn(value: unknown): string[] {
  if (typeof value === 'string') return value.startsWith('secret://') ? [value] : [];
  if (value === null || typeof value !== 'object') return [];
  return Object.values(value).flatMap(referencesIn);
}

function resolves(reference: string, config: BatonConfig): boolean {
  try {
    resolveSecret(reference, config);
    return true;
  } catch {
    return false;
  }
}

function openWarehouseDatabase(config: BatonConfig): Database {
  return openDatabase({
    url: databaseUrl(config.warehouse, config),
    poolMax: 1,
    applicationName: 'baton-doctor',
    unavailable: 'ERR_WAREHOUSE_UNAVAILABLE',
  });
}

async function withDatabase<T>(database: Database, use: (database: Database) => Promise<T>): Promise<T> {
  try {
    return await use(database);
  } finally {
    await database.close();
  }
}

type TemporalConnection = import('@temporalio/client').Connection;

async function withTemporal<T>(
  config: BatonConfig,
  use: (connection: TemporalConnection) => Promise<T>,
): Promise<T> {
  const { Connection } = await import('@temporalio/client');
  const options = { ...temporalConnectionOptions(config), connectTimeout: 3_000 };
  const connection = await Connection.connect(options).catch((cause: unknown) => {
    const detail = `No Temporal server answers at ${config.temporal.address}.`;
    throw new BatonError('ERR_TEMPORAL_UNAVAILABLE', { detail, fix: startStack, cause });
  });
  try {
    return await use(connection);
  } finally {
    await connection.close();
  }
}

export const serviceChecks: readonly DoctorCheck[] = [
  secrets,
  vaults,
  temporalServer,
  controlDatabase,
  warehouse,
  lake,
  clock,
  workers,
];
