import { whenText } from '../domain/when.js';
import { BatonError } from '../protocol/errors.js';
import type { Granted } from './budgets.js';

/** A wait that is longer than this becomes the activity's next retry: a slot is not held for it. */
export const longestWaitMs = 5_000;
/** How long leave without a rate, and what was said of the breaker, may be relied upon. */
const freeMs = 1_000;
/** Of places that lie as close as this, the next lease is asked for before the last one is used up. */
const askAheadMs = 5;

export interface MeterPlace {
  readonly waitedMs: number;
  readonly probe: number | null;
}

export interface MeterOptions {
  /** For errors: the connection, and its quota if it has one. */
  readonly name: string;
  /** Asks for places; throws when it cannot be asked: then nothing is let through. */
  acquire(wanted: number): Promise<Granted>;
  readonly now?: () => number;
}

/** Hands out the places of leases, one request each, in the order in which they were asked for. */
export interface Meter {
  take(signal?: AbortSignal): Promise<MeterPlace>;
  /** Gives up what is leased: what it was leased under has changed. */
  forget(): void;
}

interface Waiter {
  readonly since: number;
  give(place: MeterPlace): void;
  refuse(error: unknown): void;
}

/** A lease by this process's monotonic clock. Place i is `offset(i)` after the moment at which it was granted. */
interface Lease {
  /** That moment lies between these two: no place is used before it by the one, or after its grace by the other. */
  readonly asked: number;
  readonly answered: number;
  readonly firstMs: number;
  readonly interval: number;
  readonly graceMs: number;
  readonly count: number;
  readonly probe: number | null;
  /** Places used or passed, and requests that went. */
  used: number;
  given: number;
}

/**
 * One per budget row, class and process. A place that was not used in time is forgotten, never used late: a process
 * that was frozen comes back to nothing. What was leased stays good while the database is away, for its quarter of a
 * second: it is booked there. After that, nothing is let through without it.
 */
export function createMeter({ name, acquire, now = () => performance.now() }: MeterOptions): Meter {
  const waiting: Waiter[] = [];
  let lease: Lease | null = null;
  let next: Promise<Lease | null> | null = null;
  let epoch = 0;
  let running = false;

  async function ask(wanted: number): Promise<Lease | null> {
    const asked = now();
    const at = epoch;
    const granted = await acquire(wanted);
    if (at !== epoch) return null;
    if (granted.granted > 0) return leaseOf(granted, asked, now());
    await putOff(granted);
    return null;
  }

  /** Sends those away who would wait too long, and waits for the others. */
  async function putOff({ wait_ms: waitMs, reason, state }: Granted): Promise<void> {
    const until = now() + waitMs;
    const isDown = reason === 'breaker' && state === 'open';
    const refused = waiting.filter(({ since }) => isDown || until - since > longestWaitMs);
    for (const waiter of refused) {
      waiting.splice(waiting.indexOf(waiter), 1);
      waiter.refuse(heldBack(name, waitMs, reason));
    }
    if (waiting.length > 0) await pause(Math.min(waitMs, 1_000) + Math.random() * 20);
  }

  async function pump(): Promise<void> {
    while (waiting.length > 0) {
      const at = lease === null ? null : nextPlace(lease, now());
      if (lease === null || at === null) {
        const ahead = next ?? ask(wanted(lease, waiting.length, now()));
        next = null;
        lease = await ahead;
        continue;
      }
      if (at > now()) {
        await pause(Math.ceil(at - now()));
        continue; // looked at anew: by then it may be too late for it, or it is forgotten
      }
      const waiter = waiting.shift();
      lease.used += 1;
      lease.given += 1;
      waiter?.give({ waitedMs: now() - waiter.since, probe: lease.probe });
      askAhead(lease);
    }
  }

  /** Only where places lie close: elsewhere it would book what others wait for. */
  function askAhead(current: Lease): void {
    if (next !== null || !isClose(current) || current.used * 2 < current.count) return;
    next = ask(wanted(current, waiting.length, now()));
    next.catch(() => {}); // whoever needs it is told
  }

  function run(): void {
    if (running) return;
    running = true;
    pump()
      .catch((error: unknown) => {
        for (const waiter of waiting.splice(0)) waiter.refuse(error);
      })
      .finally(() => {
        running = false;
        if (waiting.length > 0) run();
      });
  }

  return {
    take: (signal) =>
      new Promise((resolve, reject) => {
        signal?.throwIfAborted();
        const leave = () => {
          const at = waiting.indexOf(waiter);
          if (at !== -1) waiting.splice(at, 1);
          reject(signal?.reason);
        };
        const done = () => signal?.removeEventListener('abort', leave);
        const waiter: Waiter = {
          since: now(),
          give(place) {
            done();
            resolve(place);
          },
          refuse(error) {
            done();
            reject(error);
          },
        };
        signal?.addEventListener('abort', leave, { once: true });
        waiting.push(waiter);
        run();
      }),
    forget() {
      epoch += 1;
      lease = null;
      next = null;
    },
  };
}

function leaseOf(granted: Granted, asked: number, answered: number): Lease {
  const { first_ms: firstMs, interval_ms: interval, grace_ms: graceMs, granted: count, probe } = granted;
  const hasRate = interval > 0;
  return {
    asked: hasRate ? asked : answered,
    answered,
    firstMs,
    interval,
    graceMs: hasRate ? graceMs : freeMs,
    // Without a rate: any number, until it must be asked whether that is still so.
    count: hasRate || probe !== null ? count : Number.POSITIVE_INFINITY,
    probe,
    used: 0,
    given: 0,
  };
}

/** When the next place of the lease is, which may be past; those whose time is over are skipped. Null = none is left. */
function nextPlace(lease: Lease, now: number): number | null {
  const { asked, answered, firstMs, interval, graceMs, count } = lease;
  const lateMs = now - asked - graceMs;
  if (interval > 0 && lateMs > 0) lease.used = Math.max(lease.used, Math.ceil((lateMs - firstMs) / interval));
  if (interval === 0 && lateMs > Math.max(0, firstMs)) return null;
  // The places of a burst are all at the moment of the lease.
  return lease.used >= count ? null : answered + Math.max(0, firstMs + lease.used * interval);
}

function isClose({ interval, probe }: Lease): boolean {
  return interval > 0 && interval <= askAheadMs && probe === null;
}

/** As many as wait; where places lie close, as many as will go within a lease's grace at the speed of this one. */
function wanted(last: Lease | null, waiting: number, now: number): number {
  if (last === null || !isClose(last)) return waiting;
  const perMs = last.given / Math.max(1, now - last.answered);
  return Math.max(waiting, Math.ceil(perMs * last.graceMs));
}

/** For whom there is no place now; `waitMs`: until there may be one. */
export function heldBack(name: string, waitMs: number, reason: Granted['reason']): BatonError {
  // Not all at the same moment.
  const retryAfterMs = Math.ceil(waitMs * (1 + Math.random() * 0.1) + Math.random() * 250);
  const when = whenText(waitMs, Date.now());
  if (reason === 'breaker')
    return new BatonError('ERR_BREAKER_OPEN', {
      detail: `${name} is down: requests are held back, and it is asked again ${when}.`,
      retryAfterMs,
    });
  const why = reason === 'reserve' ? 'is nearly used up at the vendor and kept for live work' : 'is used up';
  return new BatonError('ERR_BUDGET_SPENT', {
    detail: `The request budget of ${name} ${why}: the next place is ${when}.`,
    retryAfterMs,
  });
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
