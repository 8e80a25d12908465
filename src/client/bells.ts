import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { BatonError } from '../protocol/errors.js';
import { taskQueues } from '../protocol/names.js';
import { type StartPipelineInput, startRun } from './runs.js';

/** A workflow that is to be told that there is something for it. */
export interface RingableBell {
  readonly workflowId: string;
  readonly workflowType: string;
  readonly signal: string | null;
  readonly input: Readonly<Record<string, unknown>>;
}

/** Starts the workflow if need be, and signals it. That it runs or has run already is fine where it is only started. */
export async function ringBell(client: Client, bell: RingableBell): Promise<void> {
  try {
    if (bell.workflowType === 'runPipeline')
      await startRun(client, bell.input as unknown as StartPipelineInput);
    else if (bell.signal === null) await client.workflow.start(bell.workflowType, optionsOf(bell));
    else
      await client.workflow.signalWithStart(bell.workflowType, { ...optionsOf(bell), signal: bell.signal });
  } catch (error) {
    const isThere =
      error instanceof WorkflowExecutionAlreadyStartedError ||
      (error instanceof BatonError && error.error === 'ERR_RUN_TAKEN');
    if (!isThere) throw error;
  }
}

/** What Temporal's Web UI says of each. */
const summaries: Readonly<Record<string, string>> = {
  drainEffects: 'Sends what waits for a connection',
  fulfilOrder: 'What an approved order sets off',
  loadArrivals: 'Loads what has arrived for a table',
  processFile: 'One version of a file of orders',
  triageIncident: 'One incident: its ticket and its thread',
};

function optionsOf({ workflowId, workflowType, input, signal }: RingableBell) {
  return {
    workflowId,
    taskQueue: taskQueues.workflow,
    args: [input],
    staticSummary: summaries[workflowType] ?? workflowType,
    ...(signal === null ? { workflowIdReusePolicy: 'REJECT_DUPLICATE' as const } : {}),
  };
}
