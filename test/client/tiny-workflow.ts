import { ApplicationFailure } from '@temporalio/common';
import { condition, defineQuery, setHandler, sleep, workflowInfo } from '@temporalio/workflow';
import type { RunPipelineInput, RunProgress, RunResult, StepProgress } from '../../src/protocol/run.js';

/**
 * A stand-in with the real workflow's type, input, query and result, and nothing behind it. Its one input,
 * whatever its name, is `for ever`, or what it fails with.
 */
export async function runPipeline(input: RunPipelineInput): Promise<RunResult> {
  const { workflowId } = workflowInfo();
  const logicalTime = input.logicalTime ?? workflowId.slice(-20);
  const steps: StepProgress[] = [step('extract', 'running'), step('load', 'pending')];
  let state: RunProgress['state'] = 'running';
  setHandler(defineQuery<RunProgress>('progress'), () => ({
    id: workflowId,
    pipeline: input.pipeline,
    tenant: input.tenant,
    logicalTime,
    state,
    steps,
  }));
  const [wish] = Object.values(input.inputs);
  if (wish === 'for ever') await condition(() => false);
  if (wish !== undefined) throw ApplicationFailure.nonRetryable(wish, 'ERR_SOURCE_AUTH');
  await sleep(700);
  steps[0] = { ...step('extract', 'succeeded'), counts: { read: 3000 } };
  steps[1] = step('load', 'running');
  await sleep(700);
  steps[1] = { ...step('load', 'succeeded'), counts: { loaded: 3000 } };
  state = 'succeeded';
  const zero = { pages: 1, calls: 1, unchanged: 0, quarantined: 0, duplicate: 0, stale: 0, filtered: 0 };
  return {
    id: workflowId,
    pipeline: input.pipeline,
    state,
    durationMs: 1400,
    receipt: { ...zero, read: 3000, loaded: 3000 },
    tickets: { opened: 0, updated: 0, resolved: 0 },
    error: null,
  };
}

function step(id: string, state: StepProgress['state']): StepProgress {
  return { id, title: id, state, attempt: 1, startedAt: null, endedAt: null, counts: {}, detail: null };
}

/** A drainer that has nothing to do and does not end. */
export async function drainEffects(): Promise<void> {
  await condition(() => false);
}
