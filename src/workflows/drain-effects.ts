import {
  condition,
  continueAsNew,
  defineSignal,
  isCancellation,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { DrainEffectsInput, SendResult } from '../protocol/activities.js';
import { activitiesFor } from './activities.js';
import { rootMessage } from './error-view.js';

/** Something new waits for this connection's drainer. */
export const effectsParked = defineSignal('effectsParked');

const shortestMs = 5_000;
const longestMs = 300_000;
const sweepEveryMs = 610_000;

/**
 * One per connection and tenant: sends what runs had to leave behind, and messages, in order, and ends when
 * nothing is left. While the vendor is down it knocks once a round, ever more rarely, for as long as it takes.
 */
export async function drainEffects(input: DrainEffectsInput): Promise<void> {
  let bell = 0;
  setHandler(effectsParked, () => {
    bell += 1;
  });
  let idleRounds = input.idleRounds;
  const { effect } = activitiesFor(`send what waits for ${input.connection}`, {
    tenant: input.tenant,
    class: 'live',
  });
  for (;;) {
    // A bell that rang is answered by the next execution: it begins with a round.
    if (workflowInfo().continueAsNewSuggested)
      await continueAsNew<typeof drainEffects>({ ...input, idleRounds });
    const heard = bell;
    let sent: SendResult;
    try {
      sent = await effect.sendEffects({ connection: input.connection, tenant: input.tenant, run: null });
    } catch (cause) {
      if (isCancellation(cause)) throw cause;
      // A secret that is not there, a connection that was renamed: what waits here must outlive its mending.
      setCurrentDetails(`Cannot send: ${rootMessage(cause)}`);
      await condition(() => bell > heard, longestMs);
      continue;
    }
    idleRounds = sent.confirmed + sent.dead > 0 || sent.open === 0 ? 0 : idleRounds + 1;
    setCurrentDetails(`${sent.open} wait for ${input.connection}; ${sent.unswept} to be swept for copies.`);
    // The last look before the end, with no await between: a bell that rang meanwhile means another round.
    if (sent.open === 0 && sent.unswept === 0 && bell === heard) return;
    if (bell > heard) continue;
    await condition(() => bell > heard, waitMs(sent.open, sent.nextDueMs, idleRounds));
  }
}

function waitMs(open: number, nextDueMs: number | null, idleRounds: number): number {
  if (open === 0) return sweepEveryMs;
  const backoffMs = idleRounds === 0 ? 0 : Math.min(shortestMs * 2 ** (idleRounds - 1), longestMs);
  return Math.max(backoffMs, nextDueMs ?? 0, 100);
}
