import { setTimeout as sleep } from 'node:timers/promises';

/** Polls until `look` answers something; throws, naming what was awaited, after `timeoutMs`. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  timeoutMs = 60_000,
  everyMs = 20,
): Promise<T> {
  for (const since = Date.now(); ; ) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() - since > timeoutMs) throw new Error(`not within ${timeoutMs / 1000} s: ${what}`);
    await sleep(everyMs);
  }
}
