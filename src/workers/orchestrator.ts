import { type Client, WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client';
import type { Orchestrator } from '../activities/ports.js';
import type { DrainEffectsInput } from '../protocol/activities.js';
import { drainId, taskQueues } from '../protocol/names.js';

/** What activities ask of Temporal, over its client. */
export function createOrchestrator(client: Client): Orchestrator {
  return {
    async isRunning(workflowId, temporalRunId) {
      try {
        const { status } = await client.workflow.getHandle(workflowId, temporalRunId).describe();
        return status.name === 'RUNNING';
      } catch (error) {
        return !(error instanceof WorkflowNotFoundError);
      }
    },

    async slotFreed(runId) {
      await client.workflow
        .getHandle(runId)
        .signal('slotFreed')
        .catch((error: unknown) => {
          if (!(error instanceof WorkflowNotFoundError)) throw error;
        });
    },

    async wakeDrain(connection, tenant) {
      const input: DrainEffectsInput = { connection, tenant, idleRounds: 0 };
      await client.workflow
        .signalWithStart('drainEffects', {
          workflowId: drainId(connection, tenant),
          taskQueue: taskQueues.workflow,
          args: [input],
          signal: 'effectsParked',
          staticSummary: `Sends what waits for ${connection}`,
        })
        .catch((error: unknown) => {
          if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
        });
    },
  };
}
