import type { ActivityDeps } from '../activities/ports.js';
import type { ArrivalQueue } from '../control/arrivals.js';
import { freshEntries, nameOf, type Watch, watch } from './watch.js';

/** A folder in which others put objects, and where these are loaded. */
export interface Intake extends ArrivalQueue {
  /** `incoming/helpdesk/`. */
  readonly folder: string;
  readonly connection: string;
  readonly stream: string;
}

export type WatchDeps = Pick<ActivityDeps, 'arrivals' | 'lake' | 'orchestrator' | 'log'>;

/** Where a listing may show an object that is still being written, it counts once it has been left alone this long. */
const settleMs = 2_000;

/**
 * What finds work when no bell rang: looks every few seconds for what others have put into the intakes, and starts
 * the loader of each queue in which something waits. Several may look at once: an object is noted once, and a queue
 * has one loader. Never throws; what could not be looked at is looked at in the next round.
 */
export function watchArrivals(deps: WatchDeps, intakes: readonly Intake[], everyMs: number): Watch {
  /** Noted already, by intake: a full folder is not to be sent to the database in every round. */
  const noted = intakes.map(() => new Set<string>());
  return watch(async () => {
    let whole = true;
    const missed = (about: object, what: string) => (error: Error) => {
      whole = false;
      deps.log.warn({ ...about, detail: error.message }, what);
    };
    for (const [index, intake] of intakes.entries())
      await scanIntake(deps, intake, noted[index] ?? new Set()).catch(
        missed({ folder: intake.folder }, 'an intake could not be looked at'),
      );
    await startLoaders(deps).catch(missed({}, 'what has arrived could not be looked at'));
    return whole;
  }, everyMs);
}

async function startLoaders({ arrivals, orchestrator }: WatchDeps): Promise<void> {
  for (const queue of await arrivals.queues()) await orchestrator.startLoader(queue);
}

/** Notes what is new in the intake, and rings for it. */
export async function scanIntake(deps: WatchDeps, intake: Intake, noted: Set<string>): Promise<void> {
  const { folder, tenant, target, connection, stream } = intake;
  const fresh = await freshEntries(deps.lake, { folder, settleMs }, noted);
  if (fresh.length === 0) return;
  const objects = fresh.map(({ key, version, bytes }) => ({ key, version, bytes }));
  const count = await deps.arrivals.offer({ queue: { tenant, target }, connection, stream, objects });
  for (const entry of fresh) noted.add(nameOf(entry));
  if (count > 0) await deps.orchestrator.wakeLoader({ tenant, target });
}
