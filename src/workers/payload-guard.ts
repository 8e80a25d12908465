import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { toFailure } from '../activities/failure.js';
import { withinLimit } from '../protocol/payload.js';

/** Refuses an activity's result that is too large for a history. What the activity has done stays done. */
export const payloadGuard: ActivityInterceptorsFactory = (context) => ({
  inbound: {
    async execute(input, next) {
      const result = await next(input);
      try {
        return withinLimit(result, `The result of the activity ${context.info.activityType}`);
      } catch (error) {
        throw toFailure(error);
      }
    },
  },
});
