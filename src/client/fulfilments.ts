import { type Client, WithStartWorkflowOperation, WorkflowUpdateFailedError } from '@temporalio/client';
import { ApplicationFailure, type Workflow } from '@temporalio/common';
import type { Decision, FulfilmentTurn } from '../protocol/activities.js';
import { BatonError } from '../protocol/errors.js';
import { fulfilmentWorkflowId, taskQueues } from '../protocol/names.js';

/**
 * Decides on an order that waits, and waits until that is noted. Its workflow is started where it does not run: the
 * rows are the truth. ERR_APPROVAL_OVER when nothing waits there any more.
 */
export async function decideFulfilment(
  client: Client,
  id: string,
  decision: Decision,
): Promise<FulfilmentTurn> {
  const start = new WithStartWorkflowOperation('fulfilOrder', {
    workflowId: fulfilmentWorkflowId(id),
    taskQueue: taskQueues.workflow,
    args: [{ id }],
    workflowIdConflictPolicy: 'USE_EXISTING',
  });
  try {
    return await client.workflow.executeUpdateWithStart<Workflow, FulfilmentTurn, [Decision]>('decide', {
      startWorkflowOperation: start,
      args: [decision],
    });
  } catch (error) {
    const isOver =
      error instanceof WorkflowUpdateFailedError &&
      error.cause instanceof ApplicationFailure &&
      error.cause.type === 'ERR_APPROVAL_OVER';
    if (!isOver) throw error;
    throw new BatonError('ERR_APPROVAL_OVER', { detail: `Nothing waits for a decision at ${id}.` });
  }
}
