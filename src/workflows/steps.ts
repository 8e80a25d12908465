import { CancellationScope, isCancellation, sleep } from '@temporalio/workflow';
import { attemptsPerSeries } from '../domain/effect.js';
import type { ExtractStep, LoadStep, Plan, ReconcileStep, Step, TicketsStep } from '../domain/plan.js';
import type { StageResult, StepContext } from '../protocol/activities.js';
import { activitiesFor } from './activities.js';

/** What the steps of one run share. */
export interface RunScope extends StepContext {
  readonly plan: Plan;
  readonly fullRefresh: boolean;
  /** Of the extract steps that are done. */
  readonly staged: Map<string, StageResult>;
}

/** Runs one step to its end; throws when it fails for good. */
export async function runStep(run: RunScope, step: Step): Promise<void> {
  switch (step.kind) {
    case 'extract':
      return step.landing === undefined ? extractAndStage(run, step) : extractOnly(run, step);
    case 'load':
      return load(run, step);
    case 'reconcile':
      return reconcile(run, step);
    case 'tickets':
      return tickets(run, step);
  }
}

/** Lands it and no more: who loads it waits for no run, and no run waits for it. */
async function extractOnly(run: RunScope, step: ExtractStep): Promise<void> {
  await activitiesFor(step.title).extract.extractStream({
    runId: run.runId,
    tenant: run.tenant,
    step,
    fullRefresh: run.fullRefresh,
    parameters: {},
  });
}

/** Landing and staging side by side; when one fails for good the other is called off. */
async function extractAndStage(run: RunScope, step: ExtractStep): Promise<void> {
  const { extract, stage } = activitiesFor(step.title);
  const context = { runId: run.runId, tenant: run.tenant, step };
  const rangeColumn = rangeColumnOf(run.plan, step.id);
  const parameters = rangeParameters(run, step);
  const both = new CancellationScope({ cancellable: true });
  const staged = await both.run(async () => {
    const extracting = extract.extractStream({ ...context, fullRefresh: run.fullRefresh, parameters });
    const staging = stage.stageBatch({ ...context, rangeColumn });
    const [landed, result] = await Promise.allSettled([
      extracting.catch((error: unknown) => {
        if (!isCancellation(error)) both.cancel();
        throw error;
      }),
      staging.catch((error: unknown) => {
        if (!isCancellation(error)) both.cancel();
        throw error;
      }),
    ]);
    const causes = [landed, result].filter((settled) => settled.status === 'rejected').map((s) => s.reason);
    const cause = causes.find((reason) => !isCancellation(reason)) ?? causes[0];
    if (cause !== undefined) throw cause;
    return (result as PromiseFulfilledResult<StageResult>).value;
  });
  run.staged.set(step.id, staged);
}

/** The column of this step's staging that another step takes its range from. */
function rangeColumnOf(plan: Plan, stepId: string): string | null {
  for (const step of plan.steps)
    if (step.kind === 'extract' && step.range?.step === stepId) return step.range.column;
  return null;
}

/** `from` and `to` as dates, widened by the margin at the start; nothing staged = only today's. */
function rangeParameters(run: RunScope, step: ExtractStep): Readonly<Record<string, string>> {
  if (step.range === undefined) return {};
  const range = run.staged.get(step.range.step)?.range;
  if (range === undefined || range === null) return {};
  const from = new Date(Date.parse(range.from) - step.range.marginDays * 86_400_000);
  return { from: from.toISOString().slice(0, 10), to: range.to };
}

async function load(run: RunScope, step: LoadStep): Promise<void> {
  const source = run.plan.steps.find((candidate) => candidate.id === step.from);
  const staged = run.staged.get(step.from);
  if (source?.kind !== 'extract' || staged === undefined)
    throw new Error(`${step.id} loads from ${step.from}`);
  await activitiesFor(step.title).load.mergeBatch({
    runId: run.runId,
    tenant: run.tenant,
    step: source,
    loadStepId: step.id,
    staging: staged.staging,
  });
}

async function reconcile(run: RunScope, step: ReconcileStep): Promise<void> {
  await activitiesFor(step.title).transform.reconcile({ runId: run.runId, tenant: run.tenant, step });
}

/** Three rounds, 4 to 10 s apart; what is then still open is parked, the step is skipped and not failed. */
async function tickets(run: RunScope, step: TicketsStep): Promise<void> {
  const { control, effect } = activitiesFor(step.title);
  await control.planTickets({ runId: run.runId, tenant: run.tenant, step });
  for (let round = 1; ; ) {
    const park = round > attemptsPerSeries;
    const sent = await effect.sendEffects({
      connection: step.connection,
      tenant: run.tenant,
      run: { runId: run.runId, stepId: step.id, park },
    });
    if (sent.open === 0) return;
    // More than one round holds: as long as the desk takes them, no attempt is used up.
    if (sent.failed === 0 && sent.confirmed > 0) continue;
    if (round < attemptsPerSeries)
      await sleep(Math.min(Math.max(sent.nextDueMs ?? 0, 4_000), 10_000), {
        summary: `desk ${step.connection}: next attempt`,
      });
    round += 1;
  }
}
