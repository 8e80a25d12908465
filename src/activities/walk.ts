import { setTimeout as sleep } from 'node:timers/promises';
import pLimit from 'p-limit';
import type { Cursor, OpenConnection, Stream, Window } from '../connectors/port.js';
import type { Batch, Part } from '../control/batches.js';
import type { ExtractStep } from '../domain/plan.js';
import type { BatchPlace } from '../lake/parts.js';
import { BatonError } from '../protocol/errors.js';
import { handBackIfStopping } from './failure.js';
import { createLander, type Lander } from './lander.js';
import { requestClass } from './outage.js';
import type { ActivityDeps } from './ports.js';
import { repairsOf } from './repairs.js';
import { isAskedToWait } from './vendor-failure.js';

/** A vendor's wish to wait up to this long is granted in place; a longer one frees the slot meanwhile. */
const waitInPlaceMs = 5_000;

/** What is read, and where it is landed. */
export interface Walk {
  readonly step: ExtractStep;
  readonly batch: Batch;
  /** Where the batch's objects go. */
  readonly place: BatchPlace;
  readonly signal: AbortSignal;
  /** Told after each part. */
  readonly onPart: (total: { readonly records: number; readonly pages: number }) => void;
}

/** Where a range goes on; `done` when it has ended. */
interface Range {
  readonly number: number;
  cursor: Cursor | null;
  done: boolean;
}

/**
 * Reads the rest of a batch: its one range, or, where the stream can be cut, several side by side. A page is
 * checkpointed before its range reads the next, so that a kill costs at most the pages that were in flight: those
 * that were asked for, and those on their way into the lake.
 */
export async function walkBatch(deps: ActivityDeps, walk: Walk): Promise<void> {
  const { step, batch } = walk;
  const connection = deps.connections.open(step.connection, requestClass());
  const stream = streamOf(deps, step, batch);
  const parts = await deps.batches.parts(batch);
  const lander = createLander(deps, { ...walk, parts });
  const reader = createReader(deps, walk, { connection, stream, parts, lander });
  const starts = batch.ranges ?? (await firstRange(deps, walk, reader, { connection, stream, lander }));
  await readAll(reader, starts ?? [], connection.http.requestsInFlight);
}

/** The stream in its window; of a repair, the records that were found to be lacking. */
function streamOf(deps: ActivityDeps, step: ExtractStep, batch: Batch): Stream {
  const stream = deps.connections.stream(step.connection, step.stream);
  return step.repairs === undefined ? stream : repairsOf(deps.warehouse, stream, batch.run_id, step.repairs);
}

interface Source {
  readonly connection: OpenConnection;
  readonly stream: Stream;
  readonly lander: Lander;
}

/** Reads the first page; answers where the ranges behind it begin, or reads on to the end and answers null. */
async function firstRange(
  deps: ActivityDeps,
  walk: Walk,
  reader: Reader,
  { connection, stream, lander }: Source,
): Promise<readonly unknown[] | null> {
  const range = reader.resume(0, null);
  const first = range.cursor === null && !range.done ? await reader.page(range) : [];
  if (range.done || range.cursor === null) return null;
  if (stream.split !== undefined && connection.http.requestsInFlight > 1) {
    const { signal, batch } = walk;
    const { cursor } = range;
    const cut = await patiently(
      async () =>
        (await stream.split?.(connection, windowOf(batch), cursor, first, {
          signal,
          parameters: batch.parameters,
        })) ?? null,
      signal,
    );
    lander.addCalls(cut?.calls ?? 0);
    if (cut !== null && cut.starts.length > 1) return deps.batches.setRanges(batch, cut.starts);
  }
  while (!range.done) await reader.page(range);
  return null;
}

/** So many ranges are under way for each request that may be: while one's page is being landed, another's is read. */
const rangesPerRequest = 2;

/** The ranges from the first on, several of them at once; the first failure ends all after their page in hand. */
async function readAll(reader: Reader, starts: readonly unknown[], inFlight: number): Promise<void> {
  const ranges = starts.map((start, index) => reader.resume(index + 1, start)).filter((range) => !range.done);
  let failed = false;
  const read = async () => {
    for (let range = ranges.shift(); range !== undefined; range = ranges.shift())
      while (!range.done && !failed)
        try {
          await reader.page(range);
        } catch (error) {
          failed = true;
          throw error;
        }
  };
  const underWay = Math.min(inFlight * rangesPerRequest, ranges.length);
  const ended = await Promise.allSettled(Array.from({ length: underWay }, read));
  const failure = ended.find((result) => result.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
}

interface Reader {
  /** Where a range stands by what is landed. */
  resume(number: number, start: unknown): Range;
  /** Reads and lands the next page of a range; answers its records. */
  page(range: Range): Promise<readonly Buffer[]>;
}

function createReader(
  deps: ActivityDeps,
  { step, batch, signal }: Walk,
  { connection, stream, parts, lander }: Source & { readonly parts: readonly Part[] },
): Reader {
  const window = windowOf(batch);
  const seen = new Set(
    parts.flatMap(({ cursors }) => Object.values(cursors).map((cursor) => JSON.stringify(cursor))),
  );
  const stands = new Map<string, unknown>();
  const request = pLimit(connection.http.requestsInFlight);
  for (const { cursors } of parts)
    for (const [number, cursor] of Object.entries(cursors)) stands.set(number, cursor);

  return {
    resume(number, start) {
      const stored = stands.get(String(number));
      const cursor = stored === undefined ? start : stored;
      if (cursor === null || cursor === undefined) return { number, cursor: null, done: stored === null };
      return { number, cursor: stream.checkCursor(cursor, window), done: false };
    },
    async page(range) {
      signal.throwIfAborted();
      handBackIfStopping(deps.stopping);
      const { cursor } = range;
      const page = await request(async () => {
        await lander.room();
        signal.throwIfAborted();
        return patiently(
          () => stream.readPage(connection, window, cursor, { signal, parameters: batch.parameters }),
          signal,
        );
      });
      const next = JSON.stringify(page.next);
      if (page.next !== null && seen.has(next))
        throw new BatonError('ERR_CURSOR_ENDLESS', {
          detail: `${step.connection}.${step.stream} handed out the same cursor twice.`,
        });
      seen.add(next);
      await lander.land(range.number, page);
      range.cursor = page.next;
      range.done = page.next === null;
      return page.records;
    },
  };
}

function windowOf(batch: Batch): Window {
  return { from: batch.window_from, to: batch.window_to };
}

/** Honours a short Retry-After without giving the slot away; anything else is thrown. */
export async function patiently<T>(read: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof BatonError) || !isAskedToWait(error)) throw error;
      const asked = error.options.retryAfterMs ?? Math.min(500 * 2 ** tries, waitInPlaceMs);
      if (asked > waitInPlaceMs || tries >= 8) throw error;
      await sleep(asked + Math.random() * 250, undefined, { signal });
    }
  }
}
