import { activityInfo } from '@temporalio/activity';
import type { LoadActivities } from '../protocol/activities.js';
import { BatonError } from '../protocol/errors.js';
import type { LoadResult } from '../warehouse/port.js';
import { loadKeyOf, tableOf } from '../warehouse/staged.js';
import { asActivity } from './failure.js';
import { noteLoad } from './note-load.js';
import type { ActivityDeps } from './ports.js';
import { awaitBatch, stageBatch } from './stage.js';

export function createLoadActivities(deps: ActivityDeps): LoadActivities {
  return {
    /**
     * Stages the batch's parts as they land, through map and validation, until its manifest closes it. Each
     * attempt has a staging table of its own, so that a frozen worker that comes back disturbs nobody.
     */
    stageBatch: ({ runId, tenant, step, rangeColumn }) =>
      asActivity(deps.log, { run: runId, step: step.id }, async (signal) => {
        const batch = await awaitBatch(deps, runId, step, signal);
        const attempt = attemptName('a');
        const result = await stageBatch(deps, { batch, step, tenant, attempt, rangeColumn }, signal);
        await deps.runs.stepEnded(runId, step.id, 'succeeded', null);
        return result;
      }),

    /**
     * Merges what was staged, in one fenced transaction. When the warehouse has lost the staging (a crash
     * empties unlogged tables), stages again from the lake first.
     */
    mergeBatch: ({ runId, tenant, step, loadStepId, staging }) =>
      asActivity(deps.log, { run: runId, step: loadStepId }, async (signal) => {
        await deps.runs.stepStarted(runId, loadStepId, activityInfo().attempt);
        const batch = await awaitBatch(deps, runId, step, signal);
        const load = loadKeyOf(batch, step);
        const table = tableOf(deps.connections.stream(step.connection, step.stream), step);
        const records = Number(batch.records);
        const move = { from: batch.watermark_read, to: batch.window_to };
        const warehouse = deps.warehouse.during(signal);
        const merge = (from: string) => warehouse.merge(table, from, load, records, move);
        const restage = async () => {
          const attempt = attemptName('m');
          return (await stageBatch(deps, { batch, step, tenant, attempt, rangeColumn: null }, signal))
            .staging;
        };
        const counts =
          (await deps.warehouse.loadCounts(batch.batch_id, batch.generation)) ??
          (await mergeOrRestage(merge, staging, restage)).counts;
        await noteLoad(deps, batch);
        await deps.runs.stepCounted(runId, loadStepId, {
          loaded: counts.loaded,
          unchanged: counts.unchanged,
          quarantined: counts.quarantined,
        });
        await deps.runs.stepEnded(runId, loadStepId, 'succeeded', null);
        return { loaded: counts.loaded, quarantined: counts.quarantined };
      }),
  };
}

/** Sorts after the names of earlier attempts, and those of the merge after those of staging. */
function attemptName(kind: 'a' | 'm'): string {
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
