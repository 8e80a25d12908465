import { isDeepStrictEqual } from 'node:util';
import { activityInfo } from '@temporalio/activity';
import type { LandedBy } from '../control/arrivals.js';
import { incidentBell } from '../control/incidents.js';
import type { Plan } from '../domain/plan.js';
import type { ControlActivities, FinishedStep, FinishRunInput } from '../protocol/activities.js';
import { finalRunStates, runId as runIdOf } from '../protocol/names.js';
import { withinLimit } from '../protocol/payload.js';
import type { Receipt, RunResult } from '../protocol/run.js';
import { type Alert, sendAlerts } from './alerts.js';
import { asActivity } from './failure.js';
import { createFanOutActivities } from './fan-out.js';
import { finishFile } from './finish-file.js';
import { planFulfilment } from './plan-fulfilment.js';
import { planIncident } from './plan-incident.js';
import { planTickets } from './plan-tickets.js';
import type { ActivityDeps } from './ports.js';

/** One COPY: less than a second's work, which costs more to hand over than to do. */
const ownStaging = 1_000;

const noReceipt: Receipt = {
  pages: 0,
  calls: 0,
  read: 0,
  loaded: 0,
  unchanged: 0,
  quarantined: 0,
  duplicate: 0,
  stale: 0,
  filtered: 0,
};

export function createControlActivities(deps: ActivityDeps): ControlActivities {
  return {
    ...createFanOutActivities(deps),

    planIncident: ({ id }) =>
      asActivity(deps.log, { incident: id }, () => planIncident(deps, incidentBell(id), id)),

    planFulfilment: ({ id }) => asActivity(deps.log, { fulfilment: id }, () => planFulfilment(deps, id)),

    decideFulfilment: ({ id, ...decision }) =>
      asActivity(deps.log, { fulfilment: id }, () => deps.fulfilments.decide(id, decision)),

    finishFile: (input) => asActivity(deps.log, { file: input.id }, () => finishFile(deps, input)),

    claimRun: (input) =>
      asActivity(deps.log, { pipeline: input.pipeline }, async () => {
        const plan = withinLimit(deps.compile(input), `The plan of ${input.pipeline}`);
        const execution = activityInfo().workflowExecution;
        // The execution's own id, also when it was started by an alias: slots and reconciler ask Temporal for it.
        const id = execution?.workflowId ?? runIdOf(plan.pipeline, input.tenant, input.logicalTime);
        const attempt = input.attempt ?? 1;
        const before = attempt > 1 ? await deps.runs.planOf(id) : null;
        const claimed = await deps.runs.claim({
          ...input,
          id,
          pipeline: plan.pipeline,
          temporalRunId: execution?.runId ?? '',
          plan,
        });
        if (!claimed) return { outcome: 'taken' };
        const { pipeline, concurrency: limit } = plan;
        const runClass = input.class ?? 'live';
        const slot = await takeSlot(deps, {
          runId: id,
          tenant: input.tenant,
          class: runClass,
          pipeline,
          limit,
        });
        const claim = { outcome: 'claimed', runId: id, plan, slot, ownStaging } as const;
        if (before === null) return claim;
        return { ...claim, finished: stillFinished(plan, before, await deps.runs.finishedSteps(id)) };
      }),

    acquireSlot: (input) =>
      asActivity(deps.log, { run: input.runId }, async () => ({ acquired: await takeSlot(deps, input) })),

    noteStep: ({ runId, stepId, state, detail }) =>
      asActivity(deps.log, { run: runId, step: stepId }, () =>
        deps.runs.stepEnded(runId, stepId, state, detail),
      ),

    planTickets: (input) =>
      asActivity(deps.log, { run: input.runId, step: input.step.id }, async (signal) => {
        await deps.runs.stepStarted(input.runId, input.step.id, activityInfo().attempt);
        const during = {
          ...deps,
          warehouse: deps.warehouse.during(signal),
          effects: deps.effects.during(signal),
        };
        return { planned: await planTickets(during, input) };
      }),

    finishRun: (input) => asActivity(deps.log, { run: input.runId }, () => finishRun(deps, input)),
  };
}

/**
 * Takes a slot of the pipeline and tenant for the run, if need be one whose owner is gone. A backfill's run needs none:
 * its window limits it already, and it must not keep a live run waiting.
 */
