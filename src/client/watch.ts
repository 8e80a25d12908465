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
  /** A fuller account of the run, asked first: counts and times from the control database. Null = ask the run. */
  readonly read?: () => Promise<RunProgress | null>;
}

/** A query needs a worker: this long for one answer, and this long for the server to come back. */
const answerMs = 5_000;
const patienceMs = 60_000;
/** Progress that stays the same for so long is checked against the workflow's own state. */
const describeAfterMs = 1_000;

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
  const intervalMs = options.intervalMs ?? 500;
  let last = '';
  let lostAt: number | null = null;
  let unchangedMs = 0;
  await callTemporal(address, 'finding the run', () => handle.describe());
  while (options.signal?.aborted !== true) {
    try {
      const stored = (await options.read?.()) ?? null;
      const ask = () => readProgress(client, handle);
      const progress = stored ?? (await callTemporal(address, 'watching a run', ask));
      const text = JSON.stringify(progress);
      unchangedMs = text === last ? unchangedMs + intervalMs : 0;
      if (progress !== null && text !== last) yield progress;
      last = text;
      if (progress !== null && finalRunStates.has(progress.state)) return;
      // A workflow that failed or was cancelled may never have said so in its progress.
      const doubtful = progress === null || unchangedMs >= describeAfterMs;
      if (doubtful && (await callTemporal(address, 'watching a run', () => hasEnded(handle)))) return;
      if (doubtful) unchangedMs = 0;
      lostAt = null;
    } catch (error) {
      lostAt ??= Date.now();
      if (!isPassing(error) || Date.now() - lostAt > patienceMs) throw error;
    }
    await pause(intervalMs, options.signal);
  }
}

/** Null: no worker answered, or the workflow has not come far enough to be asked. */
async function readProgress(client: Client, handle: WorkflowHandle): Promise<RunProgress | null> {
  try {
    const ask = () => handle.query<RunProgress>('progress');
    return await client.connection.withDeadline(Date.now() + answerMs, ask);
  } catch (error) {
    const unanswered = error instanceof QueryNotRegisteredError || error instanceof QueryRejectedError;
    if (unanswered || isPassing(error)) return null;
    throw error;
  }
}

async function hasEnded(handle: WorkflowHandle): Promise<boolean> {
  return (await handle.describe()).status.name !== 'RUNNING';
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
