import { ApplicationFailure, CancelledFailure } from '@temporalio/workflow';
import type { Receipt, RunResult } from '../protocol/run.js';

const nothing: Receipt = {
  pages: 0,
  calls: 0,
  read: 0,
  loaded: 0,
  unchanged: 0,
  quarantined: 0,
  duplicate: 0,
  stale: 0,
  filtered: 0,
};

/** Of an execution whose logical time belongs to another one. */
export function skippedRun(id: string, pipeline: string): RunResult {
  return {
    id,
    pipeline,
    state: 'skipped',
    durationMs: 0,
    receipt: nothing,
    tickets: { opened: 0, updated: 0, resolved: 0 },
    error: null,
  };
}

/** Ends the workflow as its run ended: with the result, as cancelled, or as failed with the result in its details. */
export function conclude(result: RunResult): RunResult {
  const { state, error } = result;
  if (state === 'cancelled') throw new CancelledFailure('The run was cancelled.');
  if (state === 'failed')
    throw ApplicationFailure.create({
      type: 'ERR_RUN_FAILED',
      message: error === null ? 'The run failed.' : `${error.detail} (${error.code})`,
      nonRetryable: true,
      details: [result],
    });
  return result;
}