async function takeSlot(
  deps: ActivityDeps,
  input: Parameters<ControlActivities['acquireSlot']>[0],
): Promise<boolean> {
  if (input.class === 'backfill') {
    await deps.runs.begin(input.runId);
    return true;
  }
  const slot = {
    key: `${input.pipeline}/${input.tenant}`,
    limit: input.limit,
    runId: input.runId,
    temporalRunId: activityInfo().workflowExecution?.runId ?? '',
  };
  const first = await deps.runs.acquireSlot(slot);
  if (first.acquired) return true;
  let freed = false;
  for (const owner of first.owners) {
    if (await deps.orchestrator.isRunning(owner.run_id, owner.temporal_run_id)) continue;
    await deps.runs.releaseSlot(owner.run_id);
    freed = true;
  }
  return freed && (await deps.runs.acquireSlot(slot)).acquired;
}

/** What is the same in today's plan as in the one that it was done by, which comes from the database. */
function stillFinished(plan: Plan, before: Plan, finished: readonly FinishedStep[]): FinishedStep[] {
  const stepOf = (of: Plan, id: string) => of.steps.find((step) => step.id === id);
  const today: Plan = JSON.parse(JSON.stringify(plan));
  return finished.filter(({ id, output }) => {
    const step = stepOf(today, id);
    const leavesNothing = step?.kind !== 'extract' || step.landing !== undefined;
    return isDeepStrictEqual(step, stepOf(before, id)) && (output !== null || leavesNothing);
  });
}

async function finishRun(deps: ActivityDeps, input: FinishRunInput): Promise<RunResult> {
  const receipt = await receiptOf(deps, input.runId, input.receiptStep);
  const { opened, updated, resolved } = await deps.effects.countsOfRun(input.runId);
  const tickets = { opened, updated, resolved };
  const row = await deps.runs.finish({
    id: input.runId,
    state: input.state,
    receipt,
    tickets,
    error: input.error,
  });
  const durationMs = (row.ended_at ?? new Date()).getTime() - input.startedAtMs;
  const result: RunResult = {
    id: row.id,
    pipeline: row.pipeline,
    state: row.state,
    durationMs,
    receipt: row.receipt ?? receipt,
    tickets: row.tickets ?? tickets,
    error: row.error,
  };
  for (const connection of await deps.effects.parkAll(input.tenant))
    await deps.orchestrator.wakeDrain(connection, input.tenant);
  await announce(deps, input, result, row.attempt);
  if (input.parent !== undefined) await deps.orchestrator.fanOutChanged(input.parent);
  const next = await deps.runs.nextWaiting(input.pipeline, input.tenant);
  if (next !== null) await deps.orchestrator.slotFreed(next);
  return result;
}

/** From what is stored beside the data, never from memory. */
async function receiptOf(deps: ActivityDeps, runId: string, stepId: string): Promise<Receipt> {
  const landed = await deps.arrivals.landedBy(runId);
  if (landed !== null) return receiptOfLanding(landed);
  const batch = await deps.batches.find(runId, stepId);
  if (batch === null) return noReceipt;
  const counts = await deps.warehouse.loadCounts(batch.batch_id, batch.generation);
  return { ...noReceipt, ...(await deps.batches.reads(batch)), ...counts };
}

/** What is loaded by now; the rest waits, and its loads account for it. */
function receiptOfLanding({ pages, calls, read, counts }: LandedBy): Receipt {
  const { loaded, unchanged, quarantined, duplicate, stale, filtered } = counts;
  const ended = loaded + unchanged + quarantined + duplicate + stale + filtered;
  return { ...noReceipt, ...counts, pages, calls, read, waiting: read - ended };
}

async function announce(
  deps: ActivityDeps,
  input: FinishRunInput,
  result: RunResult,
  attempt: number,
): Promise<void> {
  if (!finalRunStates.has(result.state) || result.state === 'cancelled' || result.state === 'skipped') return;
  const failed = result.state === 'failed';
  const alert: Alert = {
    runId: input.runId,
    tenant: input.tenant,
    cause: `run:${input.runId}`,
    action: failed ? 'failed' : 'succeeded',
    ordinal: String(attempt),
    severity: failed ? 'critical' : 'info',
    title: `${input.pipeline} ${result.state}`,
    text: result.error === null ? 'All steps are done.' : `${result.error.detail}\n${result.error.fix}`,
    fields: [
      { name: 'Run', value: input.runId },
      { name: 'Loaded', value: String(result.receipt.loaded) },
      { name: 'Quarantined', value: String(result.receipt.quarantined) },
      ...(result.error === null ? [] : [{ name: 'Error', value: result.error.code }]),
    ],
  };
  await sendAlerts(deps, failed ? deps.alerts.on_failure : deps.alerts.on_success, alert, true);
}
