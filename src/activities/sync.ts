import { setTimeout as sleep } from 'node:timers/promises';
import { activityInfo } from '@temporalio/activity';
import type { SyncDesk, SyncState } from '../connectors/port.js';
import type { ExtractActivities, SyncInput } from '../protocol/activities.js';
import { BatonError } from '../protocol/errors.js';
import { asActivity } from './failure.js';
import { requestClass } from './outage.js';
import type { ActivityDeps } from './ports.js';
import { judge, told } from './vendor-failure.js';
import { patiently } from './walk.js';

type SyncActivities = Pick<ExtractActivities, 'beginSync' | 'startSync' | 'checkSync'>;

/** Starts and watches the syncs of services that move data by themselves. */
export function createSyncActivities(deps: ActivityDeps): SyncActivities {
  return {
    beginSync: (input) =>
      working(deps, input, async (desk, signal) => {
        const { step, runId, isOfPast } = input;
        await deps.runs.stepStarted(runId, step.id, activityInfo().attempt);
        if (isOfPast) return over(deps, input, 'not needed: the run reads an interval of the past');
        const state = await look(desk, input, signal);
        const mark = state.ended?.mark ?? null;
        const freshSince = step.withinMs === null ? null : Date.now() - step.withinMs;
        const isFresh =
          step.mode === 'await' &&
          freshSince !== null &&
          state.succeededAt !== null &&
          Date.parse(state.succeededAt) >= freshSince;
        return isFresh ? over(deps, input, `succeeded at ${state.succeededAt}`) : { mark, isOver: false };
      }),

    startSync: (input) =>
      working(deps, input, async (desk, signal) => {
        const { connection, syncId } = input.step;
        const isUnderWay = async () => {
          const { isRunning, ended, hindrance } = await look(desk, input, signal);
          if (isRunning || (ended?.mark ?? null) !== input.mark) return true;
          if (hindrance !== null) throw failed(input, hindrance);
          return false;
        };
        if (await isUnderWay()) return;
        if (activityInfo().attempt > 1) {
          // An earlier attempt may have asked for it, and the vendor may be late.
          await sleep(desk.settleMs, undefined, { signal });
          if (await isUnderWay()) return;
        }
        const outcome = await desk.start(input.step.syncId, signal);
        if (outcome.kind === 'confirmed' || (await isUnderWay())) return;
        if (outcome.kind === 'refused' && !outcome.retryable) throw failed(input, outcome.reason);
        throw new BatonError('ERR_SOURCE_UNAVAILABLE', {
          detail: `${connection}: the sync of ${syncId} was not started, or it is not known: ${outcome.reason}`,
          vendor: true,
          ...(outcome.kind === 'refused' && outcome.retryAfterMs !== undefined
            ? { retryAfterMs: outcome.retryAfterMs }
            : {}),
        });
      }),

    checkSync: (input) =>
      working(deps, input, async (desk, signal) => {
        const { isRunning, ended, hindrance } = await look(desk, input, signal);
        const isOver = !isRunning && ended !== null && ended.mark !== input.mark;
        if (!isOver) {
          if (!isRunning && hindrance !== null) throw failed(input, hindrance);
          if (input.isLate) throw late(input);
          return { isOver, isIdle: !isRunning };
        }
        if (ended.outcome !== 'succeeded') throw failed(input, ended.words);
        return { isOver: (await over(deps, input, ended.words)).isOver };
      }),
  };
}

function look(desk: SyncDesk, { step }: SyncInput, signal: AbortSignal): Promise<SyncState> {
  return patiently(() => desk.state(step.syncId, signal), signal);
}

async function over(
  deps: ActivityDeps,
  { runId, step }: SyncInput,
  words: string,
): Promise<{ readonly mark: null; readonly isOver: true }> {
  await deps.runs.stepEnded(runId, step.id, 'succeeded', words);
  return { mark: null, isOver: true };
}

function late({ step: { connection, syncId, timeoutMs } }: SyncInput): BatonError {
  const minutes = Math.ceil(timeoutMs / 60_000);
  return new BatonError('ERR_SYNC_LATE', {
    detail: `The sync of ${syncId} at ${connection} has not ended within ${minutes} min. It goes on there, and nobody waits for it any longer.`,
  });
}

function failed({ step }: SyncInput, words: string): BatonError {
  return new BatonError('ERR_SYNC_FAILED', {
    detail: `The sync of ${step.syncId} at ${step.connection}: ${words}.`,
  });
}

async function working<T>(
  deps: ActivityDeps,
  input: SyncInput,
  work: (desk: SyncDesk, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { step, runId } = input;
  return asActivity(deps.log, { run: runId, step: step.id }, async (signal) => {
    try {
      const { syncs } = deps.connections.open(step.connection, requestClass());
      if (syncs === undefined)
        throw new BatonError('ERR_PLAN_INVALID', { detail: `Connection ${step.connection} has no syncs.` });
      return await work(syncs, signal);
    } catch (error) {
      if (signal.aborted || !(error instanceof BatonError)) throw error;
      throw await judge(deps, input, told(step, error));
    }
  });
}
