import { setTimeout as sleep } from 'node:timers/promises';
import { activityInfo } from '@temporalio/activity';
import type { Stream } from '../connectors/port.js';
import type { Batch, Part } from '../control/batches.js';
import type { ExtractStep } from '../domain/plan.js';
import { readManifest, readPart } from '../lake/parts.js';
import type { LoadActivities, StageResult } from '../protocol/activities.js';
import { BatonError } from '../protocol/errors.js';
import type { LoadKey, LoadResult, TableSpec } from '../warehouse/port.js';
import { loadKeyOf, tableOf, toStaged } from '../warehouse/staged.js';
import { asActivity, handBackIfStopping } from './failure.js';
import type { ActivityDeps } from './ports.js';

/** How often landed parts are looked for while extraction goes on. */
const pollMs = 100;
/** Records per COPY. */
const copyRecords = 5_000;

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
        const result = await stageAll(deps, { batch, step, tenant, attempt, rangeColumn }, signal);
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
        const load = loadKeyOf(batch);
        const table = tableOf(deps.connections.stream(step.connection, step.stream), step);
        const records = Number(batch.records);
        const move = { from: batch.watermark_read, to: batch.window_to };
        const merge = (from: string) => deps.warehouse.merge(table, from, load, records, move);
        const restage = async () => {
          const attempt = attemptName('m');
          return (await stageAll(deps, { batch, step, tenant, attempt, rangeColumn: null }, signal)).staging;
        };
        const counts =
          (await deps.warehouse.loadCounts(batch.batch_id, batch.generation)) ??
          (await mergeOrRestage(merge, staging, restage)).counts;
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

/** The step's batch, once its extraction has opened it. */
async function awaitBatch(
  deps: ActivityDeps,
  runId: string,
  step: ExtractStep,
  signal: AbortSignal,
): Promise<Batch> {
  for (const since = Date.now(); ; ) {
    handBackIfStopping(deps.stopping);
    const batch = await deps.batches.find(runId, step.id);
    if (batch !== null) return batch;
    if (Date.now() - since > deps.stagingIdleMs) throw stillExtracting(deps, step);
    await sleep(pollMs, undefined, { signal });
  }
}

/** Gives the slot back while a vendor keeps us waiting; no failure, so it uses up nothing. */
function stillExtracting(deps: ActivityDeps, step: ExtractStep): BatonError {
  return new BatonError('ERR_SOURCE_TIMEOUT', {
    detail: `${step.title} has landed nothing new for ${deps.stagingIdleMs / 1000} s; staging goes on when it does.`,
    retryAfterMs: 15_000,
  });
}

interface Staging {
  readonly batch: Batch;
  readonly step: ExtractStep;
  readonly tenant: string;
  readonly attempt: string;
  readonly rangeColumn: string | null;
}

async function stageAll(deps: ActivityDeps, work: Staging, signal: AbortSignal): Promise<StageResult> {
  const { step } = work;
  const table = tableOf(deps.connections.stream(step.connection, step.stream), step);
  const stream = deps.connections.stream(step.connection, step.stream);
  const load = loadKeyOf(work.batch);
  const staging = await deps.warehouse.openStaging(table, load, work.attempt);
  let batch = work.batch;
  let done = 0;
  let records = 0;
  for (let idleSince = Date.now(); ; ) {
    signal.throwIfAborted();
    handBackIfStopping(deps.stopping);
    // The state is read before the parts: when it says landed, the parts read afterwards are all of them.
    batch = (await deps.batches.find(batch.run_id, batch.step_id)) ?? batch;
    const parts = await deps.batches.parts(batch, done);
    for (const part of parts) {
      records += await stagePart(deps, { table, staging, load, stream, part, parameters: batch.parameters });
      done = part.ordinal;
      signal.throwIfAborted();
      handBackIfStopping(deps.stopping);
    }
    if (parts.length > 0) idleSince = Date.now();
    else if (batch.state === 'landed') break;
    else if (Date.now() - idleSince > deps.stagingIdleMs) throw stillExtracting(deps, step);
    else await sleep(pollMs, undefined, { signal });
  }
  await assertManifest(deps, batch, records);
  const range =
    work.rangeColumn === null ? null : await deps.warehouse.stagedRange(staging, work.rangeColumn, records);
  return { staging, records, range };
}

async function assertManifest(deps: ActivityDeps, batch: Batch, records: number): Promise<void> {
  if (batch.manifest_key === null || batch.manifest_sha256 === null) return;
  const manifest = await readManifest(deps.lake, batch.manifest_key, batch.manifest_sha256);
  if (manifest.records !== records)
    throw new BatonError('ERR_STAGING_LOST', {
      detail: `${records} records of batch ${batch.batch_id} are staged, its manifest names ${manifest.records}.`,
    });
}

async function stagePart(
  deps: ActivityDeps,
  work: {
    table: TableSpec;
    staging: string;
    load: LoadKey;
    stream: Stream;
    part: Part;
    parameters: Readonly<Record<string, string>>;
  },
): Promise<number> {
  const lines = await readPart(deps.lake, work.part);
  const staged = lines.map((raw, index) =>
    toStaged(work.stream, raw, work.part.ordinal, index + 1, work.parameters),
  );
  for (let start = 0; start < staged.length; start += copyRecords)
    await deps.warehouse.stage(work.table, work.staging, work.load, staged.slice(start, start + copyRecords));
  return staged.length;
}
