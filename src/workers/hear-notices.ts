import { setTimeout as sleep } from 'node:timers/promises';
import { type NoticedObject, readNotice } from '../lake/notice.js';
import { mostNotices, type Notice, type NoticeQueue } from '../lake/notice-queue.js';
import type { Logger } from '../observability/logger.js';
import { BatonError, describeError } from '../protocol/errors.js';
import type { Watch } from './watch.js';

export interface Hearing {
  readonly queue: NoticeQueue;
  readonly watch: Pick<Watch, 'look'>;
  /** Whether an object may be in one of our intakes. */
  readonly concerns: (object: NoticedObject) => boolean;
  readonly log: Logger;
}

/** How long a queue is waited at for the first message: the longest that SQS has. */
const longPollSeconds = 20;
/** What comes at once is looked for once, up to so many messages. */
const mostAtOnce = 1_000;
/** When the queue is away it is asked again after the first, ever later; when it refuses, after the second. */
const shortestPauseMs = 1_000;
const longestPauseMs = 60_000;

/**
 * Has the intakes looked at as soon as the bucket tells of a new object in one of them. A message is only a bell: what
 * is there is listed, so that one that comes twice, late or never harms nothing. It is removed when what it tells of is
 * noted; what failed is left to come again after the queue's visibility timeout. Never throws: while the queue cannot
 * be heard, what arrives is found by the watch's own rounds. Several processes may hear one queue.
 */
export function hearNotices(hearing: Hearing): { stop(): Promise<void> } {
  const { queue, log } = hearing;
  const stopping = new AbortController();
  const { signal } = stopping;
  let deaf: string | null = null;

  const running = (async () => {
    for (let pauseMs = shortestPauseMs; !signal.aborted; )
      try {
        const heard = await receiveAll(queue, signal);
        if (deaf !== null) log.info({ queue: queue.name }, 'the lake’s notifications are heard again');
        deaf = null;
        pauseMs = shortestPauseMs;
        await handle(hearing, heard);
      } catch (error) {
        if (signal.aborted) break;
        const failure = error instanceof BatonError ? error : null;
        const { code, detail, fix } = describeError(failure ?? unexpected(error));
        if (deaf !== code)
          log.error({ code, detail, fix }, 'no notifications; new objects are found by polling alone');
        deaf = code;
        if (failure?.retryable !== true) pauseMs = longestPauseMs;
        await sleep(pauseMs, undefined, { signal }).catch(() => {});
        pauseMs = Math.min(2 * pauseMs, longestPauseMs);
      }
    queue.close();
  })();
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

/** Waits for the first; then takes along what else is there. */
async function receiveAll(queue: NoticeQueue, signal: AbortSignal): Promise<readonly Notice[]> {
  const heard: Notice[] = [];
  for (let wait = longPollSeconds; heard.length < mostAtOnce; wait = 0) {
    const some = await queue.receive(wait, signal);
    heard.push(...some);
    if (some.length < mostNotices) break;
  }
  return heard;
}

async function handle({ queue, watch, concerns, log }: Hearing, heard: readonly Notice[]): Promise<void> {
  const bells: Notice[] = [];
  const done: Notice[] = [];
  for (const notice of heard)
    try {
      (readNotice(notice.body).some(concerns) ? bells : done).push(notice);
    } catch (error) {
      if (!(error instanceof BatonError)) throw error;
      // It names nothing that a listing would not find: kept only where a person has asked to be shown such.
      const kept = await queue.hasDeadLetters();
      const { code, detail, fix } = describeError(error);
      log.error({ code, detail, fix, message: notice.id, bytes: notice.body.length, kept }, 'left aside');
      if (!kept) done.push(notice);
    }
  if (bells.length > 0 && (await watch.look())) done.push(...bells);
  await queue.remove(done);
}

function unexpected(error: unknown): BatonError {
  return new BatonError('ERR_INTERNAL', { detail: `Hearing notifications: ${(error as Error).name}.` });
}
