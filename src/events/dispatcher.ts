import { setTimeout as sleep } from 'node:timers/promises';
import pLimit from 'p-limit';
import { type BellStore, type DueBell, hangBells } from '../control/bells.js';
import type { InboxStore, WaitingKey } from '../control/inbox.js';
import type { EventRule } from '../domain/event.js';
import type { Logger } from '../observability/logger.js';
import { BatonError, describeError } from '../protocol/errors.js';
import type { Consumer } from './consumer.js';

export interface DispatcherDeps {
  readonly inbox: InboxStore;
  readonly bells: BellStore;
  readonly consumers: Readonly<Record<string, Consumer>>;
  readonly rule: (name: string | null) => EventRule | null;
  readonly ring: (bell: DueBell) => Promise<void>;
  /** Lands what is due. */
  readonly land: () => Promise<void>;
  readonly log: Logger;
}

export interface Dispatcher {
  /** Has it look at once. */
  wake(): void;
  /** Waits for what is under way. */
  stop(): Promise<void>;
}

/** Keys handled, and bells rung, at once. */
const keysInFlight = 4;
const bellsInFlight = 8;
const mostAtOnce = 200;
/** The first wait after a failure; it doubles up to the longest. */
const firstWaitMs = 1_000;
const longestWaitMs = 60_000;
/** About two hours of waits: what fails for so long has a fault of its own, and a person looks at it. */
const mostAttempts = 120;
/** How often it is looked for what is due to be landed. */
const landEveryMs = 250;
/** Dispatched events that nobody acknowledged are looked for this often. */
const againMs = 15_000;

/**
 * What happens to events once they are stored: those that wait are handled key by key, bells are rung, and what is due
 * is landed. Woken by NOTIFY, and looking by itself every `everyMs`. Several may do it at once. Never throws: what
 * fails is tried again later and later.
 */
export function startDispatcher(deps: DispatcherDeps, everyMs: number): Dispatcher {
  const stopping = new AbortController();
  let bell = new AbortController();
  let lookedAgainAt = performance.now();

  async function handle(): Promise<void> {
    if (performance.now() - lookedAgainAt >= againMs) {
      lookedAgainAt = performance.now();
      await deps.inbox.dispatchAgain();
    }
    await handleAll(deps, stopping.signal);
    await ringAll(deps, stopping.signal);
  }

  const handling = (async () => {
    while (!stopping.signal.aborted) {
      bell = new AbortController();
      await tell(deps.log, 'events could not be handled', handle);
      if (bell.signal.aborted) continue;
      await pause(everyMs, AbortSignal.any([stopping.signal, bell.signal]));
    }
  })();
  // Nobody waits for what is landed: it takes longer, and looks by itself.
  const landing = (async () => {
    while (!stopping.signal.aborted) {
      await tell(deps.log, 'events could not be landed', deps.land);
      await pause(landEveryMs, stopping.signal);
    }
  })();
  return {
    wake: () => bell.abort(),
    async stop() {
      stopping.abort();
      await Promise.all([handling, landing]);
    },
  };
}

async function pause(ms: number, until: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal: until }).catch(() => {});
}

async function handleAll(deps: DispatcherDeps, signal: AbortSignal): Promise<void> {
  const limit = pLimit(keysInFlight);
  while (!signal.aborted) {
    const keys = await deps.inbox.waitingKeys(mostAtOnce);
    const handled = await Promise.all(keys.map((key) => limit(() => dispatchKey(deps, key))));
    if (!handled.includes(true)) return;
  }
}

/**
 * Handles what waits under a key. True when there may be more of it: not when another holds the key, and not when it
 * failed and was put off.
 */
export async function dispatchKey(deps: DispatcherDeps, key: WaitingKey): Promise<boolean> {
  const consumer = deps.consumers[key.consumer];
  try {
    if (consumer === undefined)
      throw new BatonError('ERR_PLAN_INVALID', { detail: `This build has no consumer ${key.consumer}.` });
    let hung: readonly DueBell[] = [];
    const isOurs = await deps.inbox.withKey(key, consumer.most, async (events, trx) => {
      const { outcomes, bells } = await consumer.handle(events, { trx, rule: deps.rule });
      hung = await hangBells(trx, bells);
      return outcomes;
    });
    await ringEach(deps, hung);
    return isOurs;
  } catch (error) {
    // The database itself: nothing can be written down now, and nothing is the event's fault.
    if (error instanceof BatonError && error.error === 'ERR_CONTROL_UNAVAILABLE') throw error;
    const { detail, code } = described(error);
    deps.log.warn({ ...key, code, detail }, 'events were put off');
    await deps.inbox.putOff(key, `${detail} (${code})`, { firstWaitMs, longestWaitMs, mostAttempts });
    return false;
  }
}

async function ringAll(deps: DispatcherDeps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const due = await deps.bells.take(mostAtOnce);
    // Where none could be rung Temporal is away: the others would only wait for the same.
    if (due.length === 0 || !(await ringEach(deps, due)).includes(true)) return;
  }
}

function ringEach(deps: DispatcherDeps, bells: readonly DueBell[]): Promise<boolean[]> {
  const limit = pLimit(bellsInFlight);
  return Promise.all(bells.map((one) => limit(() => ring(deps, one))));
}

async function ring({ bells, ring: call, log }: DispatcherDeps, bell: DueBell): Promise<boolean> {
  try {
    await call(bell);
    await bells.rung(bell);
    return true;
  } catch (error) {
    const { code, detail } = described(error);
    log.warn({ workflow: bell.workflowId, code, detail }, 'a bell could not be rung');
    await bells.failed(bell, detail, Math.min(firstWaitMs * 2 ** (bell.attempts - 1), longestWaitMs));
    return false;
  }
}

async function tell(log: Logger, what: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    log.warn(described(error), what);
  }
}

function described(error: unknown): { readonly code: string; readonly detail: string } {
  if (error instanceof BatonError) {
    const { code, detail } = describeError(error);
    return { code, detail };
  }
  return { code: 'BTN-9001', detail: error instanceof Error ? error.message : String(error) };
}
