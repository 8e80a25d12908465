import { setTimeout as sleep } from 'node:timers/promises';
import { activityInfo } from '@temporalio/activity';
import { type Batch, hasObject, type Part } from '../control/batches.js';
import type { ExtractStep } from '../domain/plan.js';
import { type Block, blocksOf } from '../lake/lines.js';
import { readLines, readManifest } from '../lake/parts.js';
import type { StageResult } from '../protocol/activities.js';
import { BatonError } from '../protocol/errors.js';
import { type EncodeJob, recordsOf } from '../warehouse/encode.js';
import type { TableSpec } from '../warehouse/port.js';
import { loadKeyOf, type ShapeWatch, tableOf, watchShape } from '../warehouse/staged.js';
import { handBackIfStopping } from './failure.js';
import { settleShape } from './follow-shape.js';
import { heldBack, outageOf } from './outage.js';
import type { ActivityDeps } from './ports.js';

/** How often it is looked for what has landed when nobody rings: at first, and at most. */
const shortestPollMs = 20;
const longestPollMs = 200;
/** Lines per COPY: where there is no thread for them, about the time for which the process may be kept from all else. */
const linesPerCopy = 1_000;
/** Blocks on their way at once: the server takes one, another waits for it, a third is mapped. */
const blocksInFlight = 3;

export interface Staging {
  readonly batch: Batch;
  readonly step: ExtractStep;
  readonly tenant: string;
  readonly attempt: string;
  readonly rangeColumn: string | null;
}

/** The step's batch, once its extraction has opened it. */
export async function awaitBatch(
  deps: ActivityDeps,
  runId: string,
  step: ExtractStep,
  signal: AbortSignal,
): Promise<Batch> {
  for (let since = Date.now(), waitMs = shortestPollMs; ; waitMs = longer(waitMs)) {
    handBackIfStopping(deps.stopping);
    const batch = await deps.batches.find(runId, step.id);
    // An attempt stages from the beginning: not for a vendor that is down, which lands nothing more meanwhile.
    if (batch?.state !== 'landed' && activityInfo().attempt > 1) await refuseInOutage(deps, step);
    if (batch !== null) return batch;
    if (Date.now() - since > deps.stagingIdleMs) throw stillExtracting(deps, step);
    await sleep(waitMs, undefined, { signal });
  }
}

/** Stages the parts of a batch as they land, through map and validation, until its manifest closes it. */
export async function stageBatch(
  deps: ActivityDeps,
  work: Staging,
  signal: AbortSignal,
): Promise<StageResult> {
  const table = tableOf(deps.connections.stream(work.step.connection, work.step.stream), work.step);
  const load = loadKeyOf(work.batch, work.step);
  const staging = await deps.warehouse.openStaging(table, load, work.attempt);
  const shapes = await watchShape(deps.warehouse, table, load);
  const copies = createCopies((block) => copyBlock(deps, work, { table, staging, shapes }, block));
  try {
    const batch = await stageParts(deps, work, copies, signal);
    await copies.end();
    await assertManifest(deps, batch, copies.records());
    await settleShape(deps, table, shapes);
  } finally {
    await copies.settled();
  }
  const records = copies.records();
  const range =
    work.rangeColumn === null ? null : await deps.warehouse.stagedRange(staging, work.rangeColumn, records);
  return { staging, records, range };
}

/** Answers the batch as it was landed. */
async function stageParts(
  deps: ActivityDeps,
  work: Staging,
  copies: Copies,
  signal: AbortSignal,
): Promise<Batch> {
  let { batch } = work;
  let done = 0;
  let idleSince = Date.now();
  for (let waitMs = shortestPollMs; ; ) {
    signal.throwIfAborted();
    handBackIfStopping(deps.stopping);
    // The state is read before the parts: when it says landed, the parts read afterwards are all of them.
    batch = (await deps.batches.find(batch.run_id, batch.step_id)) ?? batch;
    const parts = await deps.batches.parts(batch, done);
    for (const part of parts) {
      for (const block of blocksOf(await partTexts(deps, part), linesPerCopy)) {
        await copies.add({ ...block, part: part.ordinal });
        signal.throwIfAborted();
      }
      done = part.ordinal;
      signal.throwIfAborted();
      handBackIfStopping(deps.stopping);
    }
    if (parts.length > 0) {
      idleSince = Date.now();
      waitMs = shortestPollMs;
      continue;
    }
    if (batch.state === 'landed') return batch;
    if (Date.now() - idleSince > deps.stagingIdleMs) {
      await refuseInOutage(deps, work.step);
      throw stillExtracting(deps, work.step);
    }
    await deps.handOver.wait(batch.batch_id, waitMs, signal);
    waitMs = longer(waitMs);
  }
}

