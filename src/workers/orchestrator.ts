import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { Orchestrator } from '../activities/ports.js';
import { ringDrainer } from '../client/drainers.js';

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

    wakeDrain: (connection, tenant) => ringDrainer(client, { connection, tenant }),
  };
}
