import { ActivityFailure, ApplicationFailure, RetryState, TimeoutFailure } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import type { ErrorView } from '../../src/protocol/errors.js';
import { viewOf } from '../../src/workflows/error-view.js';

const vendorDown: ErrorView = {
  code: 'BTN-2004',
  title: 'The outside system failed',
  detail: 'coupa answered 503.',
  why: 'It answered with a 5xx status.',
  fix: 'Wait.',
  retryable: true,
};

type Kind = ConstructorParameters<typeof TimeoutFailure>[2];

function ofActivity(cause: Error): ActivityFailure {
  return new ActivityFailure('Activity task failed', 'mergeBatch', '7', RetryState.TIMEOUT, 'w@1', cause);
}

function timeout(kind: Kind, cause?: Error): TimeoutFailure {
  const failure = new TimeoutFailure('activity timeout', undefined, kind);
  return cause === undefined ? failure : Object.assign(failure, { cause });
}

describe('what is shown of a failed activity', () => {
  const failed = ApplicationFailure.create({ type: 'ERR_SOURCE_UNAVAILABLE', details: [vendorDown] });

  it.each([
    ['the failure itself', failed],
    ['an activity that failed', ofActivity(failed)],
    ['an activity whose time was over after a failure', ofActivity(timeout('SCHEDULE_TO_CLOSE', failed))],
    [
      'an activity that was lost after a failure',
      ofActivity(timeout('SCHEDULE_TO_CLOSE', timeout('HEARTBEAT', failed))),
    ],
    ['a failure without a view around one with it', ApplicationFailure.create({ cause: failed })],
  ])('is the view that it carries: %s', (_what, cause) => {
    expect(viewOf(cause, 'merge po_fact')).toEqual(vendorDown);
  });

  it.each<[Kind, Error | undefined, RegExp]>([
    ['SCHEDULE_TO_CLOSE', undefined, /not done in the time .*schedule-to-close/],
    ['SCHEDULE_TO_START', undefined, /no worker .*schedule-to-start/],
    ['START_TO_CLOSE', undefined, /longer than one attempt may.*start-to-close/],
    ['HEARTBEAT', undefined, /no sign of life .*heartbeat/],
    ['SCHEDULE_TO_CLOSE', timeout('HEARTBEAT'), /no sign of life .*heartbeat/],
  ])(
    'of a timeout that hides nothing (%s) says which activity of what, and of what kind',
    (kind, cause, words) => {
      const view = viewOf(ofActivity(timeout(kind, cause)), 'merge po_fact');
      expect(view).toMatchObject({ code: 'BTN-5009', retryable: false });
      expect(view.detail).toMatch(/^merge po_fact: the activity mergeBatch /);
      expect(view.detail).toMatch(words);
      expect(view.fix).toMatch(/log/);
    },
  );

  it('of anything else is what it says', () => {
    expect(viewOf(new Error('out of cheese'), 'merge po_fact')).toMatchObject({
      code: 'BTN-9001',
      detail: 'out of cheese',
    });
  });
});
