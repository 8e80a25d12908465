import { setTimeout as sleep } from 'node:timers/promises';
import type { ActivityDeps } from '../activities/ports.js';
import type { ArrivalQueue } from '../control/arrivals.js';
import { isOwnName } from '../lake/parts.js';
import type { LakeEntry } from '../lake/port.js';

/** A folder in which others put objects, and where these are loaded. */
export interface Intake extends ArrivalQueue {
  /** `incoming/helpdesk/`. */
  readonly folder: string;
  readonly connection: string;
  readonly stream: string;
}

export interface ArrivalWatch {
  /** Looks at once, without waiting for the next round. True when all that was there has been noted and rung for. */
  look(): Promise<boolean>;
  /** Waits for the round under way. */
  stop(): Promise<void>;
}

export type WatchDeps = Pick<ActivityDeps, 'arrivals' | 'lake' | 'orchestrator' | 'log'>;

/** Where a listing may show an object that is still being written, it counts once it has been left alone this long. */
const settleMs = 2_000;

/**
 * What finds work when no bell rang: looks every few seconds for what others have put into the intakes, and starts
 * the loader of each queue in which something waits. Several may look at once: an object is noted once, and a queue
 * has one loader. Never throws; what could not be looked at is looked at in the next round.
 */
export function watchArrivals(deps: WatchDeps, intakes: readonly Intake[], everyMs: number): ArrivalWatch {
  const stopping = new AbortController();
  let bell = new AbortController();
  /** Who asked since the last round began: what they know of may have come behind it. */
  let asking: ((whole: boolean) => void)[] = [];
  /** Noted already, by intake: a full folder is not to be sent to the database in every round. */
  const noted = intakes.map(() => new Set<string>());

  async function round(): Promise<boolean> {
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
  }

  const running = (async () => {
    while (!stopping.signal.aborted) {
      const asked = asking;
      asking = [];
      bell = new AbortController();
      const whole = await round();
      for (const tell of asked) tell(whole);
      await sleep(everyMs, undefined, { signal: AbortSignal.any([stopping.signal, bell.signal]) }).catch(
        () => {},
      );
    }
    for (const tell of asking) tell(false);
  })();
  return {
    look: () =>
      new Promise((resolve) => {
        if (stopping.signal.aborted) return resolve(false);
        asking.push(resolve);
        bell.abort();
      }),
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

async function startLoaders({ arrivals, orchestrator }: WatchDeps): Promise<void> {
  for (const queue of await arrivals.queues()) await orchestrator.startLoader(queue);
}

/** Notes what is new in the intake, and rings for it. */
export async function scanIntake(deps: WatchDeps, intake: Intake, noted: Set<string>): Promise<void> {
  const seen = new Set<string>();
  const fresh: LakeEntry[] = [];
  for await (const entry of deps.lake.scan(intake.folder)) {
    const name = `${entry.key}\0${entry.version}`;
    seen.add(name);
    if (!noted.has(name) && isFinished(deps, entry)) fresh.push(entry);
  }
  for (const name of noted) if (!seen.has(name)) noted.delete(name);
  if (fresh.length === 0) return;
  const { tenant, target, connection, stream } = intake;
  const objects = fresh
    .sort((a, b) => a.modifiedAt.getTime() - b.modifiedAt.getTime())
    .map(({ key, version, bytes }) => ({ key, version, bytes }));
  const count = await deps.arrivals.offer({ queue: { tenant, target }, connection, stream, objects });
  for (const { key, version } of fresh) noted.add(`${key}\0${version}`);
  if (count > 0) await deps.orchestrator.wakeLoader({ tenant, target });
}

/** Not ours, not hidden, not by its name a draft, and whole as far as can be told. */
function isFinished({ lake }: WatchDeps, { key, modifiedAt }: LakeEntry): boolean {
  const name = key.slice(key.lastIndexOf('/') + 1);
  if (isOwnName(key) || name.startsWith('.') || /\.(?:tmp|part|partial|crdownload|swp)$|~$/i.test(name))
    return false;
  return !lake.showsUnfinished || Date.now() - modifiedAt.getTime() >= settleMs;
}
