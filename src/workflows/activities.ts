import { ActivityCancellationType, type ActivityOptions, proxyActivities } from '@temporalio/workflow';
import type {
  ArrivalActivities,
  ControlActivities,
  EffectActivities,
  ExtractActivities,
  LoadActivities,
  TransformActivities,
} from '../protocol/activities.js';
import { taskQueues } from '../protocol/names.js';

/**
 * Unlimited attempts, bounded in time: a lost worker or a deploy uses up an attempt in Temporal's count, so a
 * maximum would fail a run for three deploys. The user's retries count the vendor's failures; see activities.
 */
const retry = { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' } as const;

const day = '24h';

/**
 * How long one attempt may take. Should its completion get lost on the way while the worker's heartbeats go on,
 * this is how long the run waits for nothing. All may be repeated: a long one goes on where the last one stopped.
 */
const attempt = { short: '5m', long: '2h' } as const;

function options(taskQueue: string): ActivityOptions {
  return {
    taskQueue,
    scheduleToCloseTimeout: day,
    startToCloseTimeout: taskQueue === taskQueues.workflow ? attempt.short : attempt.long,
    heartbeatTimeout: '10s',
    retry,
  };
}

/** Activities of one step, each shown in the Temporal Web UI with the step's own words. */
export function activitiesFor(summary: string) {
  const shown = (queue: string): ActivityOptions => ({ ...options(queue), summary: summary.slice(0, 200) });
  /** Left at once when cancelled: it only prepares what nobody will use. */
  const left = (queue: string) => ({
    ...shown(queue),
    cancellationType: ActivityCancellationType.TRY_CANCEL,
  });
  /** Waited for when cancelled: the receipt is written when nothing can be merged or sent any more. */
  const awaited = (queue: string) => ({
    ...shown(queue),
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  });
  return {
    /** On the workflows' own queue, where the worker that asks for one is handed it at once, without a round of the server. */
    control: proxyActivities<ControlActivities>(awaited(taskQueues.workflow)),
    extract: proxyActivities<ExtractActivities>(left(taskQueues.extract)),
    /** An extraction that may merge what it landed. */
    loadingExtract: proxyActivities<ExtractActivities>(awaited(taskQueues.extract)),
    stage: proxyActivities<Pick<LoadActivities, 'stageBatch'>>(left(taskQueues.load)),
    load: proxyActivities<Pick<LoadActivities, 'mergeBatch'>>(awaited(taskQueues.load)),
    /** A merge of few records is one short statement: as those of `control`. */
    loadFew: proxyActivities<Pick<LoadActivities, 'mergeBatch'>>(awaited(taskQueues.workflow)),
    loader: proxyActivities<ArrivalActivities>(awaited(taskQueues.load)),
    transform: proxyActivities<TransformActivities>(awaited(taskQueues.transform)),
    effect: proxyActivities<EffectActivities>(awaited(taskQueues.effect)),
  };
}
