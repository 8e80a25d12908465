import { setTimeout as sleep } from 'node:timers/promises';
import type { Retention } from '../config/schema/retention.js';
import type { Logger } from '../observability/logger.js';
import { type RetentionDeps, sweep } from '../repair/retention.js';

/**
 * Removes what is past its time, again and again, whichever process comes first. Never throws: what could not be
 * swept is swept in a later round. Answers how to end it.
 */
export function sweepRetention(
  deps: Omit<RetentionDeps, 'signal'> & { readonly log: Logger },
  policy: Retention,
): () => Promise<void> {
  const stopping = new AbortController();
  const { signal } = stopping;
  const running = (async () => {
    while (!signal.aborted) {
      await sleep(policy.everyMs, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      try {
        const swept = await sweep({ ...deps, signal }, policy, { dryRun: false });
        if (swept !== null) deps.log.info({ ...swept }, 'what was past its time is removed');
      } catch (error) {
        if (!signal.aborted)
          deps.log.warn({ detail: (error as Error).message }, 'what is past its time could not be removed');
      }
    }
  })();
  return async () => {
    stopping.abort();
    await running;
  };
}
