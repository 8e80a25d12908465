import { type Client, WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client';
import { BatonError } from '../protocol/errors.js';
import type { BackfillInput, MapTenantsInput } from '../protocol/fan-out.js';
import { everyTenant, priorityOf, runId, taskQueues } from '../protocol/names.js';
import { withinLimit } from '../protocol/payload.js';
import type { RunPipelineInput } from '../protocol/run.js';
import { runAttributes } from '../protocol/search-attributes.js';

/** Starts the workflow of a stored backfill, and leaves alone one that runs. True when it was started. */
export async function startBackfill(client: Client, id: string, summary: string): Promise<boolean> {
  const input: BackfillInput = { id };
  return unlessRunning(
    client.workflow.start('backfill', {
      workflowId: id,
      taskQueue: taskQueues.workflow,
      args: [input],
      staticSummary: summary,
    }),
  );
}

/** Tells a fan-out that its rows have changed. False when it has no workflow that runs. */
export async function tellFanOut(client: Client, id: string): Promise<boolean> {
  try {
    await client.workflow.getHandle(id).signal('fanOutChanged');
    return true;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

/** Starts a run mapped over tenants, or joins the one of that logical time that is under way; ERR_RUN_TAKEN when one has ended. */
export async function startMapped(client: Client, input: MappedRun): Promise<string> {
  const id = runId(input.pipeline, everyTenant, input.logicalTime);
  try {
    await client.workflow.start('mapTenants', {
      ...mapOptions(id, input),
      workflowIdConflictPolicy: 'USE_EXISTING',
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    const detail = `${input.pipeline} already has a run of ${input.logicalTime} for several tenants: ${id}.`;
    throw new BatonError('ERR_RUN_TAKEN', { detail, where: id, cause: error });
  }
  return id;
}

export type MappedRun = MapTenantsInput & { readonly logicalTime: string };

/** Starts another attempt of a mapped run whose row was opened for it. */
export async function startMappedAttempt(client: Client, id: string, input: MappedRun): Promise<boolean> {
  return unlessRunning(
    client.workflow.start('mapTenants', {
      ...mapOptions(id, input),
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    }),
  );
}

function mapOptions(id: string, input: MappedRun) {
  return {
    workflowId: id,
    taskQueue: taskQueues.workflow,
    args: [withinLimit(input, `The input of ${id}`)] as [MapTenantsInput],
    typedSearchAttributes: runAttributes({ ...input, tenant: everyTenant }),
    staticSummary: `${input.pipeline} for each tenant, ${input.logicalTime}`,
  };
}

export type Attempt = RunPipelineInput & { readonly logicalTime: string; readonly attempt: number };

/** Starts another attempt of a run whose row was opened for it. */
export async function startAttempt(client: Client, id: string, input: Attempt): Promise<boolean> {
  return unlessRunning(
    client.workflow.start('runPipeline', {
      workflowId: id,
      taskQueue: taskQueues.workflow,
      args: [withinLimit(input, `The input of ${id}`)],
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      typedSearchAttributes: runAttributes(input),
      priority: { priorityKey: priorityOf[input.class ?? 'live'], fairnessKey: input.tenant },
      staticSummary: `${input.pipeline} for ${input.tenant}, ${input.logicalTime}, attempt ${input.attempt}`,
    }),
  );
}

async function unlessRunning(start: Promise<unknown>): Promise<boolean> {
  try {
    await start;
    return true;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
    throw error;
  }
}
