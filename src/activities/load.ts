import { activityInfo } from '@temporalio/activity';
import type { Batch } from '../control/batches.js';
import type { ExtractStep } from '../domain/plan.js';
import type {
  ExtractResult,
  LoadActivities,
  LoadStepResult,
  OwnStaging,
  StageResult,
} from '../protocol/activities.js';
import { BatonError } from '../protocol/errors.js';
import type { LoadResult } from '../warehouse/port.js';
import { loadKeyOf, tableOf } from '../warehouse/staged.js';
import { asActivity } from './failure.js';
import { followShape } from './follow-shape.js';
import { noteLoad } from './note-load.js';
import type { ActivityDeps } from './ports.js';
import { awaitBatch, type Staging, stageBatch } from './stage.js';

export function createLoadActivities(deps: ActivityDeps): LoadActivities {
  return {
    /**
     * Stages the batch's parts as they land, through map and validation, until its manifest closes it. Each
     * attempt has a staging table of its own, so that a frozen worker that comes back disturbs nobody.
     */
    stageBatch: ({ runId, tenant, step, rangeColumn }) =>
      asActivity(deps.log, { run: runId, step: step.id }, async (signal) => {
        const batch = await awaitBatch(deps, runId, step, signal);
        return stageStep(deps, { batch, step, tenant, attempt: attemptName('a'), rangeColumn }, signal);
      }),

    /**
     * Merges what was staged, in one fenced transaction. When the warehouse has lost the staging (a crash
     * empties unlogged tables), stages again from the lake first.
     */
    mergeBatch: ({ runId, tenant, step, loadStepId, staging }) =>
      asActivity(deps.log, { run: runId, step: loadStepId }, async (signal) => {
        const work = { step, tenant, loadStepId, staging };
        await deps.runs.stepStarted(runId, loadStepId, activityInfo().attempt);
        return mergeStep(deps, { ...work, batch: await awaitBatch(deps, runId, step, signal) }, signal);
      }),
  };
}

/**
 * What an extraction of few records does itself: stages the batch that it has landed, and merges it where a load
 * step is named. What could not be done is left out of the answer and comes again as an activity of its own, where
 * it is retried and told of in its own words.
 */
export async function loadLanded(
  deps: ActivityDeps,
  work: Omit<MergeWork, 'loadStepId' | 'staging'> & OwnStaging,
  signal: AbortSignal,
): Promise<Pick<ExtractResult, 'staged' | 'merged'>> {
  const { batch, step, loadStepId } = work;
  const unless = <T>(doing: Promise<T>) =>
    doing.catch((error: Error) => {
      signal.throwIfAborted();
      deps.log.warn({ run: batch.run_id, step: step.id, detail: error.message }, 'left to the next activity');
      return undefined;
    });
  const staged = await unless(stageStep(deps, { ...work, attempt: attemptName('0') }, signal));
  if (staged === undefined || loadStepId === null) return staged === undefined ? {} : { staged };
  await deps.runs.stepStarted(batch.run_id, loadStepId, 1);
  const merged = await unless(mergeStep(deps, { ...work, loadStepId, staging: staged.staging }, signal));
  return merged === undefined ? { staged } : { staged, merged };
}

async function stageStep(deps: ActivityDeps, work: Staging, signal: AbortSignal): Promise<StageResult> {
  const result = await stageBatch(deps, work, signal);
  await deps.runs.stepStaged(work.batch.run_id, work.step.id, result);
  return result;
}

interface MergeWork {
  readonly batch: Batch;
  readonly step: ExtractStep;
  readonly tenant: string;
  readonly loadStepId: string;
  readonly staging: string;
}

async function mergeStep(deps: ActivityDeps, work: MergeWork, signal: AbortSignal): Promise<LoadStepResult> {
  const { batch, step, tenant, loadStepId } = work;
  const load = loadKeyOf(batch, step);
  const table = tableOf(deps.connections.stream(step.connection, step.stream), step);
  const records = Number(batch.records);
  const move = batch.owns_window ? null : { from: batch.watermark_read, to: batch.window_to };
  const warehouse = deps.warehouse.during(signal);
  const merge = (from: string) => warehouse.merge(table, from, load, records, move);
  const restage = async () => {
    const attempt = attemptName('m');
    return (await stageBatch(deps, { batch, step, tenant, attempt, rangeColumn: null }, signal)).staging;
  };
  const counts =
    (await deps.warehouse.loadCounts(batch.batch_id, batch.generation)) ??
    (await mergeOrRestage(merge, work.staging, restage)).counts;
  await noteLoad(deps, batch);
  await followShape(deps, table, load, signal);
  const { loaded, unchanged, quarantined } = counts;
  await deps.runs.stepCounted(batch.run_id, loadStepId, { loaded, unchanged, quarantined });
  await deps.runs.stepEnded(batch.run_id, loadStepId, 'succeeded', null);
  return { loaded, quarantined };
}

/** Sorts after the names of earlier attempts: an extraction's own staging, that of a stager, that of a merge. */
function attemptName(kind: '0' | 'a' | 'm'): string {
  const { attempt, workflowExecution } = activityInfo();
  return `${kind}${String(attempt).padStart(5, '0')}_${workflowExecution?.runId.slice(-4) ?? ''}`;
}

async function mergeOrRestage(
  merge: (staging: string) => Promise<LoadResult>,
  staging: string,
  restage: () => Promise<string>,
): Promise<LoadResult> {
  try {
    return await merge(staging);
  } catch (error) {
    if (!lostStaging(error)) throw error;
    return merge(await restage());
  }
}

/** The staging is short of records, or (after a crash, or dropped by a later attempt) not there at all. */
function lostStaging(error: unknown): boolean {
  if (!(error instanceof BatonError)) return false;
  if (error.error === 'ERR_STAGING_LOST') return true;
  return (error.options.cause as { code?: string } | undefined)?.code === '42P01';
}
