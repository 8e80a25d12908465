import type { SandboxClock } from './clock.js';
import type { Journal } from './journal.js';
import type { Settings } from './settings.js';

/** A sync of a service that moves data by itself. */
export interface SyncRun {
  readonly id: number;
  /** The connection's id at the service. */
  readonly connection: string;
  readonly startedMs: number;
  readonly endsMs: number;
  readonly fails: boolean;
  /** It was put off by its source's limit, and goes on only when it is asked for again. */
  readonly isPutOff: boolean;
}

export interface SyncStore {
  /** Oldest first. */
  readonly runs: readonly SyncRun[];
  isRunning(run: SyncRun): boolean;
  /** Null when one of this connection runs already. */
  start(connection: string): SyncRun | null;
}

/** Syncs of one vendor, of each connection one at a time. They take `syncMs` and fail where `syncsFail` names them. */
export function createSyncStore(
  vendor: string,
  { journal, clock, settings }: SyncParts,
  firstId: number,
): SyncStore {
  const runs: SyncRun[] = [];
  const put = journal.register<SyncRun>(`${vendor}.sync`, (run) => {
    runs.push(run);
  });
  const isRunning = ({ endsMs }: SyncRun): boolean => clock.ms() < endsMs;
  return {
    runs,
    isRunning,
    start(connection) {
      if (runs.some((run) => run.connection === connection && isRunning(run))) return null;
      const startedMs = clock.ms();
      const fails = settings.syncsFail.includes(connection);
      const isPutOff = settings.syncsPutOff.includes(connection);
      const endsMs = startedMs + settings.syncMs;
      const run = { id: firstId + runs.length, connection, startedMs, endsMs, fails, isPutOff };
      put(run);
      return run;
    },
  };
}

interface SyncParts {
  readonly journal: Journal;
  readonly clock: SandboxClock;
  readonly settings: Settings;
}
