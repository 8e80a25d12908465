import { ApplicationFailure, type WorkflowInterceptorsFactory } from '@temporalio/workflow';
import { type BatonError, describeError } from '../protocol/errors.js';
import { withinLimit } from '../protocol/payload.js';

/** Refuses what a workflow must not send, as a failure of that call: its run fails with it, and says so. */
export const interceptors: WorkflowInterceptorsFactory = () => ({
  outbound: [
    {
      scheduleActivity(input, next) {
        check(input.args, `The argument of the activity ${input.activityType}`);
        return next(input);
      },
      startChildWorkflowExecution(input, next) {
        check(input.options.args, `The argument of the workflow ${input.workflowType}`);
        return next(input);
      },
      signalWorkflow(input, next) {
        check(input.args, `The signal ${input.signalName}`);
        return next(input);
      },
      continueAsNew(input, next) {
        check(input.args, 'What the workflow goes on with');
        return next(input);
      },
    },
  ],
});

function check(value: unknown, what: string): void {
  try {
    withinLimit(value, what);
  } catch (error) {
    const view = describeError(error as BatonError);
    throw ApplicationFailure.create({
      type: (error as BatonError).error,
      message: `${view.detail} (${view.code})`,
      nonRetryable: true,
      details: [view],
    });
  }
}
