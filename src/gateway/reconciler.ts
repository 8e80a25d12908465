import { startDrainer } from '../client/drainers.js';
import { startBackfill } from '../client/fan-outs.js';
import type { RunRow } from '../control/runs.js';
import { BatonError } from '../protocol/errors.js';
import type { GatewayParts } from './parts.js';
import { findEnding, storedReceipt } from './run-ending.js';

export interface Reconciler {
  /** Waits for the round under way. */
  stop(): Promise<void>;
}

type DrainerOf = { readonly connection: string; readonly tenant: string };

const callMs = 5_000;
const everyMs = 30_000;
/** A younger run is surely still being started. */
const minimumAgeMs = 60_000;

/**
 * Closes runs whose execution is gone and starts drainers and backfills that were lost, every half minute. Never touches one
 * that runs; several gateways may do so at once, because a run's end is written once.
 */
export function startReconciler(parts: GatewayParts, intervalMs = everyMs): Reconciler {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let round: Promise<unknown> = Promise.resolve();
  const next = () => {
    timer = setTimeout(() => {
      round = reconcileRuns(parts)
        .then(() => startLostDrainers(parts))
        .then(() => startLostBackfills(parts))
        .catch((error: unknown) => note(parts, error, 'the reconciler could not look'))
        .finally(() => {
          if (!stopped) next();
        });
    }, intervalMs);
  };
  next();
  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await round;
    },
  };
}

/** One round; answers the ids of the runs that it closed. A run that cannot be judged now is left for the next. */
export async function reconcileRuns(parts: GatewayParts, ageMs = minimumAgeMs): Promise<readonly string[]> {
  const open = await parts.runs.open();
  const closed: string[] = [];
  for (const run of open) {
    if (Date.now() - run.created_at.getTime() < ageMs) continue;
    const done = await close(parts, run).catch((error: unknown) => {
      note(parts, error, 'a run could not be reconciled', run.id);
      return false;
    });
    if (done) closed.push(run.id);
  }
  return closed;
}

/** Starts the drainers that have something to do and do not run; answers whose they are. Rings no bell. */
export async function startLostDrainers(parts: GatewayParts): Promise<readonly DrainerOf[]> {
  const started: DrainerOf[] = [];
  for (const of of await parts.effects.drainable()) {
    const call = () => startDrainer(parts.temporal, of);
    if (!(await parts.temporal.connection.withDeadline(Date.now() + callMs, call))) continue;
    parts.log.warn(of, 'started a drainer that was lost');
    started.push(of);
  }
  return started;
}

/** Starts the workflows of backfills that have not ended and have none; answers the backfills' ids. */
export async function startLostBackfills(parts: GatewayParts): Promise<readonly string[]> {
  const started: string[] = [];
  for (const { id, pipeline, tenant } of await parts.fanOuts.open()) {
    const call = () => startBackfill(parts.temporal, id, `${pipeline} for ${tenant}, taken up again`);
    if (!(await parts.temporal.connection.withDeadline(Date.now() + callMs, call))) continue;
    parts.log.warn({ backfill: id }, 'started a backfill whose workflow was lost');
    started.push(id);
  }
  return started;
}

async function close(parts: GatewayParts, run: RunRow): Promise<boolean> {
  const ending = await findEnding(parts, run);
  if (ending === null) return false;
  const receipt = await storedReceipt(parts, run);
  const { opened, updated, resolved } = await parts.effects.countsOfRun(run.id);
  const tickets = { opened, updated, resolved };
  // What it had not sent: nobody else does before another run of its tenant has ended.
  await parts.effects.parkAll(run.tenant);
  await parts.runs.finish({ id: run.id, ...ending, receipt, tickets });
  parts.log.warn(
    { run: run.id, was: run.state, state: ending.state },
    'closed a run whose execution is gone',
  );
  return true;
}

function note({ log }: GatewayParts, error: unknown, message: string, run?: string): void {
  const code = error instanceof BatonError ? error.code : null;
  log.warn({ run, code, detail: error instanceof Error ? error.message : String(error) }, message);
}
