import {
  type Client,
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
} from '@temporalio/client';
import type { MapTenantsInput } from '../protocol/fan-out.js';
import { priorityOf, runIdPrefix, scheduleId, taskQueues } from '../protocol/names.js';
import type { RunPipelineInput } from '../protocol/run.js';
import { runAttributes } from '../protocol/search-attributes.js';

export interface PipelineSchedule {
  /** Five cron fields, or `@daily` and the like. */
  readonly cron: string;
  /** IANA name. */
  readonly timezone: string;
  /** Whether a new schedule starts out paused; an existing one keeps what a person chose. */
  readonly paused: boolean;
  /** How long after its time a missed run is still started. */
  readonly catchupWindowMs: number;
  /** Of a schedule for all tenants: how its runs are mapped over them. */
  readonly mapped?: { readonly maxParallel: number; readonly toleratedPercent: number };
}

export interface ScheduleView {
  readonly pipeline: string;
  readonly tenant: string;
  readonly id: string;
  readonly paused: boolean;
  readonly note: string | null;
  /** Next start, RFC 3339; null when there is none. */
  readonly nextAt: string | null;
  /** Last start, and the run that it started. */
  readonly lastAt: string | null;
  readonly lastRun: string | null;
}

/** Creates the schedule of a pipeline or brings it up to date; safe to repeat and from several processes. */
export async function ensureSchedule(
  client: Client,
  pipeline: string,
  tenant: string,
  schedule: PipelineSchedule,
): Promise<'created' | 'updated'> {
  const id = scheduleId(pipeline, tenant);
  const definition = {
    spec: { cronExpressions: [schedule.cron], timezone: schedule.timezone },
    action: startAction(pipeline, tenant, schedule.mapped),
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: schedule.catchupWindowMs },
  };
  try {
    await client.schedule.create({ scheduleId: id, ...definition, state: { paused: schedule.paused } });
    return 'created';
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
  }
  await client.schedule.getHandle(id).update(({ state }) => ({ ...definition, state }));
  return 'updated';
}

/** False when there is none. */
export async function removeSchedule(client: Client, pipeline: string, tenant: string): Promise<boolean> {
  try {
    await client.schedule.getHandle(scheduleId(pipeline, tenant)).delete();
    return true;
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return false;
    throw error;
  }
}

/** Temporal appends the time to the workflow id; the workflow reads its logical time from there. */
function startAction(pipeline: string, tenant: string, mapped: PipelineSchedule['mapped']) {
  const run = { pipeline, logicalTime: null, trigger: 'schedule', fullRefresh: false, inputs: {} } as const;
  const whose: RunPipelineInput = { ...run, tenant };
  const all: MapTenantsInput | null = mapped === undefined ? null : { ...run, ...mapped, tenants: 'all' };
  return {
    type: 'startWorkflow' as const,
    workflowType: all === null ? 'runPipeline' : 'mapTenants',
    workflowId: runIdPrefix(pipeline, tenant),
    taskQueue: taskQueues.workflow,
    args: [all ?? whose],
    typedSearchAttributes: runAttributes(whose),
    priority: { priorityKey: priorityOf.live, fairnessKey: tenant },
    staticSummary: `${pipeline} for ${all === null ? tenant : 'each tenant'}, by its schedule`,
  };
}

/** Schedules of pipelines; others in the namespace are passed over. */
export async function listSchedules(client: Client): Promise<readonly ScheduleView[]> {
  const views: ScheduleView[] = [];
  for await (const summary of client.schedule.list()) {
    const [, pipeline, tenant] = /^schedule\/([^/]+)\/([^/]+)$/.exec(summary.scheduleId) ?? [];
    if (pipeline === undefined || tenant === undefined) continue;
    views.push(await describeSchedule(client, pipeline, tenant));
  }
  return views.sort((a, b) => a.id.localeCompare(b.id));
}

export async function describeSchedule(
  client: Client,
  pipeline: string,
  tenant: string,
): Promise<ScheduleView> {
  const id = scheduleId(pipeline, tenant);
  // The list is eventually consistent; the description is not.
  const { state, info } = await client.schedule.getHandle(id).describe();
  const last = info.recentActions.at(-1);
  return {
    pipeline,
    tenant,
    id,
    paused: state.paused,
    note: state.note || null,
    nextAt: (state.paused ? undefined : info.nextActionTimes[0])?.toISOString() ?? null,
    lastAt: last?.takenAt.toISOString() ?? null,
    lastRun: last?.action.workflow.workflowId ?? null,
  };
}
