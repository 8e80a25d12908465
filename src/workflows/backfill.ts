import { ApplicationFailure, CancelledFailure, continueAsNew } from '@temporalio/workflow';
import type { BackfillInput, BackfillResult } from '../protocol/fan-out.js';
import { driveFanOut } from './fan-out.js';

/**
 * Runs a pipeline for every interval of a range, a few at once. The rows in control are the truth: pause, resume and
 * cancel are changes of them followed by the bell, and an execution that was lost is simply started again.
 */
export async function backfill(input: BackfillInput): Promise<BackfillResult> {
  const { id } = input;
  const { state, counts } = await driveFanOut({
    id,
    title: `${id}: next intervals`,
    of: { tenant: id, class: 'backfill' },
    continued: input.continued === true,
    continueAsNew: () => continueAsNew<typeof backfill>({ id, continued: true }),
  });
  if (state === 'cancelled') throw new CancelledFailure('The backfill was cancelled.');
  if (state === 'failed')
    throw ApplicationFailure.create({
      type: 'ERR_RUN_FAILED',
      message: `${counts.failed} intervals failed.`,
      nonRetryable: true,
      details: [{ id, state, counts }],
    });
  return { id, state, counts };
}
