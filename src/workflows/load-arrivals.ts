import {
  condition,
  continueAsNew,
  defineSignal,
  isCancellation,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { LoadArrivalsInput, LoadArrivalsResult } from '../protocol/activities.js';
import { activitiesFor } from './activities.js';
import { rootMessage } from './error-view.js';

/** Something new has arrived for this loader's table. */
export const arrived = defineSignal('arrived');

/** How long a loader that cannot load waits for the bell before it tries again by itself. */
const mendingPoll = '1m';

/**
 * One per tenant and table: loads what has arrived in the lake, in order, and ends when nothing waits. The rows in
 * the control database are the content, the signal is a doorbell; being late costs nothing but time.
 */
export async function loadArrivals(input: LoadArrivalsInput): Promise<void> {
  let bell = 0;
  setHandler(arrived, () => {
    bell += 1;
  });
  const { loader } = activitiesFor(`load what arrived for ${input.target}`, {
    tenant: input.tenant,
    class: 'live',
  });
  for (;;) {
    // A bell that rang is answered by the next execution: it begins with a round.
    if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof loadArrivals>(input);
    const heard = bell;
    let round: LoadArrivalsResult;
    try {
      round = await loader.loadArrived(input);
    } catch (cause) {
      if (isCancellation(cause)) throw cause;
      // A permission that is lacking, a connection that was renamed: what waits here must outlive its mending.
      setCurrentDetails(`Cannot load: ${rootMessage(cause)}`);
      await condition(() => bell > heard, mendingPoll);
      continue;
    }
    setCurrentDetails(`${round.loaded} loaded, ${round.refused} refused; ${round.waiting} wait.`);
    // The last look before the end, with no await between: a bell that rang meanwhile means another round.
    if (round.waiting === 0 && bell === heard) return;
  }
}
