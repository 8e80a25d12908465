import type { Arrival } from '../control/arrivals.js';
import { type Batch, runOf } from '../control/batches.js';
import { eventStep, eventsStepId } from '../domain/event-step.js';
import { fileStep, fileStepId } from '../domain/file-step.js';
import type { ExtractStep } from '../domain/plan.js';
import { BatonError } from '../protocol/errors.js';
import type { LoadKey, WatermarkMove } from '../warehouse/port.js';
import { batchLabel, loadKeyOf, tableOf } from '../warehouse/staged.js';
import { followShape } from './follow-shape.js';
import type { LoadedArrival } from './load-arrived.js';
import { noteLoad } from './note-load.js';
import type { ActivityDeps } from './ports.js';
import { stageBatch } from './stage.js';

export interface LoadWork {
  /** Names the staging of this attempt. */
  readonly attempt: string;
  readonly signal: AbortSignal;
}

/** Stages and merges a closed batch as its run's plan has it. A batch that is merged answers its stored counts. */
export async function loadArrivedBatch(
  deps: ActivityDeps,
  arrival: Arrival,
  { attempt, signal }: LoadWork,
): Promise<LoadedArrival> {
  const { batch, step } = await batchOf(deps, arrival);
  const load = loadKeyOf(batch, step);
  const stored = await deps.warehouse.loadCounts(load.batchId, load.generation);
  if (stored !== null) {
    await noteLoad(deps, batch);
    return { load: batchLabel(load), counts: stored };
  }
  const { tenant } = arrival;
  const staged = await stageBatch(deps, { batch, step, tenant, attempt, rangeColumn: null }, signal);
  const table = tableOf(deps.connections.stream(step.connection, step.stream), step);
  const move = await moveOf(deps, batch, load);
  const warehouse = deps.warehouse.during(signal);
  const { counts } = await warehouse.merge(table, staged.staging, load, staged.records, move);
  await noteLoad(deps, batch);
  await followShape(deps, table, load, signal);
  return { load: batchLabel(load), counts };
}

async function batchOf(deps: ActivityDeps, arrival: Arrival): Promise<{ batch: Batch; step: ExtractStep }> {
  const batch = await deps.batches.of(arrival.batch_id ?? '', arrival.generation ?? 0);
  if (batch?.step_id === fileStepId)
    return { batch, step: fileStep(batch.connection, batch.target as `raw.${string}`) };
  if (batch?.step_id === eventsStepId)
    return { batch, step: eventStep(batch.connection, batch.target as `raw.${string}`) };
  const plan = batch === null ? null : await deps.runs.planOf(runOf(batch));
  const step = plan?.steps.find((candidate) => candidate.id === batch?.step_id);
  if (batch !== null && step?.kind === 'extract') return { batch, step };
  throw new BatonError('ERR_LAKE_OBJECT_UNREADABLE', {
    detail: `The plan that says how batch ${arrival.batch_id}.${arrival.generation} is loaded is not stored any more.`,
  });
}

/**
 * The watermark moves to the end of the batch's window when all before it is loaded: never over a batch that was
 * refused, never back.
 */
async function moveOf(deps: ActivityDeps, batch: Batch, load: LoadKey): Promise<WatermarkMove | null> {
  if (batch.owns_window) return null;
  const { value: from } = await deps.warehouse.watermark(load.connection, load.stream, load.tenant);
  const isFirst = from === null && batch.watermark_read === null;
  const isNext = batch.window_from === null || (from !== null && batch.window_from <= from);
  const isForward = from === null || batch.window_to > from;
  return (isFirst || isNext) && isForward ? { from, to: batch.window_to } : null;
}
