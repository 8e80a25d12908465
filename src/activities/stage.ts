import { setTimeout as sleep } from 'node:timers/promises';
import { activityInfo } from '@temporalio/activity';
import { type Batch, hasObject, type Part } from '../control/batches.js';
import type { ExtractStep } from '../domain/plan.js';
import { readManifest, readPart } from '../lake/parts.js';
import type { StageResult } from '../protocol/activities.js';
import { BatonError } from '../protocol/errors.js';
import type { StagedRecord } from '../warehouse/port.js';
import { loadKeyOf, type ShapeWatch, tableOf, toStaged, watchShape } from '../warehouse/staged.js';
import { handBackIfStopping } from './failure.js';
import { settleShape } from './follow-shape.js';
import { heldBack, outageOf } from './outage.js';
import type { ActivityDeps } from './ports.js';

/** How often it is looked for what has landed when nobody rings: at first, and at most. */
const shortestPollMs = 20;
const longestPollMs = 200;
/** Records per COPY: about the time for which the process may be kept from everything else. */
const copyRecords = 1_000;
/** COPYs at once: while the server takes one, the next is mapped. */
const copiesInFlight = 2;

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
  const copies = createCopies((records) => deps.warehouse.stage(table, staging, load, records));
  try {
    const batch = await stageParts(deps, work, { copies, shapes }, signal);
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
  { copies, shapes }: { readonly copies: Copies; readonly shapes: ShapeWatch },
  signal: AbortSignal,
): Promise<Batch> {
  const stream = deps.connections.stream(work.step.connection, work.step.stream);
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
      for (const [index, raw] of (await recordsOf(deps, part)).entries())
        await copies.add(toStaged(stream, raw, part.ordinal, index + 1, batch.parameters, shapes.observer));
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
    await copies.flush();
    await deps.handOver.wait(batch.batch_id, waitMs, signal);
    waitMs = longer(waitMs);
  }
}

async function recordsOf(deps: ActivityDeps, part: Part): Promise<readonly Buffer[]> {
  if (!hasObject(part)) return [];
  return deps.handOver.take(part.key) ?? readPart(deps.lake, part);
}

interface Copies {
  /** Waits while so many COPYs are on their way; throws the failure of an earlier one. */
  add(record: StagedRecord): Promise<void> | void;
  /** Sends what has been added. */
  flush(): Promise<void>;
  /** Sends what has been added, and waits for all of it. */
  end(): Promise<void>;
  /** Waits for what is on its way, whatever becomes of it. */
  settled(): Promise<void>;
  records(): number;
}

function createCopies(copy: (records: readonly StagedRecord[]) => Promise<void>): Copies {
  const running = new Set<Promise<void>>();
  let next: StagedRecord[] = [];
  let records = 0;
  let failure: { readonly error: unknown } | null = null;

  function throwFailure(): void {
    if (failure !== null) throw failure.error;
  }

  async function flush(): Promise<void> {
    if (next.length === 0) return;
    const chunk = next;
    next = [];
    while (running.size >= copiesInFlight) await Promise.race(running);
    throwFailure();
    const work: Promise<void> = copy(chunk)
      .catch((error: unknown) => {
        failure ??= { error };
      })
      .finally(() => running.delete(work));
    running.add(work);
  }

  return {
    flush,
    add(record) {
      next.push(record);
      records += 1;
      return next.length >= copyRecords ? flush() : undefined;
    },
    async end() {
      await flush();
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
