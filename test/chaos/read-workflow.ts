import { proxyActivities } from '@temporalio/workflow';
import type { ExtractStep } from '../../src/domain/plan.js';
import type { ExtractActivities, LoadActivities } from '../../src/protocol/activities.js';
import { taskQueues } from '../../src/protocol/names.js';

export interface ReadInput {
  readonly runId: string;
  readonly tenant: string;
  readonly step: ExtractStep;
}

/**
 * One stream through the data workers' own activities, with attempts that follow one another quickly: a lost worker
 * is noticed within three seconds, and the wait does not grow with the number of kills.
 */
const often = {
  scheduleToCloseTimeout: '10m',
  heartbeatTimeout: '3s',
  retry: { initialInterval: '100ms', backoffCoefficient: 1 },
} as const;

const { extractStream } = proxyActivities<ExtractActivities>({ ...often, taskQueue: taskQueues.extract });
const { stageBatch, mergeBatch } = proxyActivities<LoadActivities>({ ...often, taskQueue: taskQueues.load });

export async function readAndLoad({ runId, tenant, step }: ReadInput): Promise<{ loaded: number }> {
  const context = { runId, tenant, class: 'live' as const, step };
  const [, { staging }] = await Promise.all([
    extractStream({ ...context, fullRefresh: false, parameters: {} }),
    stageBatch({ ...context, rangeColumn: null }),
  ]);
  return mergeBatch({ ...context, loadStepId: `load_${step.id}`, staging });
}
