import { ActivityCancellationType, type ActivityOptions, proxyActivities } from '@temporalio/workflow';
import type {
  ArrivalActivities,
  ControlActivities,
  EffectActivities,
  ExtractActivities,
  FileActivities,
  LoadActivities,
  TransformActivities,
} from '../protocol/activities.js';
import { priorityOf, type RunClass, taskQueues } from '../protocol/names.js';

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

/** For whom activities are: it decides about their place in a queue. */
export interface Beneficiary {
  readonly tenant: string;
  readonly class: RunClass;
}

/**
 * Activities of one step, each shown in the Temporal Web UI with the step's own words. Backfill and repair have
 * queues of their own for what takes long: a stock server knows neither priorities nor tenants.
 */
export function activitiesFor(summary: string, of: Beneficiary) {
  const live = of.class === 'live';
  const extractQueue = live ? taskQueues.extract : taskQueues.extractBulk;
  const loadQueue = live ? taskQueues.load : taskQueues.loadBulk;
  const shown = (queue: string): ActivityOptions => ({
    ...options(queue),
    summary: summary.slice(0, 200),
    priority: { priorityKey: priorityOf[of.class], fairnessKey: of.tenant },
  });
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
    extract: proxyActivities<ExtractActivities>(left(extractQueue)),
    files: proxyActivities<FileActivities>(left(extractQueue)),
    /** An extraction that may merge what it landed. */
    loadingExtract: proxyActivities<ExtractActivities>(awaited(extractQueue)),
    stage: proxyActivities<Pick<LoadActivities, 'stageBatch'>>(left(loadQueue)),
    load: proxyActivities<Pick<LoadActivities, 'mergeBatch'>>(awaited(loadQueue)),
    /** A merge of few records is one short statement: as those of `control`. */
    loadFew: proxyActivities<Pick<LoadActivities, 'mergeBatch'>>(awaited(taskQueues.workflow)),
    loader: proxyActivities<ArrivalActivities>(awaited(loadQueue)),
    transform: proxyActivities<TransformActivities>(awaited(taskQueues.transform)),
    effect: proxyActivities<EffectActivities>(awaited(taskQueues.effect)),
  };
}
