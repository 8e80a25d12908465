import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { LoadArrivalsInput } from '../protocol/activities.js';
import { loaderId, taskQueues } from '../protocol/names.js';

/** Starts the queue's loader, or rings the bell of the one that runs: it then looks again before it ends. */
export async function ringLoader(client: Client, queue: LoadArrivalsInput): Promise<void> {
  await client.workflow
    .signalWithStart('loadArrivals', { ...optionsOf(queue), signal: 'arrived' })
    .catch((error: unknown) => {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    });
}

/** Starts the loader and leaves alone one that runs. True when it was started. */
export async function startLoader(client: Client, queue: LoadArrivalsInput): Promise<boolean> {
  try {
    await client.workflow.start('loadArrivals', optionsOf(queue));
    return true;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
    throw error;
  }
}

function optionsOf({ tenant, target }: LoadArrivalsInput) {
  const input: LoadArrivalsInput = { tenant, target };
  return {
    workflowId: loaderId(tenant, target),
    taskQueue: taskQueues.workflow,
    args: [input],
    staticSummary: `Loads what arrives for ${target}`,
  };
}
