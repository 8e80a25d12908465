import { callTemporal } from '../client/failures.js';
import { pendingMigrations } from '../control/database.js';
import { BatonError, describeError, type ErrorName, type ErrorView } from '../protocol/errors.js';
import { taskQueues } from '../protocol/names.js';
import { isWarehousePrepared } from '../warehouse/postgres/measures.js';
import { withDeadline } from './deadline.js';
import type { GatewayParts } from './parts.js';

export const partNames = ['control', 'warehouse', 'temporal'] as const;
export type PartName = (typeof partNames)[number];

/** What is asked. */
export type ReadingParts = Pick<
  GatewayParts,
  'config' | 'log' | 'control' | 'warehouseDatabase' | 'temporal'
>;

export interface PartState {
  readonly part: PartName;
  readonly state: 'up' | 'down';
  /** How long the answer, or the failure, took. */
  readonly ms: number;
  readonly error: ErrorView | null;
}

const timeoutMs = 2_500;
/** Shorter, so that Temporal's own words come first. */
const temporalMs = 1_800;

const unavailable = {
  control: 'ERR_CONTROL_UNAVAILABLE',
  warehouse: 'ERR_WAREHOUSE_UNAVAILABLE',
  temporal: 'ERR_TEMPORAL_UNAVAILABLE',
} as const satisfies Record<PartName, ErrorName>;

/** Asks each part whether it could serve now. Never throws; takes at most two and a half seconds. */
export function probeParts(parts: ReadingParts): Promise<readonly PartState[]> {
  const probes: Readonly<Record<PartName, () => Promise<unknown>>> = {
    control: () => probeControl(parts),
    warehouse: () => probeWarehouse(parts),
    temporal: () => probeTemporal(parts),
  };
  const shown = {
    control: 'control',
    warehouse: 'warehouse',
    temporal: `temporal at ${parts.config.temporal.address}`,
  };
  return Promise.all(partNames.map((part) => probe(part, shown[part], probes[part])));
}

async function probe(part: PartName, shown: string, ask: () => Promise<unknown>): Promise<PartState> {
  const startedAt = performance.now();
  const late = () =>
    new BatonError(unavailable[part], { detail: `${shown} did not answer within ${timeoutMs / 1000} s.` });
  const error = await withDeadline(ask(), timeoutMs, late).then(
    () => null,
    (caught: unknown) => viewOf(caught, part),
  );
  const ms = Math.round(performance.now() - startedAt);
  return { part, state: error === null ? 'up' : 'down', ms, error };
}

function viewOf(caught: unknown, part: PartName): ErrorView {
  if (caught instanceof BatonError) return describeError(caught);
  const detail = caught instanceof Error ? caught.message : String(caught);
  return describeError(new BatonError(unavailable[part], { detail: `${part}: ${detail}.`, cause: caught }));
}

const startWorker = 'Start a worker: it makes and updates Baton’s tables.';

async function probeControl({ control }: ReadingParts): Promise<void> {
  const pending = await pendingMigrations(control);
  if (pending.length === 0) return;
  const detail = `The control database answers but lacks ${pending.join(', ')}.`;
  throw new BatonError('ERR_CONTROL_UNAVAILABLE', {
    detail,
    why: 'No worker has prepared it.',
    fix: startWorker,
  });
}

async function probeWarehouse({ warehouseDatabase }: ReadingParts): Promise<void> {
  if (await isWarehousePrepared(warehouseDatabase, timeoutMs)) return;
  const detail = 'The warehouse answers but lacks Baton’s tables.';
  throw new BatonError('ERR_WAREHOUSE_UNAVAILABLE', {
    detail,
    why: 'No worker has prepared it.',
    fix: startWorker,
  });
}

function probeTemporal({ temporal, config }: ReadingParts): Promise<unknown> {
  const { address, namespace } = config.temporal;
  return callTemporal(address, 'asking for the namespace', () =>
    temporal.connection.withDeadline(Date.now() + temporalMs, () =>
      temporal.workflowService.describeNamespace({ namespace }),
    ),
  );
}

/** The kinds of task queue in Temporal's protocol. */
const workflowTasks = 1;
const activityTasks = 2;

/** How many pollers each of our task queues had in the last minutes. Throws when Temporal does not answer. */
export async function countPollers(
  parts: ReadingParts,
): Promise<readonly { readonly queue: string; readonly pollers: number }[]> {
  const { temporal, config } = parts;
  const { address, namespace } = config.temporal;
  const ask = (name: string) =>
    temporal.workflowService.describeTaskQueue({
      namespace,
      taskQueue: { name },
      taskQueueType: name === taskQueues.workflow ? workflowTasks : activityTasks,
    });
  return callTemporal(address, 'asking who polls', () =>
    temporal.connection.withDeadline(Date.now() + timeoutMs, () =>
      Promise.all(
        Object.values(taskQueues).map(async (queue) => {
          const { pollers } = await ask(queue);
          return { queue, pollers: pollers?.length ?? 0 };
        }),
      ),
    ),
  );
}
