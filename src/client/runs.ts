import { type Client, WorkflowExecutionAlreadyStartedError, WorkflowFailedError } from '@temporalio/client';
import { BatonError } from '../protocol/errors.js';
import { priorityOf, runId, type Trigger, taskQueues, toLogicalTime } from '../protocol/names.js';
import { withinLimit } from '../protocol/payload.js';
import type { RunPipelineInput, RunResult } from '../protocol/run.js';
import {
  logicalTimeKey,
  pipelineKey,
  runAttributes,
  tenantKey,
  triggerKey,
} from '../protocol/search-attributes.js';
import { runFailure } from './failures.js';

export interface StartPipelineInput {
  readonly pipeline: string;
  /** `default` when not given. */
  readonly tenant?: string;
  /** Names the run: one logical time is one run. Now, when not given. A date means midnight UTC. */
  readonly logicalTime?: Date | string;
  /** Reads everything again instead of what changed since the last run. */
  readonly fullRefresh?: boolean;
  readonly inputs?: Readonly<Record<string, string>>;
  /** What started it; `api` when not given. */
  readonly trigger?: Trigger;
}

/** Temporal's word on a run; its steps and counts are in its progress and its result. */
export interface RunDescription {
  readonly id: string;
  readonly pipeline: string | null;
  readonly tenant: string | null;
  readonly trigger: string | null;
  readonly logicalTime: string | null;
  readonly status: 'running' | 'completed' | 'failed' | 'cancelled' | 'terminated' | 'timed_out' | 'unknown';
  readonly startedAt: string;
  readonly endedAt: string | null;
  readonly summary: string | null;
}

export interface StartedRun extends RunPipelineInput {
  readonly id: string;
  readonly logicalTime: string;
}

/** Starts the run, or joins the one of that logical time that is under way; ERR_RUN_TAKEN when one has ended. */
export async function startRun(client: Client, input: StartPipelineInput): Promise<StartedRun> {
  const run: RunPipelineInput & { logicalTime: string } = {
    pipeline: input.pipeline,
    tenant: input.tenant ?? 'default',
    logicalTime: normalLogicalTime(input.logicalTime ?? new Date()),
    trigger: input.trigger ?? 'api',
    fullRefresh: input.fullRefresh ?? false,
    inputs: input.inputs ?? {},
  };
  const id = runId(run.pipeline, run.tenant, run.logicalTime);
  try {
    await client.workflow.start('runPipeline', {
      workflowId: id,
      taskQueue: taskQueues.workflow,
      args: [withinLimit(run, `The input of ${id}`)],
      workflowIdConflictPolicy: 'USE_EXISTING',
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      typedSearchAttributes: runAttributes(run),
      staticSummary: `${run.pipeline} for ${run.tenant}, ${run.logicalTime}`,
      priority: { priorityKey: priorityOf.live, fairnessKey: run.tenant },
      staticDetails: `Started ${run.trigger === 'manual' ? 'by hand' : `by ${run.trigger}`}${run.fullRefresh ? ', full refresh' : ''}.`,
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    const detail = `${run.pipeline} already has a run of ${run.logicalTime} for ${run.tenant}: ${id}.`;
    throw new BatonError('ERR_RUN_TAKEN', { detail, where: id, cause: error });
  }
  return { ...run, id };
}

const accepted = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2}))?$/;

/** RFC 3339 in UTC to the second; a date is its midnight. Throws ERR_USAGE for anything else. */
export function normalLogicalTime(value: Date | string): string {
  const time = value instanceof Date ? value : new Date(accepted.test(value) ? value : Number.NaN);
  if (!Number.isNaN(time.getTime())) return toLogicalTime(time);
  throw new BatonError('ERR_USAGE', {
    detail: `"${String(value)}" is no time. Give a date (2026-01-31) or a time with its zone (2026-01-31T06:00:00Z).`,
  });
}

const statuses: Readonly<Record<string, RunDescription['status']>> = {
  RUNNING: 'running',
  COMPLETED: 'completed',
  FAILED: 'failed',
  CANCELLED: 'cancelled',
  TERMINATED: 'terminated',
  TIMED_OUT: 'timed_out',
};

export async function describeRun(client: Client, id: string): Promise<RunDescription> {
  const found = await client.workflow.getHandle(id).describe();
  const attributes = found.typedSearchAttributes;
  const logicalTime = attributes.get(logicalTimeKey);
  return {
    id: found.workflowId,
    pipeline: attributes.get(pipelineKey) ?? null,
    tenant: attributes.get(tenantKey) ?? null,
    trigger: attributes.get(triggerKey) ?? null,
    logicalTime: logicalTime === undefined ? null : toLogicalTime(logicalTime),
    status: statuses[found.status.name] ?? 'unknown',
    startedAt: found.startTime.toISOString(),
    endedAt: found.closeTime?.toISOString() ?? null,
    summary: (await found.staticSummary()) ?? null,
  };
}

/** Waits for the end. Throws what the run failed with. */
export async function runResult(client: Client, id: string): Promise<RunResult> {
  try {
    return (await client.workflow.getHandle(id).result()) as RunResult;
  } catch (error) {
    throw error instanceof WorkflowFailedError ? runFailure(id, error) : error;
  }
}
