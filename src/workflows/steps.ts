import { CancellationScope, condition, isCancellation, sleep } from '@temporalio/workflow';
import { attemptsPerSeries } from '../domain/effect.js';
import {
  type AcknowledgeStep,
  type CompareStep,
  dependenciesOf,
  type ExtractStep,
  type LoadStep,
  type Plan,
  type ReconcileStep,
  type Step,
  type SweepStep,
  type SyncStep,
  type TicketsStep,
} from '../domain/plan.js';
import type { OwnStaging, StageResult, StepContext } from '../protocol/activities.js';
import type { Interval } from '../protocol/run.js';
import { activitiesFor } from './activities.js';

interface Staged extends StageResult {
  /** Present when its extraction staged it, since it is little: whether it merged it as well. */
  readonly few?: { readonly merged: boolean };
}

/** What the steps of one run share. */
export interface RunScope extends StepContext {
  readonly plan: Plan;
  readonly fullRefresh: boolean;
  /** Up to so many records an extraction stages itself; null = each has a stager beside it. */
  readonly ownStaging: number | null;
  /** Whether the extraction of this step has rung for a stager. */
  readonly stagerWanted: (stepId: string) => boolean;
  /** The interval that the run owns, if it owns one. */
  readonly window: Interval | null;
  /** Of the extract steps that are done. */
  readonly staged: Map<string, Staged>;
}

/** Runs one step to its end; throws when it fails for good. */
export async function runStep(run: RunScope, step: Step): Promise<void> {
  switch (step.kind) {
    case 'sync':
      return sync(run, step);
    case 'compare':
      return compare(run, step);
    case 'sweep':
      return sweep(run, step);
    case 'acknowledge':
      return acknowledge(run, step);
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

export function contextOf(run: RunScope): StepContext {
  return { runId: run.runId, tenant: run.tenant, class: run.class };
}

/** How often it is asked how a sync stands: at first, and at most. */
const syncPollMs = { shortest: 2_000, longest: 60_000 };

/** Started once and waited for by timers: whatever it takes, no slot is held and no worker is needed. */
async function sync(run: RunScope, step: SyncStep): Promise<void> {
  const { extract } = activitiesFor(step.title, run);
  const input = { ...contextOf(run), step, isOfPast: run.window !== null };
  const until = Date.now() + step.timeoutMs;
  const { mark, isOver } = await extract.beginSync(input);
  if (isOver) return;
  if (step.mode === 'start') await extract.startSync({ ...input, mark });
  for (let waitMs = syncPollMs.shortest; ; waitMs = Math.min(waitMs * 1.5, syncPollMs.longest)) {
    await sleep(waitMs, { summary: `${step.connection}: sync of ${step.syncId}` });
    const stands = await extract.checkSync({ ...input, mark, isLate: Date.now() >= until });
    if (stands.isOver) return;
    // It was put off, and waits to be asked again.
    if (stands.isIdle === true && step.mode === 'start') await extract.startSync({ ...input, mark });
  }
}

async function compare(run: RunScope, step: CompareStep): Promise<void> {
  await activitiesFor(step.title, run).extract.compareStream({ ...contextOf(run), step });
}

async function sweep(run: RunScope, step: SweepStep): Promise<void> {
  const compared = run.plan.steps.find((candidate) => candidate.id === step.from);
  if (compared?.kind !== 'compare') throw new Error(`${step.id} sweeps by ${step.from}`);
  await activitiesFor(step.title, run).extract.sweepDeleted({ ...contextOf(run), step, compared });
}

async function acknowledge(run: RunScope, step: AcknowledgeStep): Promise<void> {
  const extracted = run.plan.steps.find((candidate) => candidate.id === step.from);
  if (extracted?.kind !== 'extract') throw new Error(`${step.id} acknowledges ${step.from}`);
  await activitiesFor(step.title, run).extract.acknowledge({ ...contextOf(run), step, extracted });
}

/** Lands it and no more: who loads it waits for no run, and no run waits for it. */
async function extractOnly(run: RunScope, step: ExtractStep): Promise<void> {
  await activitiesFor(step.title, run).extract.extractStream({
    ...contextOf(run),
    step,
    fullRefresh: run.fullRefresh,
    ...(run.window === null ? {} : { window: run.window }),
    parameters: {},
  });
}

/**
 * Landing and staging side by side; when one fails for good the other is called off. Few records are staged, and
 * merged where that waits for nothing else, by who lands them: a stager is called when it rings, or has not done it.
 */
async function extractAndStage(run: RunScope, step: ExtractStep): Promise<void> {
  const ownStaging = ownStagingOf(run, step);
  const { extract, loadingExtract, stage } = activitiesFor(step.title, run);
  const { extractStream } = ownStaging?.loadStepId ? loadingExtract : extract;
  const context = { ...contextOf(run), step };
  const rangeColumn = rangeColumnOf(run.plan, step.id);
  const both = new CancellationScope({ cancellable: true });
  const callOff = (error: unknown): never => {
    if (!isCancellation(error)) both.cancel();
    throw error;
  };
  const staged = await both.run(async (): Promise<Staged> => {
    const extracting = extractStream({
      ...context,
      fullRefresh: run.fullRefresh,
      ...(run.window === null ? {} : { window: run.window }),
      parameters: rangeParameters(run, step),
      ...(ownStaging === null ? {} : { ownStaging }),
    }).catch(callOff);
    if (ownStaging !== null) {
      const rung = condition(() => run.stagerWanted(step.id)).then(
        () => null,
        () => extracting, // cancelled: what it merges must be over first
      );
      const done = await Promise.race([extracting, rung]);
      if (done?.staged !== undefined) return { ...done.staged, few: { merged: done.merged !== undefined } };
    }
    const staging = stage.stageBatch({ ...context, rangeColumn }).catch(callOff);
    const [landed, result] = await Promise.allSettled([extracting, staging]);
    const causes = [landed, result].filter((settled) => settled.status === 'rejected').map((s) => s.reason);
    const cause = causes.find((reason) => !isCancellation(reason)) ?? causes[0];
    if (cause !== undefined) throw cause;
    return (result as PromiseFulfilledResult<StageResult>).value;
  });
  run.staged.set(step.id, staged);
}

function ownStagingOf({ plan, ownStaging: records }: RunScope, step: ExtractStep): OwnStaging | null {
  if (records === null) return null;
  const loads = plan.steps.filter((other) => other.kind === 'load' && other.from === step.id);
  const alone = loads.length === 1 && dependenciesOf(loads[0] as Step).every((id) => id === step.id);
  const loadStepId = alone ? (loads[0]?.id ?? null) : null;
  return { records, rangeColumn: rangeColumnOf(plan, step.id), loadStepId };
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
  if (staged.few?.merged) return;
  const { load, loadFew } = activitiesFor(step.title, run);
  const { mergeBatch } = staged.few === undefined ? load : loadFew;
  await mergeBatch({
    ...contextOf(run),
    step: source,
    loadStepId: step.id,
    staging: staged.staging,
  });
}

async function reconcile(run: RunScope, step: ReconcileStep): Promise<void> {
  await activitiesFor(step.title, run).transform.reconcile({ ...contextOf(run), step });
}

/** Three rounds, 4 to 10 s apart; what is then still open is parked, the step is skipped and not failed. */
async function tickets(run: RunScope, step: TicketsStep): Promise<void> {
  const { control, effect } = activitiesFor(step.title, run);
  await control.planTickets({ ...contextOf(run), step });
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