async function partTexts(deps: ActivityDeps, part: Part): Promise<readonly Buffer[]> {
  if (!hasObject(part)) return [];
  return deps.handOver.take(part.key) ?? [await readLines(deps.lake, part)];
}

interface PartBlock extends Block {
  readonly part: number;
}

interface Place {
  readonly table: TableSpec;
  readonly staging: string;
  readonly shapes: ShapeWatch;
}

/** Maps a block and copies its rows into staging. */
async function copyBlock(
  deps: ActivityDeps,
  { batch, step }: Staging,
  { table, staging, shapes }: Place,
  { part, first, count, text }: PartBlock,
): Promise<void> {
  const stream = deps.connections.stream(step.connection, step.stream);
  const job: EncodeJob = {
    connector: deps.connections.connector(step.connection).type,
    stream: step.stream,
    table,
    parameters: batch.parameters,
    shape: shapes.known,
    part,
    first,
    count,
    lines: text,
  };
  const encoded = await deps.encoder.encode(stream, job);
  shapes.add(encoded.seen);
  await deps.warehouse.stageEncoded(table, staging, encoded, () => recordsOf(stream, job));
  deps.encoder.release(encoded);
}

interface Copies {
  /** Begins to copy; waits while so many blocks are on their way; throws the failure of an earlier one. */
  add(block: PartBlock): Promise<void>;
  /** Waits for all that has been added. */
  end(): Promise<void>;
  /** Waits for what is on its way, whatever becomes of it. */
  settled(): Promise<void>;
  records(): number;
}

function createCopies(copy: (block: PartBlock) => Promise<void>): Copies {
  const running = new Set<Promise<void>>();
  let records = 0;
  let failure: { readonly error: unknown } | null = null;

  function throwFailure(): void {
    if (failure !== null) throw failure.error;
  }

  return {
    async add(block) {
      while (running.size >= blocksInFlight) await Promise.race(running);
      throwFailure();
      records += block.count;
      const work: Promise<void> = copy(block)
        .catch((error: unknown) => {
          failure ??= { error };
        })
        .finally(() => running.delete(work));
      running.add(work);
    },
    async end() {
      await Promise.all(running);
      throwFailure();
    },
    async settled() {
      await Promise.all(running);
    },
    records: () => records,
  };
}

async function assertManifest(deps: ActivityDeps, batch: Batch, records: number): Promise<void> {
  const named =
    batch.manifest_key === null
      ? Number(batch.records)
      : (await readManifest(deps.lake, batch.manifest_key, batch.manifest_sha256 ?? '')).records;
  if (named !== records)
    throw new BatonError('ERR_STAGING_LOST', {
      detail: `${records} records of batch ${batch.batch_id} are staged, its manifest names ${named}.`,
    });
}

/** Comes again when the vendor has been asked whether it is back, and not before. */
async function refuseInOutage(deps: ActivityDeps, step: ExtractStep): Promise<void> {
  const outage = await outageOf(deps.connections.open(step.connection));
  if (outage !== null) throw heldBack(step.connection, outage);
}

/** Gives the slot back while a vendor keeps us waiting; no failure, so it uses up nothing. */
function stillExtracting(deps: ActivityDeps, step: ExtractStep): BatonError {
  return new BatonError('ERR_SOURCE_TIMEOUT', {
    detail: `${step.title} has landed nothing new for ${deps.stagingIdleMs / 1000} s; staging goes on when it does.`,
    retryAfterMs: 15_000,
  });
}

function longer(waitMs: number): number {
  return Math.min(waitMs * 1.5, longestPollMs);
}
