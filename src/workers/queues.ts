import { fileURLToPath } from 'node:url';
import { type NativeConnection, Worker, type WorkerOptions } from '@temporalio/worker';
import type { createActivities } from '../activities/index.js';
import { taskQueues } from '../protocol/names.js';
import { payloadGuard } from './payload-guard.js';

/** `control` = workflows and short steps; `data` = what parses and loads; apart, or parsing would starve polls. */
export const roles = ['control', 'data'] as const;
export type Role = (typeof roles)[number];

const defaultBundle = fileURLToPath(new URL('../workflow-bundle.js', import.meta.url));

/** The workers of a role, one per queue. Slots bound what a process does at once; those of `-bulk` leave it room. */
export async function createWorkers(options: {
  readonly roles: readonly Role[];
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly activities: ReturnType<typeof createActivities>;
  readonly bundlePath?: string;
  /** From being asked to stop until running activities are cancelled; 20 s when not given. */
  readonly graceMs?: number;
}): Promise<Worker[]> {
  const { activities } = options;
  const common: Omit<WorkerOptions, 'taskQueue'> = {
    connection: options.connection,
    namespace: options.namespace,
    interceptors: { activity: [payloadGuard] },
    shutdownGraceTime: options.graceMs ?? 20_000,
    shutdownForceTime: (options.graceMs ?? 20_000) + 10_000,
    maxHeartbeatThrottleInterval: '2s',
    defaultHeartbeatThrottleInterval: '2s',
  };
  const serve = (taskQueue: string, of: object, slots: number): WorkerOptions => ({
    ...common,
    taskQueue,
    activities: of,
    maxConcurrentActivityTaskExecutions: slots,
  });
  const byRole: Readonly<Record<Role, readonly WorkerOptions[]>> = {
    control: [
      {
        ...common,
        taskQueue: taskQueues.workflow,
        workflowBundle: { codePath: options.bundlePath ?? defaultBundle },
        // Beside the workflows that ask for them: handed over at once, without a round of the server.
        activities: { ...activities.control, mergeBatch: activities.load.mergeBatch },
        maxConcurrentActivityTaskExecutions: 20,
      },
      // What workflow workers of an earlier version still ask for.
      serve(taskQueues.control, activities.control, 20),
      serve(taskQueues.effect, activities.effect, 20),
    ],
    data: [
      serve(taskQueues.extract, activities.extract, 12),
      serve(taskQueues.extractBulk, activities.extract, 3),
      serve(taskQueues.load, activities.load, 12),
      serve(taskQueues.loadBulk, activities.load, 3),
      serve(taskQueues.transform, activities.transform, 4),
    ],
  };
  return Promise.all(options.roles.flatMap((role) => byRole[role]).map((worker) => Worker.create(worker)));
}
