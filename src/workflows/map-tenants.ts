import {
  CancellationScope,
  continueAsNew,
  defineQuery,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { FanOutTurn, MapTenantsInput } from '../protocol/fan-out.js';
import { everyTenant, type RunState, runIdPrefix } from '../protocol/names.js';
import type { RunProgress, RunResult, StepState } from '../protocol/run.js';
import { activitiesFor } from './activities.js';
import { driveFanOut } from './fan-out.js';
import { conclude, skippedRun } from './run-end.js';

/** The mapped run as one step with counts; each tenant's steps are its own run's. */
const progress = defineQuery<RunProgress>('progress');

/**
 * One pipeline for every tenant, a few at once, each as a run of its own: one that fails or is slow is nobody else's
 * concern. Which tenants there are is looked up when the run begins. Ends `partial` while no more than the tolerated
 * share has failed; tried again, it runs those that failed and leaves the others.
 */
export async function mapTenants(input: MapTenantsInput): Promise<RunResult> {
  const { workflowId: id, startTime } = workflowInfo();
  const logicalTime = input.logicalTime ?? id.slice(runIdPrefix(input.pipeline, everyTenant).length + 1);
  const startedAtMs = input.continuedSinceMs ?? startTime.getTime();
  const of = { tenant: everyTenant, class: 'live' } as const;
  const { control } = activitiesFor(`${input.pipeline}: each tenant`, of);
  let last: FanOutTurn | null = null;
  setHandler(progress, () => progressOf(input.pipeline, id, logicalTime, last));

  if (input.continuedSinceMs === undefined) {
    const claim = await CancellationScope.nonCancellable(() => control.openMap({ ...input, logicalTime }));
    if (claim.outcome === 'taken') return skippedRun(id, input.pipeline);
  }
  await driveFanOut({
    id,
    title: `${input.pipeline}: next tenants`,
    of,
    continued: input.continuedSinceMs !== undefined,
    onTurn: (turn) => {
      last = turn;
    },
    continueAsNew: () =>
      continueAsNew<typeof mapTenants>({ ...input, logicalTime, continuedSinceMs: startedAtMs }),
  });
  return conclude(await CancellationScope.nonCancellable(() => control.finishMap({ id, startedAtMs })));
}

function progressOf(pipeline: string, id: string, logicalTime: string, turn: FanOutTurn | null): RunProgress {
  const state: RunState =
    turn === null
      ? 'queued'
      : turn.state === 'paused' || turn.state === 'cancelling'
        ? 'running'
        : turn.state;
  const step: StepState =
    state === 'partial' ? 'succeeded' : state === 'queued' ? 'pending' : (state as StepState);
  const counts = turn?.counts ?? {};
  return {
    id,
    pipeline,
    tenant: everyTenant,
    logicalTime,
    state,
    steps: [
      {
        id: 'tenants',
        title: 'each tenant',
        state: step,
        attempt: 0,
        startedAt: null,
        endedAt: null,
        counts,
        detail: null,
      },
    ],
  };
}
