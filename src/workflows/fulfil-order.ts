import {
  ApplicationFailure,
  allHandlersFinished,
  condition,
  continueAsNew,
  defineSignal,
  defineUpdate,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { Decision, FulfilmentTurn, PlanFulfilmentInput } from '../protocol/activities.js';
import { activitiesFor } from './activities.js';

/** A command has come to its end. */
export const fulfilmentChanged = defineSignal('fulfilmentChanged');

/** A person decides; refused when nobody has to any more. */
export const decide = defineUpdate<FulfilmentTurn, [Decision]>('decide');

/** How long it waits for the bell before it looks by itself. */
const lookEveryMs = 600_000;

/**
 * One per approved order: what it sets off, one command after the other, taken back when one of them is refused for
 * good. The rows are the content, the signal a doorbell.
 */
export async function fulfilOrder(input: PlanFulfilmentInput): Promise<void> {
  let bell = 0;
  const last: { turn: FulfilmentTurn | null } = { turn: null };
  const { control } = activitiesFor('plan what the order sets off', { tenant: input.id, class: 'live' });

  async function look(): Promise<FulfilmentTurn> {
    const next = await control.planFulfilment(input);
    last.turn = next;
    setCurrentDetails(next.story);
    return next;
  }

  setHandler(fulfilmentChanged, () => {
    bell += 1;
  });
  setHandler(
    decide,
    async (decision) => {
      const isNoted = await control.decideFulfilment({ ...input, ...decision });
      const next = await look();
      bell += 1;
      if (!isNoted) throw nothingWaits();
      return next;
    },
    {
      validator(decision) {
        // Before it has looked itself, the row decides.
        if (last.turn !== null && last.turn.state !== 'waiting') throw nothingWaits();
        if (decision.decision !== 'approve' && decision.decision !== 'reject')
          throw ApplicationFailure.nonRetryable('A decision is approve or reject.', 'ERR_USAGE');
        if (typeof decision.by !== 'string' || decision.by === '' || decision.by.length > 200)
          throw ApplicationFailure.nonRetryable('Who decides must be named.', 'ERR_USAGE');
      },
    },
  );

  for (;;) {
    if (workflowInfo().continueAsNewSuggested) {
      await condition(allHandlersFinished);
      await continueAsNew<typeof fulfilOrder>(input);
    }
    const heard = bell;
    const { isOver, dueInMs } = await look();
    if (bell > heard) continue;
    // The last look before the end, with no await between.
    if (isOver && allHandlersFinished()) return;
    await condition(() => bell > heard, Math.min(dueInMs ?? lookEveryMs, lookEveryMs));
  }
}

function nothingWaits(): ApplicationFailure {
  return ApplicationFailure.nonRetryable('Nothing waits for a decision here.', 'ERR_APPROVAL_OVER');
}
