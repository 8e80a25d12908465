import { activityInfo, Context } from '@temporalio/activity';
import { queueOf } from '../control/arrivals.js';
import { type Batch, hasObject } from '../control/batches.js';
import { manifestOf, placeOf } from '../control/landed.js';
import { type ExtractStep, watermarkOf } from '../domain/plan.js';
import { traitsOf } from '../domain/write.js';
import { type BatchPlace, isOfBatch, writeManifest } from '../lake/parts.js';
import type { ExtractActivities, ExtractResult } from '../protocol/activities.js';
import { BatonError } from '../protocol/errors.js';
import type { Interval } from '../protocol/run.js';
import { acknowledge } from './acknowledge.js';
import { compareStream } from './compare.js';
import { asActivity } from './failure.js';
import { loadLanded } from './load.js';
import { requestClass } from './outage.js';
import type { ActivityDeps } from './ports.js';
import { comparisonOf, lostKeys, replaceLost } from './repairs.js';
import { sweepDeleted } from './sweep-deleted.js';
import { createSyncActivities } from './sync.js';
import { judge, told } from './vendor-failure.js';
import { walkBatch } from './walk.js';

type Input = Parameters<ExtractActivities['extractStream']>[0];

export function createExtractActivities(deps: ActivityDeps): ExtractActivities {
  return {
    /**
     * Walks the stream's window page by page and lands the pages as immutable parts. The checkpoint is the part's
     * row, so that a repeat re-reads at most the pages that were in flight. Idempotent: a batch that is landed
     * answers at once.
     */
    extractStream: (input) =>
      asActivity(deps.log, { run: input.runId, step: input.step.id }, async (signal) => {
        await deps.runs.stepStarted(input.runId, input.step.id, activityInfo().attempt);
        try {
          const batch = await openBatch(deps, input, signal);
          const landed = batch.state === 'landed' ? batch : await walk(deps, input, batch, signal);
          if (input.step.repairs !== undefined) await replaceLost(deps, landed, input.step.repairs);
          if (activityInfo().attempt > 1) await sweepOrphans(deps, input.step, landed);
          const counts = { read: Number(landed.records), pages: Number(landed.pages) };
          await deps.runs.stepCounted(input.runId, input.step.id, counts);
          if (input.step.landing !== undefined) await handToLoader(deps, input, landed);
          return {
            ...(await loadIfFew(deps, input, landed, signal)),
            batchId: landed.batch_id,
            generation: landed.generation,
            pages: Number(landed.pages),
            records: Number(landed.records),
          };
        } catch (error) {
          if (signal.aborted || !(error instanceof BatonError)) throw error;
          throw await judge(deps, input, told(input.step, error));
        }
      }),

    compareStream: (input) => compareStream(deps, input),
    sweepDeleted: (input) => sweepDeleted(deps, input),
    ...createSyncActivities(deps),
    acknowledge: (input) => acknowledge(deps, input),
  };
}

/** Stages and merges what is too little to call anybody for; else the stager that was called has it. */
async function loadIfFew(
  deps: ActivityDeps,
  { step, tenant, ownStaging }: Input,
  batch: Batch,
  signal: AbortSignal,
): Promise<Pick<ExtractResult, 'staged' | 'merged'>> {
  if (ownStaging === undefined || Number(batch.records) > ownStaging.records) return {};
  return loadLanded(deps, { ...ownStaging, batch, step, tenant }, signal);
}

/** Fixes the window: from the watermark less the overlap, to the vendor's own now. Once per run and step. */
async function openBatch(deps: ActivityDeps, input: Input, signal: AbortSignal): Promise<Batch> {
  const { step } = input;
  const known = await deps.batches.find(input.runId, step.id);
  if (known !== null) return known;
  if (step.repairs !== undefined) return openRepair(deps, input, step.repairs);
  const connection = deps.connections.open(step.connection, requestClass());
  const stream = deps.connections.stream(step.connection, step.stream);
  const now = await connection.vendorNow(signal);
  const readsEverything = traitsOf(step.target.write).readsEverything;
  if (input.window !== undefined) return openOwned(deps, input, readsEverything ? null : input.window, now);
  const watermark = await readWatermark(deps, input);
  const fullRefresh = input.fullRefresh || readsEverything;
  const uses = !fullRefresh && stream.mode === 'incremental';
  if (uses && watermark !== null && Date.parse(watermark) > now.getTime() + 300_000)
    throw new BatonError('ERR_CURSOR_INVALID', {
      detail: `The watermark of ${step.connection}.${step.stream} is ${watermark}, later than the vendor's own clock (${now.toISOString()}).`,
    });
  const since = fullRefresh || stream.mode === 'full' || watermark === null ? step.initialValue : watermark;
  const overlapMs = since === watermark && since !== null ? (step.lagMs ?? stream.lagMs) : 0;
  // A vendor's clock that was set back, or is another node's: its overlap counts from what it shows now.
  const begin = Math.min(Date.parse(since ?? ''), now.getTime()) - overlapMs;
  return deps.batches.open({
    ...identityOf(input),
    windowFrom: since === null ? null : new Date(begin).toISOString(),
    windowTo: now.toISOString(),
    watermarkRead: watermark,
    ownsWindow: false,
  });
}

/**
 * The window that the run was given. It must have ended by the vendor's clock: what comes later would be missed.
 * Null where a load replaces its table: there a part of the records would be the end of the others.
 */
