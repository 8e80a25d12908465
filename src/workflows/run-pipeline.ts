import {
  CancellationScope,
  condition,
  defineQuery,
  defineSignal,
  isCancellation,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { dependenciesOf, type Step } from '../domain/plan.js';
import type { ErrorView } from '../protocol/errors.js';
import { type RunState, runIdPrefix } from '../protocol/names.js';
import type { RunPipelineInput, RunProgress, RunResult, StepState } from '../protocol/run.js';
import { activitiesFor } from './activities.js';
import { viewOf } from './error-view.js';
import { conclude, skippedRun } from './run-end.js';
import { contextOf, type RunScope, runStep } from './steps.js';

/** An extraction has more records than it stages itself; the argument is its step's id. */
export const stagerWanted = defineSignal<[string]>('stagerWanted');
/** A slot that this run waits for may be free now. */
export const slotFreed = defineSignal('slotFreed');
/** The run and its steps, as the history knows them: counts and times are in the control database. */
export const progress = defineQuery<RunProgress>('progress');

/** How long a waiting run waits for the bell before it looks by itself. */
const slotPoll = '30s';

/**
 * The one engine: claims its logical time, waits for a slot, runs the plan's steps as their dependencies allow,
 * and writes the receipt whatever happened. Arguments and results are references and counts, never data.
 */
export async function runPipeline(input: RunPipelineInput): Promise<RunResult> {
  const { workflowId, startTime } = workflowInfo();
  const logicalTime =
    input.logicalTime ?? workflowId.slice(runIdPrefix(input.pipeline, input.tenant).length + 1);
  const states: Record<string, StepState> = {};
  const wanted = new Set<string>();
  setHandler(stagerWanted, (stepId) => {
    wanted.add(stepId);
  });
  let bell = 0;
  setHandler(slotFreed, () => {
    bell += 1;
  });
  let state: RunState = 'queued';
  let steps: readonly Step[] = [];
  setHandler(progress, () => ({
    id: workflowId,
    pipeline: input.pipeline,
    tenant: input.tenant,
    logicalTime,
    state,
    steps: steps.map((step) => stepProgress(step, states[step.id] ?? 'pending')),
  }));

  const runClass = input.class ?? 'live';
  const { control } = activitiesFor(`${input.pipeline}: run`, { tenant: input.tenant, class: runClass });
  let heard = bell;
  // Not to be cancelled half-way: a claimed run is ended below, and a row that nobody ends would stay open.
  const claim = await CancellationScope.nonCancellable(() => control.claimRun({ ...input, logicalTime }));
  if (claim.outcome === 'taken') return skippedRun(workflowId, input.pipeline);

  const { plan, runId } = claim;
  const context = { runId, tenant: input.tenant, class: runClass };
  const run: RunScope = {
    ...context,
    plan,
    fullRefresh: input.fullRefresh,
    ownStaging: claim.ownStaging ?? null,
    stagerWanted: (stepId) => wanted.has(stepId),
    window: input.window ?? null,
    staged: new Map(),
  };
  for (const step of plan.steps) states[step.id] = 'pending';
  for (const { id, output } of claim.finished ?? []) {
    states[id] = 'succeeded';
    if (output !== null) run.staged.set(id, output);
  }
  steps = plan.steps;

  let error: ErrorView | null = null;
  try {
    const { pipeline, concurrency: limit } = plan;
    for (let has = claim.slot; ; has = undefined) {
      if (has === undefined) {
        heard = bell;
        has = (await control.acquireSlot({ ...context, pipeline, limit })).acquired;
      }
      if (has) break;
      state = 'waiting';
      tell(states, 'waiting for another run of this pipeline to end');
      await condition(() => bell > heard, slotPoll);
    }
    state = 'running';
    error = await runSteps(run, states);
    state = error === null ? 'succeeded' : 'failed';
  } catch (cause) {
    state = isCancellation(cause) ? 'cancelled' : 'failed';
    error = isCancellation(cause) ? null : viewOf(cause, plan.pipeline);
  }

  const result = await CancellationScope.nonCancellable(() =>
    control.finishRun({
      ...context,
      pipeline: plan.pipeline,
      state,
      receiptStep: plan.receiptStep,
      error,
      startedAtMs: startTime.getTime(),
      ...(input.parent === undefined ? {} : { parent: input.parent }),
    }),
  );
  tell(states, `${result.state}: ${result.receipt.loaded} loaded of ${result.receipt.read} read`);
  return conclude({ ...result, state, error });
}

/** Runs the plan; a step starts when all it depends on has succeeded. Answers the first failure, if any. */
async function runSteps(run: RunScope, states: Record<string, StepState>): Promise<ErrorView | null> {
  let failure: ErrorView | null = null;
  const started = new Map<string, Promise<boolean>>();
  const byId = new Map(run.plan.steps.map((step) => [step.id, step]));

  const start = (step: Step): Promise<boolean> => {
    const known = started.get(step.id);
    if (known !== undefined) return known;
    const running = perform(step);
    started.set(step.id, running);
    return running;
  };

  /** True when dependants may go on. */
  const perform = async (step: Step): Promise<boolean> => {
    if (states[step.id] === 'succeeded') return true;
    const needs = dependenciesOf(step)
      .map((id) => byId.get(id))
      .filter((need) => need !== undefined);
    const ready = await Promise.all(needs.map(start));
    if (ready.includes(false)) {
      states[step.id] = 'skipped';
      return false;
    }
    states[step.id] = 'running';
    tell(states);
    try {
      await runStep(run, step);
      states[step.id] = 'succeeded';
      return true;
    } catch (cause) {
      if (isCancellation(cause)) throw cause;
      const view = viewOf(cause, step.title);
      failure ??= { ...view, where: `step ${step.id}` };
      states[step.id] = 'failed';
      await activitiesFor(step.title, run).control.noteStep({
        ...contextOf(run),
        stepId: step.id,
        state: 'failed',
        detail: view.detail,
      });
      return step.allowFailure === true;
    } finally {
      tell(states);
    }
  };

  const results = await Promise.allSettled(run.plan.steps.map(start));
  const cancelled = results.find((result) => result.status === 'rejected');
  if (cancelled !== undefined) throw cancelled.reason;
  return failure;
}

function stepProgress(step: Step, state: StepState): RunProgress['steps'][number] {
  return {
    id: step.id,
    title: step.title,
    state,
    attempt: 0,
    startedAt: null,
    endedAt: null,
    counts: {},
    detail: null,
  };
}

/** Current details, as the Temporal Web UI shows them: one line a step. */
function tell(states: Readonly<Record<string, StepState>>, headline?: string): void {
  const marks: Record<StepState, string> = {
    pending: '◌',
    running: '▶',
    retrying: '↻',
    succeeded: '✓',
    skipped: '⦸',
    failed: '✗',
    cancelled: '⦸',
  };
  const lines = Object.entries(states).map(([id, state]) => `- ${marks[state]} ${id}`);
  setCurrentDetails([...(headline === undefined ? [] : [`**${headline}**`, '']), ...lines].join('\n'));
}
