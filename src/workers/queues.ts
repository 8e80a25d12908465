import { fileURLToPath } from 'node:url';
import {
  bundleWorkflowCode,
  DefaultLogger,
  type NativeConnection,
  Worker,
  type WorkerOptions,
} from '@temporalio/worker';
import type { createActivities } from '../activities/index.js';
import { taskQueues } from '../protocol/names.js';
import type { Tracing } from './monitoring/tracing.js';
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
  /** When given, runs and their activities are traced. */
  readonly tracing?: Tracing | null;
  /** From being asked to stop until running activities are cancelled; 20 s when not given. */
  readonly graceMs?: number;
}): Promise<Worker[]> {
  const { activities, tracing = null } = options;
  const common: Omit<WorkerOptions, 'taskQueue'> = {
    connection: options.connection,
    namespace: options.namespace,
    interceptors: { activity: [...(tracing?.activityInterceptors ?? []), payloadGuard] },
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
  const byRole: Readonly<Record<Role, () => Promise<readonly WorkerOptions[]>>> = {
    control: async () => [
      {
        ...common,
        taskQueue: taskQueues.workflow,
        ...(await workflowsOf(options.bundlePath ?? defaultBundle, tracing)),
        // Beside the workflows that ask for them: handed over at once, without a round of the server.
        activities: { ...activities.control, mergeBatch: activities.load.mergeBatch },
        maxConcurrentActivityTaskExecutions: 20,
      },
      // What workflow workers of an earlier version still ask for.
      serve(taskQueues.control, activities.control, 20),
      serve(taskQueues.effect, activities.effect, 20),
    ],
    data: async () => [
      serve(taskQueues.extract, activities.extract, 12),
      serve(taskQueues.extractBulk, activities.extract, 3),
      serve(taskQueues.load, activities.load, 12),
      serve(taskQueues.loadBulk, activities.load, 3),
      serve(taskQueues.transform, activities.transform, 4),
    ],
  };
  const wanted = await Promise.all(options.roles.map((role) => byRole[role]()));
  return Promise.all(wanted.flat().map((worker) => Worker.create(worker)));
}

/** What traces workflows is not in the bundle that everybody has: where it is wanted another is made, in a few seconds. */
async function workflowsOf(
  bundlePath: string,
  tracing: Tracing | null,
): Promise<Pick<WorkerOptions, 'workflowBundle' | 'sinks'>> {
  if (tracing === null) return { workflowBundle: { codePath: bundlePath } };
  const { code } = await bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL('../workflows/index.js', import.meta.url)),
    workflowInterceptorModules: [
      ...tracing.workflowModules,
      fileURLToPath(new URL('../workflows/interceptors.js', import.meta.url)),
    ],
    logger: new DefaultLogger('ERROR'),
  });
  return { workflowBundle: { code }, sinks: tracing.sinks };
}
