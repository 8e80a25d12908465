import { activityInfo } from '@temporalio/activity';
import type { Arrival } from '../control/arrivals.js';
import { filesStream } from '../domain/file-step.js';
import type { ArrivalActivities } from '../protocol/activities.js';
import { BatonError, type ErrorName } from '../protocol/errors.js';
import type { LoadCounts } from '../warehouse/port.js';
import { asActivity, handBackIfStopping } from './failure.js';
import { loadArrivedBatch } from './load-batch.js';
import { loadObject } from './load-object.js';
import type { ActivityDeps } from './ports.js';

/** After this long a round ends, so that its workflow shows how far it is. */
const roundMs = 30_000;

/**
 * The fault of what has arrived, not of where it is loaded: it is refused, and the next one's turn comes. A batch that a
 * frozen table refuses is loaded by the contract of its own run's plan: no other would ever come to it.
 */
const refusals: ReadonlySet<ErrorName> = new Set([
  'ERR_LAKE_OBJECT_CHANGED',
  'ERR_LAKE_OBJECT_UNREADABLE',
  'ERR_SCHEMA_FROZEN',
]);

export interface LoadedArrival {
  /** As rows name it in `_batch_id`. */
  readonly load: string;
  readonly counts: LoadCounts;
}

export function createArrivalActivities(deps: ActivityDeps): ArrivalActivities {
  return {
    /**
     * Loads the queue's arrivals one by one, oldest first. The warehouse's fence makes each load happen once; the row
     * is acknowledged after it, and a repeat that finds it loaded only acknowledges. Anything but a fault of the
     * arrival itself is thrown: it waits, and with it what came later, so that the order is kept.
     */
    loadArrived: (queue) =>
      asActivity(deps.log, { tenant: queue.tenant, target: queue.target }, async (signal) => {
        const until = Date.now() + roundMs;
        let loaded = 0;
        let refused = 0;
        for (;;) {
          signal.throwIfAborted();
          handBackIfStopping(deps.stopping);
          const next = Date.now() < until ? await deps.arrivals.next(queue) : null;
          if (next === null) return { loaded, refused, waiting: await deps.arrivals.waiting(queue) };
          if (await loadOne(deps, next, signal)) loaded += 1;
          else refused += 1;
        }
      }),
  };
}

/** False when it had to be refused. */
async function loadOne(deps: ActivityDeps, arrival: Arrival, signal: AbortSignal): Promise<boolean> {
  const work = { attempt: attemptName(), signal };
  try {
    const { load, counts } =
      arrival.batch_id === null
        ? await loadObject(deps, arrival, work)
        : await loadArrivedBatch(deps, arrival, work);
    await deps.arrivals.loaded(arrival.id, load, counts);
    if (arrival.stream === filesStream && arrival.batch_id !== null)
      await deps.files.loaded(arrival.batch_id, arrival.generation ?? 0, counts);
    deps.log.info({ arrival: arrival.id, key: arrival.key, load, loaded: counts.loaded }, 'loaded');
    return true;
  } catch (error) {
    if (!(error instanceof BatonError) || !refusals.has(error.error)) throw error;
    const reason = `${error.message} (${error.code})`;
    await deps.arrivals.refuse(arrival.id, reason);
    if (arrival.stream === filesStream && arrival.batch_id !== null)
      await deps.files.refused(arrival.batch_id, arrival.generation ?? 0, reason);
    deps.log.warn({ arrival: arrival.id, key: arrival.key, detail: error.message }, 'refused');
    return false;
  }
}

/** Rises from attempt to attempt, also over those of different activities. */
function attemptName(): string {
  return `l${Date.now().toString(36)}_${activityInfo().workflowExecution?.runId.slice(-4) ?? ''}`;
}
