import type { ActivityDeps, FilePlace } from '../activities/ports.js';
import type { DueBell } from '../control/bells.js';
import { freshEntries, nameOf, type Watch, watch } from './watch.js';

export interface FileWatchDeps extends Pick<ActivityDeps, 'files' | 'filePlaces' | 'log'> {
  readonly ring: (bell: DueBell) => Promise<void>;
}

/** Files noted in one statement. */
const chunk = 500;

/**
 * Looks for the files of a connection every so often, and at once when asked: each version is noted once, and its
 * workflow started. Several may look at once. Never throws; what could not be done is done in the next round.
 */
export function watchFiles(deps: FileWatchDeps, connection: string, everyMs: number): Watch {
  const noted = new Set<string>();
  let isAway = false;
  return watch(async () => {
    try {
      await look(deps, connection, await deps.filePlaces(connection), noted);
      if (isAway) deps.log.info({ connection }, 'its files can be looked at again');
      isAway = false;
      return true;
    } catch (error) {
      if (!isAway)
        deps.log.warn({ connection, detail: (error as Error).message }, 'files cannot be looked at');
      isAway = true;
      return false;
    }
  }, everyMs);
}

async function look(
  deps: FileWatchDeps,
  connection: string,
  { lake, settings: { settleMs }, tenant }: FilePlace,
  noted: Set<string>,
): Promise<void> {
  const fresh = await freshEntries(lake, { folder: '', settleMs }, noted);
  for (let at = 0; at < fresh.length; at += chunk) {
    const files = fresh.slice(at, at + chunk);
    const bells = await deps.files.offer({ tenant, connection, files });
    for (const entry of files) noted.add(nameOf(entry));
    // A bell that could not be rung hangs, and others ring it.
    await Promise.allSettled(bells.map((bell) => deps.ring(bell)));
  }
}
