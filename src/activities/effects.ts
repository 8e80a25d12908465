import { activityInfo } from '@temporalio/activity';
import pLimit from 'p-limit';
import type { Outage } from '../connectors/gate.js';
import type { EffectRow, SeriesFilter } from '../control/effects.js';
import { attemptsPerSeries } from '../domain/effect.js';
import type { EffectActivities, SendResult } from '../protocol/activities.js';
import { asActivity, handBackIfStopping } from './failure.js';
import { alertOutage, outageOf } from './outage.js';
import { type EffectDeps, performEffect } from './perform-effect.js';
import { sweepAfterMs, sweepCopies } from './sweep-copies.js';

/** Effects in one round, and how many of them at once. */
const roundSize = 200;
const inFlight = 4;
/** So many failures in a row say that the vendor is down: the rest of the round is spared. */
const givingUpAfter = 4;
/** The drainer knocks with two before it comes with all: one of them may fail for a reason of its own. */
const knocks = 2;

type Input = Parameters<EffectActivities['sendEffects']>[0];

export function createEffectActivities(deps: EffectDeps): EffectActivities {
  return {
    /** One round: every open effect of the connection that is due takes one move. Repeating it does no harm. */
    sendEffects: (input) =>
      asActivity(deps.log, { connection: input.connection, run: input.run?.runId }, async (signal) => {
        if (input.run !== null)
          await deps.runs.stepStarted(input.run.runId, input.run.stepId, activityInfo().attempt);
        const total = await round(deps, input, signal);
        if (total.outage !== null) await tellOutage(deps, input, total.outage);
        if (input.run === null && total.outage === null) await sweepCopies(deps, input, signal);
        const result = await summarise(deps, input, total);
        if (input.run !== null) await noteStep(deps, input.run, input, result);
        return result;
      }),
  };
}

interface Total {
  confirmed: number;
  dead: number;
  failed: number;
  /** Seen: nothing more is sent before its next probe. */
  outage: Outage | null;
}

function seriesOf(input: Input): SeriesFilter {
  return {
    connection: input.connection,
    tenant: input.tenant,
    series: input.run === null ? 'drain' : 'run',
  };
}

async function round(deps: EffectDeps, input: Input, signal: AbortSignal): Promise<Total> {
  const connection = deps.connections.open(input.connection);
  const total: Total = { confirmed: 0, dead: 0, failed: 0, outage: await outageOf(connection) };
  const limit = pLimit(inFlight);
  let failuresInARow = 0;
  let interrupted = false;
  const step = async (effect: EffectRow) => {
    if (deps.stopping.aborted) interrupted = true;
    if (interrupted || total.outage !== null || failuresInARow >= givingUpAfter || signal.aborted) return;
    try {
      const came = await performEffect(deps, effect, input.run?.runId ?? null, signal);
      if (came === 'failed') {
        failuresInARow += 1;
        total.outage = await outageOf(connection);
      }
      if (came === 'confirmed') failuresInARow = 0;
      if (came === 'confirmed' || came === 'dead' || came === 'failed') total[came] += 1;
    } catch (error) {
      interrupted = true;
      throw error;
    }
  };
  const due = await deps.effects.due({
    ...seriesOf(input),
    limit: roundSize,
    ...(input.run === null ? {} : { attemptsBelow: attemptsPerSeries }),
  });
  const first = input.run === null ? due.slice(0, knocks) : [];
  for (const effect of first) await step(effect);
  if (first.length > 0 && total.failed === first.length) return total;
  // What has begun is waited for, whatever else happens: an activity that is over sends nothing any more.
  const rest = await Promise.allSettled(due.slice(first.length).map((effect) => limit(() => step(effect))));
  const broken = rest.find((settled) => settled.status === 'rejected');
  if (broken !== undefined) throw broken.reason;
  if (interrupted) handBackIfStopping(deps.stopping);
  return total;
}

/** In the name of the run that waits, or of the oldest whose effects do. */
async function tellOutage(deps: EffectDeps, input: Input, outage: Outage): Promise<void> {
  const [oldest] = await deps.effects.due({ ...seriesOf(input), limit: 1 });
  const runId = input.run?.runId ?? oldest?.run_id;
  if (runId !== undefined) await alertOutage(deps, input.connection, outage, { runId, tenant: input.tenant });
}

async function summarise(deps: EffectDeps, input: Input, { outage, ...total }: Total): Promise<SendResult> {
  const parking = input.run?.park === true;
  const { due, later } = await deps.effects.unswept(input.connection, input.tenant, sweepAfterMs);
  const unswept = due.length + later;
  const parked = parking ? await deps.effects.park(input.connection, input.tenant) : 0;
  if (parked > 0 || (input.run !== null && unswept > 0))
    await deps.orchestrator.wakeDrain(input.connection, input.tenant);
  if (parking) return { ...total, open: 0, nextDueMs: null, unswept };
  const { open, nextDueMs } = await deps.effects.outlook(seriesOf(input));
  const notBefore = open > 0 && outage !== null ? outage.waitMs : 0;
  return { ...total, open, nextDueMs: nextDueMs === null ? null : Math.max(nextDueMs, notBefore), unswept };
}

async function noteStep(
  deps: EffectDeps,
  run: NonNullable<Input['run']>,
  input: Input,
  result: SendResult,
): Promise<void> {
  const counts = await deps.effects.countsOfRun(run.runId);
  await deps.runs.stepCounted(run.runId, run.stepId, {
    opened: counts.opened,
    ...(counts.updated > 0 ? { updated: counts.updated } : {}),
    resolved: counts.resolved,
  });
  if (!run.park && result.open > 0) {
    const { lastError } = await deps.effects.outlook(seriesOf(input));
    const detail = `${result.open} still to send: ${lastError ?? 'not yet tried'}`;
    await deps.runs.stepEnded(run.runId, run.stepId, 'retrying', detail);
    return;
  }
  const detail =
    counts.parked > 0
      ? `${counts.parked} left to the drainer of ${input.connection}, which sends them when it is back.`
      : counts.dead > 0
        ? `${counts.dead} refused for good by ${input.connection}: see \`baton effects list --state dead\`.`
        : null;
  await deps.runs.stepEnded(run.runId, run.stepId, counts.parked > 0 ? 'skipped' : 'succeeded', detail);
}
