import { WorkflowFailedError, type WorkflowHandle, WorkflowNotFoundError } from '@temporalio/client';
import { runFailure } from '../client/failures.js';
import { readPlan } from '../control/plans.js';
import type { RunRow } from '../control/runs.js';
import { BatonError, describeError, type ErrorView } from '../protocol/errors.js';
import { finalRunStates, type RunState } from '../protocol/names.js';
import type { Receipt, RunResult } from '../protocol/run.js';
import type { GatewayParts } from './parts.js';

/** How a run ended that could not write so itself. */
export interface RunEnding {
  readonly state: RunState;
  readonly error: ErrorView | null;
}

const callMs = 5_000;

/**
 * What became of a run's execution, by Temporal's own word; null while it runs, and for a status that we do not
 * know. Throws when Temporal cannot be asked: then nothing is known.
 */
export async function findEnding({ temporal }: GatewayParts, run: RunRow): Promise<RunEnding | null> {
  const handle = temporal.workflow.getHandle(run.id, run.temporal_run_id, { followRuns: false });
  const ask = <T>(call: () => Promise<T>) => temporal.connection.withDeadline(Date.now() + callMs, call);
  let status: string;
  try {
    status = (await ask(() => handle.describe())).status.name;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError)
      return failed(run, 'Temporal does not know its execution any more');
    throw error;
  }
  if (status === 'TERMINATED') return failed(run, 'its execution was terminated in Temporal');
  if (status === 'TIMED_OUT') return failed(run, 'its execution timed out in Temporal');
  if (status === 'CANCELLED') return { state: 'cancelled', error: null };
  if (status === 'COMPLETED' || status === 'FAILED') return ask(() => endingOfResult(handle, run));
  return null;
}

async function endingOfResult(handle: WorkflowHandle, run: RunRow): Promise<RunEnding> {
  try {
    const { state, error } = (await handle.result()) as RunResult;
    return finalRunStates.has(state) ? { state, error } : failed(run, 'its execution ended without a result');
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    return { state: 'failed', error: describeError(runFailure(run.id, error)) };
  }
}

function failed(run: RunRow, what: string): RunEnding {
  const error = new BatonError('ERR_RUN_FAILED', {
    detail: `Run ${run.id} did not end by itself: ${what}.`,
    where: run.id,
    why: 'An operator or a lost Temporal database ended it; what it had loaded stays loaded.',
    fix: 'Start the pipeline again: it goes on from its watermark.',
  });
  return { state: 'failed', error: describeError(error) };
}

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

/** The run's receipt from what is stored beside the data, as the run would have written it. */
export async function storedReceipt(parts: GatewayParts, run: RunRow): Promise<Receipt> {
  const plan = await readPlan(parts.control, run.plan_hash);
  const batch = plan === null ? null : await parts.batches.find(run.id, plan.receiptStep);
  if (batch === null) return nothing;
  const counts = await parts.warehouse.loadCounts(batch.batch_id, batch.generation);
  return { ...nothing, ...(await parts.batches.reads(batch)), ...counts };
}
