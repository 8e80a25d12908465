import { setTimeout as sleep } from 'node:timers/promises';
import { type ApplicationFailure, activityInfo, Context } from '@temporalio/activity';
import type { Cursor, Page, Window } from '../connectors/port.js';
import type { Batch } from '../control/batches.js';
import type { RetryPolicy } from '../domain/plan.js';
import { redact } from '../domain/secret.js';
import { batchFolder, landPart, writeManifest } from '../lake/parts.js';
import type { ExtractActivities } from '../protocol/activities.js';
import { BatonError } from '../protocol/errors.js';
import { sendAlerts } from './alerts.js';
import { asActivity, handBackIfStopping, toFailure } from './failure.js';
import type { ActivityDeps } from './ports.js';

/** A vendor's wish to wait up to this long is granted in place; a longer one frees the slot meanwhile. */
const waitInPlaceMs = 5_000;

type Input = Parameters<ExtractActivities['extractStream']>[0];

export function createExtractActivities(deps: ActivityDeps): ExtractActivities {
  return {
    /**
     * Walks the stream's window page by page and lands each page as one immutable part. The checkpoint is the
     * part's row, so that a repeat re-reads at most the page that was in flight. Idempotent: a batch that is
     * landed answers at once.
     */
    extractStream: (input) =>
      asActivity(deps.log, { run: input.runId, step: input.step.id }, async (signal) => {
        await deps.runs.stepStarted(input.runId, input.step.id, activityInfo().attempt);
        try {
          const batch = await openBatch(deps, input, signal);
          const landed = batch.state === 'landed' ? batch : await walk(deps, input, batch, signal);
          const counts = { read: Number(landed.records), pages: Number(landed.pages) };
          await deps.runs.stepCounted(input.runId, input.step.id, counts);
          return {
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

/** Fixes the window: from the watermark less the overlap, to the vendor's own now. Once per run and step. */
async function openBatch(deps: ActivityDeps, input: Input, signal: AbortSignal): Promise<Batch> {
  const { step, tenant } = input;
  const known = await deps.batches.find(input.runId, step.id);
  if (known !== null) return known;
  const connection = deps.connections.open(step.connection);
  const stream = deps.connections.stream(step.connection, step.stream);
  const now = await connection.vendorNow(signal);
  const { value: watermark } = await deps.warehouse.watermark(step.connection, step.stream, tenant);
  const uses = !input.fullRefresh && stream.mode === 'incremental';
  if (uses && watermark !== null && Date.parse(watermark) > now.getTime() + 300_000)
    throw new BatonError('ERR_CURSOR_INVALID', {
      detail: `The watermark of ${step.connection}.${step.stream} is ${watermark}, later than the vendor's own clock (${now.toISOString()}).`,
    });
  const since =
    input.fullRefresh || stream.mode === 'full' || watermark === null ? step.initialValue : watermark;
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

async function walk(deps: ActivityDeps, input: Input, batch: Batch, signal: AbortSignal): Promise<Batch> {
  const { step } = input;
  const connection = deps.connections.open(step.connection);
  const stream = deps.connections.stream(step.connection, step.stream);
  const window: Window = { from: batch.window_from, to: batch.window_to };
  const folder = folderOf(deps, batch);
  const parts = await deps.batches.parts(batch);
  const last = parts.at(-1);
  let ordinal = parts.length;
  let records = parts.reduce((sum, part) => sum + part.records, 0);
  let cursor: Cursor | null = null;
  let done = false;
  if (last !== undefined) {
    done = last.cursorAfter === null;
    if (!done) cursor = stream.checkCursor(last.cursorAfter, window);
  }
  const seen = new Set(parts.map((part) => JSON.stringify(part.cursorAfter)));

  while (!done) {
    signal.throwIfAborted();
    handBackIfStopping(deps.stopping);
    const page = await readPatiently(
      () => stream.readPage(connection, window, cursor, { signal, parameters: batch.parameters }),
      signal,
    );
    if (page.next !== null && seen.has(JSON.stringify(page.next)))
      throw new BatonError('ERR_CURSOR_ENDLESS', {
        detail: `${step.connection}.${step.stream} handed out the same cursor twice after ${ordinal} pages.`,
      });
    seen.add(JSON.stringify(page.next));
    ordinal += 1;
    await land(deps, batch, folder, ordinal, page);
    records += page.records.length;
    cursor = page.next;
    done = cursor === null;
    Context.current().heartbeat(ordinal);
    if (ordinal % 10 === 0)
      await deps.runs.stepCounted(input.runId, step.id, { read: records, pages: ordinal });
  }
  return close(deps, batch, folder);
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

/** Honours a short Retry-After without giving the slot away; anything else is thrown. */
async function readPatiently(read: () => Promise<Page>, signal: AbortSignal): Promise<Page> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof BatonError) || error.error !== 'ERR_SOURCE_RATE_LIMITED') throw error;
      const asked = error.options.retryAfterMs ?? Math.min(500 * 2 ** tries, waitInPlaceMs);
      if (asked > waitInPlaceMs || tries >= 8) throw error;
      await sleep(asked + Math.random() * 250, undefined, { signal });
    }
  }
}

async function land(
  deps: ActivityDeps,
  batch: Batch,
  folder: string,
  ordinal: number,
  page: Page,
): Promise<void> {
  const part = await landPart(deps.lake, folder, ordinal, page.records);
  const mine = await deps.batches.addPart(batch, {
    ordinal,
    ...part,
    records: page.records.length,
    calls: page.calls,
    cursorAfter: page.next,
  });
  if (!mine)
    throw new BatonError('ERR_BATCH_TAKEN', {
      detail: `Another worker went on with batch ${batch.batch_id} at part ${ordinal} while this one was away.`,
      retryable: true,
    });
}

async function close(deps: ActivityDeps, batch: Batch, folder: string): Promise<Batch> {
  const parts = await deps.batches.parts(batch);
  const written = await writeManifest(deps.lake, folder, {
    batch: batch.batch_id,
    generation: batch.generation,
    connection: batch.connection,
    stream: batch.stream,
    tenant: batch.tenant,
    window: { from: batch.window_from, to: batch.window_to },
    records: parts.reduce((sum, part) => sum + part.records, 0),
    parts: parts.map(({ key, sha256, bytes, records }) => ({ key, sha256, bytes, records })),
  });
  return deps.batches.land(batch, written);
}

function folderOf(deps: ActivityDeps, batch: Batch): string {
  return batchFolder({
    template: deps.lakeLayout,
    connection: batch.connection,
    stream: batch.stream,
    tenant: batch.tenant,
    date: batch.window_to.slice(0, 10).replaceAll('-', ''),
    batch: `${batch.batch_id.slice(0, 12)}-${batch.generation}`,
  });
}

/**
 * The user's `retries` count the vendor's failures only, since the last progress; being asked to wait is no
 * failure. The last one does not retry.
 */
async function judge(deps: ActivityDeps, input: Input, error: BatonError): Promise<ApplicationFailure> {
  const { step, runId } = input;
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

/** delay, 2 × delay, 4 × delay … up to the longest. */
export function backoff(retry: RetryPolicy, failures: number): number {
  return Math.min(retry.delayMs * 2 ** (failures - 1), retry.maxDelayMs);
}
