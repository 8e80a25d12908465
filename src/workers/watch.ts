import { setTimeout as sleep } from 'node:timers/promises';
import { isOwnName } from '../lake/parts.js';
import type { Lake, LakeEntry } from '../lake/port.js';

export interface Watch {
  /** Looks at once, without waiting for the next round. True when all that was there has been noted and rung for. */
  look(): Promise<boolean>;
  /** Waits for the round under way. */
  stop(): Promise<void>;
}

/** Has a round done every so often, and at once when asked. `round` never throws, and answers whether it was whole. */
export function watch(round: () => Promise<boolean>, everyMs: number): Watch {
  const stopping = new AbortController();
  let bell = new AbortController();
  /** Who asked since the last round began: what they know of may have come behind it. */
  let asking: ((whole: boolean) => void)[] = [];

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

/** What is finished in a folder and was not noted yet; `noted` forgets what is gone. Oldest first. */
export async function freshEntries(
  lake: Pick<Lake, 'scan' | 'showsUnfinished'>,
  { folder, settleMs }: { readonly folder: string; readonly settleMs: number },
  noted: Set<string>,
): Promise<LakeEntry[]> {
  const seen = new Set<string>();
  const fresh: LakeEntry[] = [];
  for await (const entry of lake.scan(folder)) {
    const name = nameOf(entry);
    seen.add(name);
    if (!noted.has(name) && isFinished(lake, entry, settleMs)) fresh.push(entry);
  }
  for (const name of noted) if (!seen.has(name)) noted.delete(name);
  return fresh.sort((a, b) => a.modifiedAt.getTime() - b.modifiedAt.getTime());
}

/** As a set of those that are noted knows it. */
export function nameOf({ key, version }: LakeEntry): string {
  return `${key}\0${version}`;
}

/** Not ours, not hidden, not by its name a draft, and whole as far as can be told. */
function isFinished(
  { showsUnfinished }: Pick<Lake, 'showsUnfinished'>,
  { key, modifiedAt }: LakeEntry,
  settleMs: number,
): boolean {
  const name = key.slice(key.lastIndexOf('/') + 1);
  if (isOwnName(key) || name.startsWith('.') || /\.(?:tmp|part|partial|crdownload|swp)$|~$/i.test(name))
    return false;
  return !showsUnfinished || Date.now() - modifiedAt.getTime() >= settleMs;
}
