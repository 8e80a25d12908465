import { type ApplicationFailure, activityInfo, Context } from '@temporalio/activity';
import { queueOf } from '../control/arrivals.js';
import { type Batch, hasObject } from '../control/batches.js';
import { manifestOf, placeOf } from '../control/landed.js';
import type { ExtractStep, RetryPolicy } from '../domain/plan.js';
import { redact } from '../domain/secret.js';
import { traitsOf } from '../domain/write.js';
import { type BatchPlace, isOfBatch, writeManifest } from '../lake/parts.js';
import type { ExtractActivities, ExtractResult } from '../protocol/activities.js';
import { BatonError } from '../protocol/errors.js';
import { sendAlerts } from './alerts.js';
import { asActivity, toFailure } from './failure.js';
import { loadLanded } from './load.js';
import { alertOutage, heldBack, outageOf, requestClass } from './outage.js';
import type { ActivityDeps } from './ports.js';
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
  const { step, tenant } = input;
  const known = await deps.batches.find(input.runId, step.id);
  if (known !== null) return known;
  const connection = deps.connections.open(step.connection, requestClass());
  const stream = deps.connections.stream(step.connection, step.stream);
  const now = await connection.vendorNow(signal);
  const watermark = await readWatermark(deps, input);
  const fullRefresh = input.fullRefresh || traitsOf(step.target.write).readsEverything;
  const uses = !fullRefresh && stream.mode === 'incremental';
  if (uses && watermark !== null && Date.parse(watermark) > now.getTime() + 300_000)
    throw new BatonError('ERR_CURSOR_INVALID', {
      detail: `The watermark of ${step.connection}.${step.stream} is ${watermark}, later than the vendor's own clock (${now.toISOString()}).`,
    });
  const since = fullRefresh || stream.mode === 'full' || watermark === null ? step.initialValue : watermark;
  const overlapMs = since === watermark && since !== null ? (step.lagMs ?? stream.lagMs) : 0;
  const from = since === null ? null : new Date(Date.parse(since) - overlapMs).toISOString();
  return deps.batches.open({
    runId: input.runId,
    stepId: step.id,
    connection: step.connection,
    stream: step.stream,
    tenant,
    target: step.target.table,
    windowFrom: from,
    windowTo: now.toISOString(),
    watermarkRead: watermark,
    parameters: { ...step.parameters, ...input.parameters },
  });
}

/**
 * The watermark; of a stream that is loaded apart, how far it is in the lake: what waits there for its load is not
 * read again, and what was refused there is.
 */
async function readWatermark(deps: ActivityDeps, { step, tenant }: Input): Promise<string | null> {
  const { connection, stream, landing, target } = step;
  const name = landing?.watermark ?? stream;
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

/**
 * The error as it may be stored and shown. Paginators know their stream but not the connection that it is read
 * from; a connection takes its own secrets out of a vendor's words, but not those of the others.
 */
function told(step: Input['step'], error: BatonError): BatonError {
  const isStreams = error.message.startsWith(`${step.stream}: `);
  const detail = redact(isStreams ? `${step.connection}.${error.message}` : error.message);
  return new BatonError(error.error, { ...error.options, detail });
}

async function close(deps: ActivityDeps, step: ExtractStep, batch: Batch, place: BatchPlace): Promise<Batch> {
  const parts = (await deps.batches.parts(batch)).filter(hasObject);
  // Nothing read, nothing written: a pipeline of every minute would fill the lake with empty batches.
  const landed = await deps.batches.land(
    batch,
    parts.length === 0 ? null : await writeManifest(deps.lake, place, manifestOf(batch, step, parts)),
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

/**
 * The user's `retries` count the vendor's failures only, since the last progress; being asked to wait is no
 * failure, and neither is being held back while the vendor is down. The last one does not retry.
 */
async function judge(deps: ActivityDeps, input: Input, error: BatonError): Promise<ApplicationFailure> {
  const { step, runId } = input;
  const outage = isOutage(error) ? await outageOf(deps.connections.open(step.connection)) : null;
  if (outage !== null) {
    const parked = heldBack(step.connection, outage);
    await deps.runs.stepEnded(runId, step.id, 'retrying', parked.message);
    await alertOutage(deps, step.connection, outage, input);
    return toFailure(parked);
  }
  if (error.options.vendor !== true || !error.retryable) {
    if (error.retryable) await deps.runs.stepEnded(runId, step.id, 'retrying', error.message);
    return toFailure(error);
  }
  const asked = error.options.retryAfterMs;
  if (error.error === 'ERR_SOURCE_RATE_LIMITED') {
    const waitMs = asked ?? 30_000;
    await deps.runs.stepEnded(
      runId,
      step.id,
      'retrying',
      `${error.message} Going on in ${Math.ceil(waitMs / 1000)} s.`,
    );
    return toFailure(error, { nextRetryDelayMs: waitMs });
  }
  const failures = await deps.runs.countVendorFailure(runId, step.id);
  if (failures > step.retry.retries) return toFailure(error, { nonRetryable: true });
  const delayMs = asked ?? backoff(step.retry, failures);
  const detail = `${error.message} Retry ${failures} of ${step.retry.retries} in ${Math.ceil(delayMs / 1000)} s.`;
  await deps.runs.stepEnded(runId, step.id, 'retrying', detail);
  await sendAlerts(deps, deps.alerts.on_retry, {
    runId,
    tenant: input.tenant,
    cause: `run:${runId}`,
    action: 'retry',
    ordinal: `${step.id}.${failures}`,
    severity: 'warning',
    title: `${step.title}: retry ${failures} of ${step.retry.retries}`,
    text: detail,
  });
  return toFailure(error, { nextRetryDelayMs: delayMs });
}

/** Whether it may be that the vendor is down as a whole. */
function isOutage({ error }: BatonError): boolean {
  return (
    error === 'ERR_BREAKER_OPEN' ||
    error === 'ERR_SOURCE_UNREACHABLE' ||
    error === 'ERR_SOURCE_TIMEOUT' ||
    error === 'ERR_SOURCE_UNAVAILABLE'
  );
}

/** delay, 2 × delay, 4 × delay … up to the longest. */
export function backoff(retry: RetryPolicy, failures: number): number {
  return Math.min(retry.delayMs * 2 ** (failures - 1), retry.maxDelayMs);
}
