import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/workflow';
import { BatonError, type BatonErrorOptions, describeError, type ErrorView } from '../protocol/errors.js';

/**
 * What a user is shown of a failed activity: the view that the activity put into its failure, wherever in the
 * chain of causes that is. A timeout hides the failure of the attempt before it; one without any says itself
 * what happened. `work` names what the activity was for: a step's title, or the pipeline.
 */
export function viewOf(cause: unknown, work: string): ErrorView {
  const chain = chainOf(cause);
  for (const failure of chain) {
    const view = failure instanceof ApplicationFailure ? viewIn(failure) : null;
    if (view !== null) return view;
  }
  const timeout = chain.findLast((failure) => failure instanceof TimeoutFailure);
  if (timeout !== undefined) {
    const activity = chain.find((failure) => failure instanceof ActivityFailure)?.activityType;
    const told = timedOut(work, activity ?? 'work', timeout.timeoutType);
    return describeError(new BatonError('ERR_STEP_TIMEOUT', told));
  }
  const last = chain.at(-1);
  return describeError(new BatonError('ERR_INTERNAL', { detail: last?.message ?? String(cause) }));
}

/** In one line, for the current details of a workflow that goes on all the same. */
export function rootMessage(cause: unknown): string {
  let last = cause;
  while (last instanceof Error && last.cause instanceof Error) last = last.cause;
  return last instanceof Error ? last.message : String(last);
}

function chainOf(cause: unknown): readonly Error[] {
  const chain: Error[] = [];
  for (let at = cause; at instanceof Error; at = at.cause) chain.push(at);
  return chain;
}

function viewIn(failure: ApplicationFailure): ErrorView | null {
  const [view] = (failure.details ?? []) as (ErrorView | undefined)[];
  return view?.code === undefined ? null : view;
}

/** The innermost timeout is the one that happened; those around it only say that the time for retries was over. */
function timedOut(work: string, activity: string, type: TimeoutFailure['timeoutType']): BatonErrorOptions {
  const what = `${work}: the activity ${activity}`;
  switch (type) {
    case 'HEARTBEAT':
      return {
        detail: `${what} was lost each time: its worker gave no sign of life (heartbeat timeout).`,
        why: 'The worker was killed, froze or ran out of memory while it did this, and so did those after it.',
      };
    case 'START_TO_CLOSE':
      return {
        detail: `${what} took longer than one attempt may, each time (start-to-close timeout).`,
        why: 'It waits for something that does not come, such as a lock, or it has too much to do at once.',
        fix: 'Look at what the warehouse and the outside system are busy with, and at the worker’s log; then run again.',
      };
    case 'SCHEDULE_TO_START':
      return { detail: `${what} was taken by no worker in time (schedule-to-start timeout).` };
    default:
      return { detail: `${what} was not done in the time that it had in all (schedule-to-close timeout).` };
  }
}