async function openOwned(
  deps: ActivityDeps,
  input: Input,
  window: Interval | null,
  now: Date,
): Promise<Batch> {
  const { step } = input;
  if (window !== null && now.getTime() < Date.parse(window.to))
    throw new BatonError('ERR_INTERVAL_OPEN', {
      detail: `The interval of ${step.connection}.${step.stream} ends at ${window.to}; there it is ${now.toISOString()}.`,
      retryAfterMs: Math.min(Date.parse(window.to) - now.getTime() + 1_000, 600_000),
    });
  return deps.batches.open({
    ...identityOf(input),
    windowFrom: window === null ? null : new Date(window.from).toISOString(),
    windowTo: (window === null ? now : new Date(window.to)).toISOString(),
    watermarkRead: null,
    ownsWindow: true,
  });
}

function identityOf({ step, runId, tenant, parameters }: Input) {
  return {
    runId,
    stepId: step.id,
    connection: step.connection,
    stream: step.stream,
    tenant,
    target: step.target.table,
    parameters: { ...step.parameters, ...parameters },
  };
}

/** A repair's window is what was compared. No watermark is read, and none will be moved. */
async function openRepair(deps: ActivityDeps, input: Input, repairs: string): Promise<Batch> {
  const { windowFrom, windowTo } = await comparisonOf(deps.warehouse, input.runId, repairs);
  return deps.batches.open({
    ...identityOf(input),
    windowFrom,
    windowTo,
    watermarkRead: null,
    ownsWindow: true,
  });
}

/**
 * The watermark; of a stream that is loaded apart, how far it is in the lake: what waits there for its load is not
 * read again, and what was refused there is.
 */
async function readWatermark(deps: ActivityDeps, { step, tenant }: Input): Promise<string | null> {
  const { connection, stream, landing, target } = step;
  const name = watermarkOf(step) ?? stream;
  const { value: loaded } = await deps.warehouse.watermark(connection, name, tenant);
  if (landing === undefined) return loaded;
  const landed = await deps.arrivals.landedUntil({ connection, stream, tenant, target: target.table });
  if (landed.again) return landed.until;
  return landed.until === null || (loaded !== null && loaded > landed.until) ? loaded : landed.until;
}

/** The batch has arrived with its closing; the bell only saves the loader a few seconds, so that it fails harms nothing. */
async function handToLoader(deps: ActivityDeps, { runId, step }: Input, batch: Batch): Promise<void> {
  await deps.runs.stepEnded(runId, step.id, 'succeeded', null);
  await deps.orchestrator
    .wakeLoader(queueOf(batch))
    .catch((error: Error) => deps.log.warn({ detail: error.message }, 'the loader could not be woken'));
}

async function walk(deps: ActivityDeps, input: Input, batch: Batch, signal: AbortSignal): Promise<Batch> {
  const { step, runId } = input;
  const place = placeOf(deps.lakeLayout, step, batch);
  const progress = createProgress((counts) => deps.runs.stepCounted(runId, step.id, counts));
  let rung = false;
  const onPart = (total: { records: number; pages: number }) => {
    Context.current().heartbeat(total.pages);
    if (!rung && input.ownStaging !== undefined && total.records > input.ownStaging.records) {
      rung = true;
      void ringStager(deps, input);
    }
    progress.note({ read: total.records, pages: total.pages });
  };
  try {
    await walkBatch(deps, { step, batch, place, signal, onPart });
  } finally {
    await progress.end();
  }
  return close(deps, step, batch, place);
}

/** That nobody could be called costs time only: the workflow calls one when all is landed. */
async function ringStager(deps: ActivityDeps, { runId, step }: Input): Promise<void> {
  await deps.orchestrator
    .stagerWanted(runId, step.id)
    .catch((error: Error) => deps.log.warn({ detail: error.message }, 'the stager could not be called'));
}

/** Shows how far a step is, at most once a second; that it could not be shown harms nothing. */
function createProgress(show: (counts: { read: number; pages: number }) => Promise<unknown>) {
  let shownAt = 0;
  let showing = Promise.resolve();
  return {
    note(counts: { read: number; pages: number }): void {
      if (performance.now() - shownAt < 1_000) return;
      shownAt = performance.now();
      showing = show(counts).then(
        () => {},
        () => {},
      );
    },
    end: () => showing,
  };
}

async function close(deps: ActivityDeps, step: ExtractStep, batch: Batch, place: BatchPlace): Promise<Batch> {
  const parts = (await deps.batches.parts(batch)).filter(hasObject);
  const lost = step.repairs === undefined ? [] : await lostKeys(deps.warehouse, batch.run_id, step.repairs);
  const manifest = { ...manifestOf(batch, step, parts), ...(lost.length === 0 ? {} : { replaces: lost }) };
  // Nothing read, nothing written: a pipeline of every minute would fill the lake with empty batches.
  const landed = await deps.batches.land(
    batch,
    parts.length === 0 ? null : await writeManifest(deps.lake, place, manifest),
    step.landing !== undefined,
  );
  deps.handOver.ring(batch.batch_id);
  return landed;
}

/** What an attempt that was killed had written and not yet recorded; the batch is closed, so nobody will name it. */
async function sweepOrphans(deps: ActivityDeps, step: ExtractStep, batch: Batch): Promise<void> {
  const place = placeOf(deps.lakeLayout, step, batch);
  const named = new Set((await deps.batches.parts(batch)).map((part) => part.key));
  named.add(batch.manifest_key);
  for await (const key of deps.lake.list(`${place.folder}/`))
    if (isOfBatch(place, key) && !named.has(key)) await deps.lake.remove(key);
}
