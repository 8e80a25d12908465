import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { Orchestrator } from '../activities/ports.js';
import { ringDrainer } from '../client/drainers.js';
import { callTemporal } from '../client/failures.js';
import { ringLoader, startLoader } from '../client/loaders.js';

/**
 * What activities ask of Temporal at this address, over its client. Throws ERR_TEMPORAL_UNAVAILABLE while the
 * server is away, which is tried again; ERR_TEMPORAL_REFUSED.
 */
export function createOrchestrator(client: Client, address: string): Orchestrator {
  /** One that has ended needs no signal. */
  const signalRun = (runId: string, doing: string, signal: string, ...args: readonly string[]) =>
    callTemporal(address, doing, () => unlessGone(client.workflow.getHandle(runId).signal(signal, ...args)));

  return {
    async isRunning(workflowId, temporalRunId) {
      try {
        const { status } = await client.workflow.getHandle(workflowId, temporalRunId).describe();
        return status.name === 'RUNNING';
      } catch (error) {
        return !(error instanceof WorkflowNotFoundError);
      }
    },

    slotFreed: (runId) => signalRun(runId, 'waking the next run', 'slotFreed'),

    stagerWanted: (runId, stepId) => signalRun(runId, 'calling a stager', 'stagerWanted', stepId),

    fanOutChanged: (workflowId) => signalRun(workflowId, 'telling of a run’s end', 'fanOutChanged'),

    cancelRun: (runId) =>
      callTemporal(address, 'cancelling a run', () => unlessGone(client.workflow.getHandle(runId).cancel())),

    wakeDrain: (connection, tenant) =>
      callTemporal(address, `waking the drainer of ${connection}`, () =>
        ringDrainer(client, { connection, tenant }),
      ),

    wakeLoader: (queue) =>
      callTemporal(address, `waking the loader of ${queue.target}`, () => ringLoader(client, queue)),

    startLoader: (queue) =>
      callTemporal(address, `starting the loader of ${queue.target}`, async () => {
        await startLoader(client, queue);
      }),
  };
}

async function unlessGone(call: Promise<unknown>): Promise<void> {
  await call.catch((error: unknown) => {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  });
}
