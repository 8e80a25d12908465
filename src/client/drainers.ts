import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { DrainEffectsInput } from '../protocol/activities.js';
import { drainId, taskQueues } from '../protocol/names.js';

type Drained = Pick<DrainEffectsInput, 'connection' | 'tenant'>;

/** Starts the drainer, or rings the bell of the one that runs: it then looks at once what it can send. */
export async function ringDrainer(client: Client, of: Drained): Promise<void> {
  await client.workflow
    .signalWithStart('drainEffects', { ...optionsOf(of), signal: 'effectsParked' })
    .catch((error: unknown) => {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    });
}

/** Starts the drainer and leaves alone one that runs. True when it was started. */
export async function startDrainer(client: Client, of: Drained): Promise<boolean> {
  try {
    await client.workflow.start('drainEffects', optionsOf(of));
    return true;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
    throw error;
  }
}

function optionsOf({ connection, tenant }: Drained) {
  const input: DrainEffectsInput = { connection, tenant, idleRounds: 0 };
  return {
    workflowId: drainId(connection, tenant),
    taskQueue: taskQueues.workflow,
    args: [input],
    staticSummary: `Sends what waits for ${connection}`,
  };
}
