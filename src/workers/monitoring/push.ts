import { setTimeout as sleep } from 'node:timers/promises';
import { tryLock } from '../../database/lock.js';
import type { Database } from '../../database/postgres.js';
import type { Metric } from '../../gateway/metrics/exposition.js';
import type { Logger } from '../../observability/logger.js';

/** Where metrics are sent. */
export interface MetricSink {
  /** Shown in the log. */
  readonly name: string;
  readonly everyMs: number;
  /** Sends all of them; throws when they were not taken. The same of the same time again does no harm. */
  push(metrics: readonly Metric[], at: Date, signal: AbortSignal): Promise<void>;
}

export interface PushDeps {
  readonly control: Database;
  readonly log: Logger;
  /** What `/metrics` shows now. Never throws. */
  measure(): Promise<readonly Metric[]>;
}

/** Another process sends: it is looked again whether it still does. */
const heldByOthersMs = 5_000;
/** A timer may ring a little before its time, and late by any time. */
const earlyMs = 50;
/** One push may take no longer: the next is due. */
const longestPushMs = 30_000;

/**
 * Sends the metrics every so often, by one process at a time: the metrics are of all of Baton, and from two they would
 * count twice. When it is gone another goes on. Never throws: what could not be sent is left out, for the next has all.
 */
export function pushMetrics(deps: PushDeps, sink: MetricSink): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const running = keepPushing(deps, sink, stopping.signal);
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

async function keepPushing(deps: PushDeps, sink: MetricSink, stopping: AbortSignal): Promise<void> {
  while (!stopping.aborted) {
    const lock = await tryLock(deps.control, `metrics:${sink.name}`).catch(() => null);
    if (lock !== null) {
      await pushWhile(deps, sink, AbortSignal.any([stopping, lock.lost]));
      await lock.release();
    }
    await pause(heldByOthersMs, stopping);
  }
}

async function pushWhile({ measure, log }: PushDeps, sink: MetricSink, until: AbortSignal): Promise<void> {
  let isWell = true;
  for (;;) {
    // At the same times whoever sends: what a successor sends again is the same point.
    await pause(sink.everyMs - (Date.now() % sink.everyMs), until);
    if (until.aborted) return;
    const at = new Date(Math.floor((Date.now() + earlyMs) / sink.everyMs) * sink.everyMs);
    try {
      const within = AbortSignal.any([until, AbortSignal.timeout(longestPushMs)]);
      await sink.push(await measure(), at, within);
      if (!isWell) log.info({ sink: sink.name }, 'metrics are taken again');
      isWell = true;
    } catch (error) {
      if (until.aborted) return;
      if (isWell) log.warn({ sink: sink.name, detail: (error as Error).message }, 'metrics were not taken');
      isWell = false;
    }
  }
}

async function pause(ms: number, until: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal: until }).catch(() => {});
}
