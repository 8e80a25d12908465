/**
 * Spaces requests evenly: the generic cell rate algorithm, which has no window borders to slip through.
 * A quarter of a second's worth may go at once.
 */
export interface RateLimiter {
  /** Waits for the next free place and tells how long that took, in milliseconds; rejects when aborted. */
  take(signal?: AbortSignal): Promise<number>;
}

const toleranceMs = 250;

export function createRateLimiter(
  requestsPerSecond: number,
  now: () => number = performanceNow,
): RateLimiter {
  const intervalMs = 1000 / requestsPerSecond;
  let theoretical = 0;
  return {
    async take(signal) {
      signal?.throwIfAborted();
      const arrival = now();
      const place = Math.max(theoretical, arrival);
      theoretical = place + intervalMs;
      const waitMs = Math.max(0, Math.ceil(place - toleranceMs - arrival));
      if (waitMs > 0) await pause(waitMs, signal);
      return waitMs;
    },
  };
}

const shared = new Map<string, RateLimiter>();

/** One limiter per connection and process, however often the connection is opened. */
export function sharedRateLimiter(key: string, requestsPerSecond: number): RateLimiter {
  const name = `${key}|${requestsPerSecond}`;
  const limiter = shared.get(name) ?? createRateLimiter(requestsPerSecond);
  shared.set(name, limiter);
  return limiter;
}

function performanceNow(): number {
  return performance.now();
}

function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, milliseconds);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
