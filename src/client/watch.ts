import {
  type Client,
  QueryNotRegisteredError,
  QueryRejectedError,
  type WorkflowHandle,
} from '@temporalio/client';
import { finalRunStates } from '../protocol/names.js';
import type { RunProgress } from '../protocol/run.js';
import { callTemporal, isPassing } from './failures.js';

export interface WatchOptions {
  /** How often to ask, in milliseconds; 500 when not given. */
  readonly intervalMs?: number;
  readonly signal?: AbortSignal;
}

/** A query needs a worker: this long for one answer, and this long for the server to come back. */
const answerMs = 5_000;
const patienceMs = 60_000;

/**
 * The run's progress whenever it changed, until it has ended. A worker that is away is waited for; Temporal
 * itself for a minute. Ends early when the signal aborts.
 */
export async function* watchRun(
  client: Client,
  address: string,
  id: string,
  options: WatchOptions = {},
): AsyncGenerator<RunProgress> {
  const handle = client.workflow.getHandle(id);
  const look = () => callTemporal(address, 'watching a run', () => readProgress(client, handle));
  let last = '';
  let lostAt: number | null = null;
  await callTemporal(address, 'finding the run', () => handle.describe());
  while (options.signal?.aborted !== true) {
    const seen = await look().catch((error: unknown) => {
      lostAt ??= Date.now();
      if (!isPassing(error) || Date.now() - lostAt > patienceMs) throw error;
      return undefined;
    });
    if (seen !== undefined) lostAt = null;
    const text = JSON.stringify(seen?.progress ?? null);
    if (seen?.progress && text !== last) {
      last = text;
      yield seen.progress;
    }
    if (seen?.ended || (seen?.progress && finalRunStates.has(seen.progress.state))) return;
    await pause(options.intervalMs ?? 500, options.signal);
  }
}

/** Null progress: no worker answered, or the workflow has not come far enough to be asked. */
async function readProgress(
  client: Client,
  handle: WorkflowHandle,
): Promise<{ readonly progress: RunProgress | null; readonly ended: boolean }> {
  try {
    const ask = () => handle.query<RunProgress>('progress');
    return { progress: await client.connection.withDeadline(Date.now() + answerMs, ask), ended: false };
  } catch (error) {
    const unanswered = error instanceof QueryNotRegisteredError || error instanceof QueryRejectedError;
    if (!unanswered && !isPassing(error)) throw error;
    const { status } = await handle.describe();
    return { progress: null, ended: status.name !== 'RUNNING' };
  }
}

function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, milliseconds);
    function done(): void {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    }
    signal?.addEventListener('abort', done, { once: true });
  });
}
