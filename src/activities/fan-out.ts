import { activityInfo } from '@temporalio/activity';
import type { NewItem } from '../control/fan-outs.js';
import type { Plan } from '../domain/plan.js';
import type { ControlActivities } from '../protocol/activities.js';
import { BatonError, describeError, type ErrorView } from '../protocol/errors.js';
import type { MapTenantsInput } from '../protocol/fan-out.js';
import { everyTenant, runId } from '../protocol/names.js';
import type { RunResult } from '../protocol/run.js';
import { asActivity } from './failure.js';
import type { ActivityDeps } from './ports.js';

type FanOutActivities = Pick<ControlActivities, 'openMap' | 'advanceFanOut' | 'cancelFanOut' | 'finishMap'>;
type OpenMapInput = MapTenantsInput & { readonly logicalTime: string };

/** A run that has left no trace for so long either waits for a worker or ended before it had begun: Temporal knows. */
const traceMs = 30_000;
/** Failed tenants that the error names. */
const named = 5;

export function createFanOutActivities(deps: ActivityDeps): FanOutActivities {
  return {
    openMap: (input) => asActivity(deps.log, { pipeline: input.pipeline }, () => openMap(deps, input)),

    advanceFanOut: ({ id, resumed }) =>
      asActivity(deps.log, { fanOut: id }, async () => {
        await giveUpLost(deps, id);
        const turn = await deps.fanOuts.advance(id, resumed);
        await deps.runs.stepCounted(id, mapStep, shown(turn.counts));
        const fanOut = turn.state === 'cancelling' ? await deps.fanOuts.find(id) : null;
        if (fanOut !== null && !fanOut.leave_running)
          for (const run of await deps.fanOuts.runningRuns(id)) await deps.orchestrator.cancelRun(run);
        return turn;
      }),

    cancelFanOut: ({ id }) =>
      asActivity(deps.log, { fanOut: id }, async () => {
        await deps.fanOuts.change(id, 'cancel');
      }),

    finishMap: ({ id, startedAtMs }) =>
      asActivity(deps.log, { run: id }, () => finishMap(deps, id, startedAtMs)),
  };
}

const mapStep = 'tenants';

async function openMap(
  deps: ActivityDeps,
  input: OpenMapInput,
): Promise<{ readonly outcome: 'claimed' | 'taken' }> {
  const served = deps.tenants();
  const tenants = input.tenants === 'all' ? served : [...new Set(input.tenants)];
  // Settings and inputs are judged once for all: a mistake in them would be every tenant's.
  const { pipeline } = deps.compile({
    ...input,
    tenant: tenants.find((name) => served.includes(name)) ?? '',
  });
  const { workflowId: id = '', runId: temporalRunId = '' } = activityInfo().workflowExecution ?? {};
  const attempt = input.attempt ?? 1;
  const run = { id, pipeline, tenant: everyTenant, logicalTime: input.logicalTime, trigger: input.trigger };
  const { fullRefresh, inputs } = input;
  const claimed = await deps.runs.claim({
    ...run,
    temporalRunId,
    fullRefresh,
    inputs,
    plan: mapPlan(pipeline),
    attempt,
  });
  if (!claimed) return { outcome: 'taken' };
  if (attempt > 1) await deps.fanOuts.reopen(id);
  else
    await deps.fanOuts.create(
      {
        id,
        kind: 'tenants',
        pipeline,
        tenant: everyTenant,
        class: 'live',
        trigger: input.trigger,
        full_refresh: fullRefresh,
        inputs,
        logical_time: new Date(input.logicalTime),
        from_time: null,
        to_time: null,
        interval_ms: null,
        backwards: false,
        // A tenant whose run of this time has failed before is tried again, one that succeeded is left.
        reprocess: 'failed',
        max_active: input.maxParallel,
        tolerated: input.toleratedPercent,
      },
      tenants.map((tenant) => itemOf(pipeline, tenant, input.logicalTime, served)),
    );
  const all = Object.values(await deps.fanOuts.counts(id)).reduce((sum, items) => sum + items, 0);
  await deps.runs.addStep(id, mapStep, `each of ${all} tenants, ${input.maxParallel} at once`);
  await deps.runs.begin(id);
  await deps.runs.stepStarted(id, mapStep, attempt);
  return { outcome: 'claimed' };
}

/** A mapped run has no steps of its own; which tenants there are is no part of it. */
function mapPlan(pipeline: string): Plan {
  const description = `${pipeline}, for each tenant.`;
  return { pipeline, description, receiptStep: mapStep, concurrency: 1, steps: [] };
}

function itemOf(pipeline: string, tenant: string, logicalTime: string, served: readonly string[]): NewItem {
  const refused = served.includes(tenant) ? null : `The configuration names no tenant "${tenant}".`;
  return { tenant, window: null, runId: runId(pipeline, tenant, logicalTime), refused };
}

/** What is nothing is not shown. */
function shown(counts: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(counts).filter(([, items]) => items > 0));
}

/** Runs that ended without having claimed their row: their tenant is not served any more, or an operator ended them. */
async function giveUpLost(deps: ActivityDeps, id: string): Promise<void> {
  const fanOut = await deps.fanOuts.find(id);
  const afterMs = fanOut?.state === 'cancelling' ? 0 : traceMs;
  for (const run of await deps.fanOuts.traceless(id, afterMs))
    if (!(await deps.orchestrator.isRunning(run, '')))
      await deps.fanOuts.giveUp(id, run, 'Its execution ended before the run had begun.');
}

async function finishMap(deps: ActivityDeps, id: string, startedAtMs: number): Promise<RunResult> {
  const fanOut = await deps.fanOuts.find(id);
  const state = fanOut?.state ?? 'failed';
  const ended = state === 'succeeded' || state === 'partial' || state === 'cancelled' ? state : 'failed';
  const error = ended === 'partial' || ended === 'failed' ? await lossOf(deps, id) : null;
  const { receipt, tickets } = await deps.fanOuts.sums(id);
  const step = ended === 'partial' ? 'succeeded' : ended;
  await deps.runs.stepEnded(id, mapStep, step, error?.detail ?? null);
  const row = await deps.runs.finish({ id, state: ended, receipt, tickets, error });
  return {
    id,
    pipeline: row.pipeline,
    state: row.state,
    durationMs: (row.ended_at ?? new Date()).getTime() - startedAtMs,
    receipt: row.receipt ?? receipt,
    tickets: row.tickets ?? tickets,
    error: row.error,
  };
}

/** Which tenants failed, and what to do about it. */
async function lossOf(deps: ActivityDeps, id: string): Promise<ErrorView> {
  const counts = await deps.fanOuts.counts(id);
  const lost = counts.failed + counts.cancelled;
  const all = Object.values(counts).reduce((sum, items) => sum + items, 0);
  const some = await deps.fanOuts.items(id, named, ['failed', 'cancelled']);
  const names = some.map(({ tenant }) => tenant).join(', ');
  const first = some.find(({ detail }) => detail !== null)?.detail;
  return describeError(
    new BatonError('ERR_RUN_FAILED', {
      detail: `${lost} of ${all} tenants failed: ${names}${lost > some.length ? ' …' : ''}.`,
      ...(first == null ? {} : { why: `The first of them: ${first}` }),
      fix: 'Mend the cause, then `baton runs retry <run>`: only those that failed run again.',
    }),
  );
}
