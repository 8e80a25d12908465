import type { ActivityDeps } from '../activities/ports.js';

/**
 * Wakes the drainer of everything that waits, when a worker has started: it may have been lost with Temporal's
 * database or terminated by a person, or may wait for what this worker brings, such as a secret that was missing.
 * Never throws: the worker serves all the same, and the gateway looks again.
 */
export async function wakeDrainers(
  deps: Pick<ActivityDeps, 'effects' | 'orchestrator' | 'log'>,
): Promise<void> {
  const note = (error: unknown, fields: object = {}) =>
    deps.log.warn({ ...fields, detail: (error as Error).message }, 'a drainer could not be woken');
  try {
    for (const { connection, tenant } of await deps.effects.drainable())
      await deps.orchestrator
        .wakeDrain(connection, tenant)
        .catch((error: unknown) => note(error, { connection, tenant }));
  } catch (error) {
    note(error);
  }
}
