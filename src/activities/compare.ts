import { activityInfo, Context } from '@temporalio/activity';
import type { Stream } from '../connectors/port.js';
import type { CompareStep } from '../domain/plan.js';
import type { CompareResult, ExtractActivities } from '../protocol/activities.js';
import { BatonError } from '../protocol/errors.js';
import type { Comparison, ComparisonKey, LostObject } from '../warehouse/port.js';
import { tableOf } from '../warehouse/staged.js';
import { asActivity, handBackIfStopping } from './failure.js';
import { requestClass } from './outage.js';
import type { ActivityDeps } from './ports.js';
import { judge, told } from './vendor-failure.js';
import { patiently } from './walk.js';

type Input = Parameters<ExtractActivities['compareStream']>[0];

/**
 * Lists the vendor's keys page by page, looks which objects the lake has lost, and compares both with the warehouse.
 * Each page is kept together with where listing goes on, so that a repeat lists at most one page again.
 */
export function compareStream(deps: ActivityDeps, input: Input): Promise<CompareResult> {
  const { runId, step } = input;
  return asActivity(deps.log, { run: runId, step: step.id }, async (signal) => {
    await deps.runs.stepStarted(runId, step.id, activityInfo().attempt);
    try {
      const stream = deps.connections.stream(step.connection, step.stream);
      const comparison = await listKeys(deps, input, stream, await open(deps, input, stream, signal), signal);
      const table = tableOf(stream, step);
      const key = { runId, stepId: step.id };
      const lost = await lostObjects(deps, input, comparison);
      const found = await deps.warehouse.during(signal).comparisons.compare(key, table, lost);
      const { missing, older, lost: unlanded } = found;
      await deps.runs.stepCounted(runId, step.id, {
        listed: comparison.listed,
        missing,
        older,
        'lost in the lake': unlanded,
      });
      await deps.runs.stepEnded(runId, step.id, 'succeeded', null);
      return { listed: comparison.listed, differing: missing + older + unlanded };
    } catch (error) {
      if (signal.aborted || !(error instanceof BatonError)) throw error;
      throw await judge(deps, input, told(step, error));
    }
  });
}

/** Fixes the window, once: it ends shortly before the vendor's own now, since what is younger may be committed late. */
async function open(
  deps: ActivityDeps,
  { runId, tenant, step }: Input,
  stream: Stream,
  signal: AbortSignal,
): Promise<Comparison> {
  const key = { runId, stepId: step.id };
  await deps.warehouse.comparisons.prepare(tableOf(stream, step));
  const known = await deps.warehouse.comparisons.find(key);
  if (known !== null) return known;
  const connection = deps.connections.open(step.connection, requestClass());
  const now = (await patiently(() => connection.vendorNow(signal), signal)).getTime();
  const since = step.sinceMs === null ? null : new Date(now - step.sinceMs).toISOString();
  const { initialValue } = step;
  const opened = await deps.warehouse.comparisons.open(key, {
    target: step.target.table,
    tenant,
    source: step.connection,
    stream: step.stream,
    windowFrom: initialValue !== null && (since === null || initialValue > since) ? initialValue : since,
    windowTo: new Date(now - (step.lagMs ?? stream.lagMs)).toISOString(),
  });
  for (const name of [step.watermark, ...(step.otherWatermarks ?? [])]) {
    const { value } = await deps.warehouse.watermark(step.connection, name, tenant);
    if (value !== null) return opened;
  }
  // Nothing was loaded yet: all of it would be lacking, and is the pipeline's own first run.
  await deps.warehouse.comparisons.keepPage(key, null, { keys: [], next: null, calls: 0 });
  return (await deps.warehouse.comparisons.find(key)) ?? opened;
}

/** Answers the comparison with all keys listed. */
async function listKeys(
  deps: ActivityDeps,
  { runId, step }: Input,
  stream: Stream,
  opened: Comparison,
  signal: AbortSignal,
): Promise<Comparison> {
  const { keys } = stream;
  if (keys === undefined)
    throw new BatonError('ERR_INTERNAL', { detail: `${stream.name} cannot list its keys.` });
  const connection = deps.connections.open(step.connection, requestClass());
  const { comparisons } = deps.warehouse;
  const key: ComparisonKey = { runId, stepId: step.id };
  const window = { from: opened.windowFrom, to: opened.windowTo };
  let comparison = opened;
  while (!comparison.isListed) {
    signal.throwIfAborted();
    handBackIfStopping(deps.stopping);
    const { cursor, calls } = comparison;
    if (step.maxCalls !== undefined && calls >= step.maxCalls) throw beyondBudget(step, step.maxCalls);
    const page = await patiently(() => keys.list(connection, window, cursor, { signal }), signal);
    if (!(await comparisons.keepPage(key, cursor, page)))
      throw new BatonError('ERR_BATCH_TAKEN', {
        detail: `Another worker went on comparing ${step.stream} while this one was away.`,
        retryable: true,
      });
    comparison = (await comparisons.find(key)) ?? comparison;
    Context.current().heartbeat(comparison.listed);
    await deps.runs.stepCounted(runId, step.id, { listed: comparison.listed });
  }
  return comparison;
}

export function beyondBudget(
  { connection, stream }: Pick<CompareStep, 'connection' | 'stream'>,
  maxCalls: number,
): BatonError {
  return new BatonError('ERR_SWEEP_BUDGET', {
    detail: `${connection}.${stream} needs more than the ${maxCalls} calls that the sweep may take.`,
  });
}

/** Objects of the window's batches that the lake does not have any more. A batch that nothing closes has lost them all. */
async function lostObjects(
  deps: ActivityDeps,
  { tenant, step }: Input,
  { windowFrom }: Comparison,
): Promise<readonly LostObject[]> {
  const objects = await deps.batches.landedObjects({
    connection: step.connection,
    stream: step.stream,
    tenant,
    target: step.target.table,
    since: windowFrom,
  });
  const folders = new Set(objects.map(({ key }) => key.slice(0, key.lastIndexOf('/') + 1)));
  const there = new Set<string>();
  for (const folder of folders) for await (const key of deps.lake.list(folder)) there.add(key);
  return objects
    .filter(({ key, manifest_key }) => !there.has(key) || !there.has(manifest_key))
    .map(({ key, batch, ordinal }) => ({ key, batch, ordinal }));
}
