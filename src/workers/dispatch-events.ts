import { startDispatcher } from '../events/dispatcher.js';
import type { compose } from './compose.js';

/** How often it is looked for events when nothing is heard of any. */
const everyMs = 1_000;

/** Handles and lands events from now on, in this process beside others. */
export function dispatchEvents(parts: Pick<Awaited<ReturnType<typeof compose>>, 'events' | 'onEvents'>): {
  stop(): Promise<void>;
} {
  const dispatcher = startDispatcher(parts.events, everyMs);
  const hearing = parts.onEvents(dispatcher.wake);
  return {
    async stop() {
      hearing.close();
      await dispatcher.stop();
    },
  };
}
