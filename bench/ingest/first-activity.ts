import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { startRun } from '../../src/client/runs.js';
import { bareQueue } from '../runs/bare.js';
import { millis } from '../runs/time.js';

/** Milliseconds from a moment to the start of a workflow's first activity, once that has ended. */
export async function untilFirstActivity(
  client: Client,
  workflowId: () => Promise<string | null>,
  sinceMs: number,
): Promise<number> {
  const deadline = Date.now() + 20_000;
  while (Date.now() < deadline) {
    const id = await workflowId();
    if (id !== null) {
      const history = await client.workflow
        .getHandle(id)
        .fetchHistory()
        .catch(() => null);
      const started = history?.events?.find((event) => event.activityTaskStartedEventAttributes);
      if (started) {
        await client.workflow
          .getHandle(id)
          .terminate()
          .catch(() => {});
        return millis(started.eventTime) - sinceMs;
      }
    }
    await sleep(100);
  }
  throw new Error('no activity began within 20 s');
}

/** The same of a bare workflow that is started by a signal from here: nothing is verified, and nothing stored. */
export async function bareSignal(client: Client, workflowId: string): Promise<number> {
  const sinceMs = Date.now();
  await client.workflow.signalWithStart('bare', {
    workflowId,
    taskQueue: bareQueue,
    args: [[1]],
    signal: 'rung',
  });
  return untilFirstActivity(client, async () => workflowId, sinceMs);
}

/** The same of the very workflow that the event starts, started from here. */
export async function directStart(client: Client): Promise<number> {
  const sinceMs = Date.now();
  const { id } = await startRun(client, { pipeline: 'resilient_elt_pipeline', trigger: 'event' });
  return untilFirstActivity(client, async () => id, sinceMs);
}
