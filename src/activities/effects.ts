import { activityInfo } from '@temporalio/activity';
import pLimit from 'p-limit';
import type { EffectRow } from '../control/effects.js';
import { attemptsPerSeries } from '../domain/effect.js';
import type { EffectActivities, SendResult } from '../protocol/activities.js';
import { asActivity } from './failure.js';
import { actionOf, performEffect } from './perform-effect.js';
import type { ActivityDeps } from './ports.js';

/** Effects in one round, and how many of them at once. */
const roundSize = 200;
const inFlight = 4;
/** So many failures in a row say that the vendor is down: the rest of the round is spared. */
const givingUpAfter = 4;
/** A confirmed effect that was in doubt is swept for surplus copies this long afterwards. */
const sweepAfterMs = 600_000;

type Input = Parameters<EffectActivities['sendEffects']>[0];

export function createEffectActivities(deps: ActivityDeps): EffectActivities {
  return {
    /** One round: every open effect of the connection that is due takes one move. Repeating it does no harm. */
    sendEffects: (input) =>
      asActivity(deps.log, { connection: input.connection, run: input.run?.runId }, async (signal) => {
        if (input.run !== null)
          await deps.runs.stepStarted(input.run.runId, input.run.stepId, activityInfo().attempt);
        const total = await round(deps, input, signal);
        if (input.run === null) await sweep(deps, input, signal);
        const result = await summarise(deps, input, total);
        if (input.run !== null) await noteStep(deps, input.run, input.connection, input.tenant, result);
        return result;
      }),
  };
}

interface Total {
  confirmed: number;
  dead: number;
}

async function round(deps: ActivityDeps, input: Input, signal: AbortSignal): Promise<Total> {
  const total: Total = { confirmed: 0, dead: 0 };
  const limit = pLimit(inFlight);
  let failuresInARow = 0;
  const step = async (effect: EffectRow) => {
    if (failuresInARow >= givingUpAfter || signal.aborted) return;
    const came = await performEffect(deps, effect, input.run?.runId ?? null, signal);
    if (came === 'failed') failuresInARow += 1;
    if (came === 'confirmed') failuresInARow = 0;
    if (came === 'confirmed' || came === 'dead') total[came] += 1;
  };
  // The drainer knocks with one before it comes with all: a vendor that is still down gets one call a round.
  const [first, ...rest] = await pending(deps, input);
  if (first !== undefined && input.run === null) {
    await step(first);
    if (failuresInARow > 0) return total;
    await Promise.all(rest.map((effect) => limit(() => step(effect))));
  } else if (first !== undefined) {
    await Promise.all([first, ...rest].map((effect) => limit(() => step(effect))));
  }
  return total;
}

/** Due ones first; of a run's own, those that have used up their attempts are left alone. */
async function pending(deps: ActivityDeps, input: Input): Promise<EffectRow[]> {
  const series = input.run === null ? 'drain' : 'run';
  const rows = await deps.effects.pending({
    connection: input.connection,
    tenant: input.tenant,
    series,
    limit: roundSize,
  });
  const due = rows.filter((row) => row.due_at.getTime() <= Number(row.now_ms));
  return input.run === null ? due : due.filter((row) => row.attempts < attemptsPerSeries);
}

async function summarise(deps: ActivityDeps, input: Input, total: Total): Promise<SendResult> {
  const park = input.run?.park === true;
  if (park && (await deps.effects.park(input.connection, input.tenant)) > 0)
    await deps.orchestrator.wakeDrain(input.connection, input.tenant);
  const series = input.run === null || park ? 'drain' : 'run';
  const open = await deps.effects.pending({
    connection: input.connection,
    tenant: input.tenant,
    series,
    limit: roundSize,
  });
  const { due, later } = await deps.effects.unswept(input.connection, input.tenant, sweepAfterMs);
  const dueIn = open.map((row) =>
    Math.max(
      0,
      Math.max(row.due_at.getTime(), row.state === 'sending' ? (row.dead_at?.getTime() ?? 0) : 0) -
        Number(row.now_ms),
    ),
  );
  const unswept = due.length + later;
  if (input.run !== null && unswept > 0) await deps.orchestrator.wakeDrain(input.connection, input.tenant);
  return {
    ...total,
    open: park ? 0 : open.length,
    nextDueMs: park || open.length === 0 ? null : Math.min(...dueIn),
    unswept,
  };
}

async function noteStep(
  deps: ActivityDeps,
  run: NonNullable<Input['run']>,
  connection: string,
  tenant: string,
  result: SendResult,
): Promise<void> {
  const counts = await deps.effects.countsOfRun(run.runId);
  await deps.runs.stepCounted(run.runId, run.stepId, {
    opened: counts.opened,
    ...(counts.updated > 0 ? { updated: counts.updated } : {}),
    resolved: counts.resolved,
  });
  if (!run.park && result.open > 0) {
    const [example] = await deps.effects.pending({
      connection,
      tenant,
      series: 'run',
      limit: 1,
    });
    await deps.runs.stepEnded(
      run.runId,
      run.stepId,
      'retrying',
      `${result.open} still to send: ${example?.last_error ?? 'not yet tried'}`,
    );
    return;
  }
  const detail =
    counts.parked > 0
      ? `${counts.parked} left to the drainer of ${connection}, which sends them when it is back.`
      : counts.dead > 0
        ? `${counts.dead} refused for good by ${connection}: see \`baton effects list --state dead\`.`
        : null;
  await deps.runs.stepEnded(run.runId, run.stepId, counts.parked > 0 ? 'skipped' : 'succeeded', detail);
}

/** Looks for surplus copies of what was once in doubt: keeps the lowest id, closes the rest, counts them. */
async function sweep(deps: ActivityDeps, input: Input, signal: AbortSignal): Promise<void> {
  const { due } = await deps.effects.unswept(input.connection, input.tenant, sweepAfterMs);
  const connection = deps.connections.open(input.connection);
  for (const effect of due) {
    const request = {
      key: effect.key,
      marker: effect.marker,
      firstSentAt: effect.first_sent_at,
      body: effect.body as never,
    };
    const seen = await actionOf(connection, effect).look(request, signal);
    if (seen.kind === 'cannot_look') return;
    const ids = seen.kind === 'found' ? [...seen.remoteIds].sort(byNumber) : [];
    const kept = ids[0] ?? effect.remote_id ?? '';
    if (effect.kind === 'ticket.open')
      for (const surplus of ids.slice(1)) await connection.ticketDesk?.closeDuplicate(surplus, kept, signal);
    await deps.effects.swept(effect.key, kept, Math.max(0, ids.length - 1));
  }
}

function byNumber(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}
