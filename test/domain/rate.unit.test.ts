import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { paceOf, ratesOf } from '../../src/domain/rate.js';

const rates = fc.record({
  requests: fc.integer({ min: 1, max: 400 }),
  perMs: fc.integer({ min: 100, max: 60_000 }),
  burst: fc.integer({ min: 1, max: 400 }),
});

/** What may arrive: places by the algorithm's definition, each used as late as its sender and the way allow. */
function arrivals(
  rate: { requests: number; perMs: number; burst: number },
  delays: readonly number[],
): number[] {
  const { intervalMs, burstMs, graceMs } = paceOf(rate);
  const slackMs = graceMs * 1.5;
  const times: number[] = [];
  let theoretical = 0;
  let now = 0;
  for (const delay of delays) {
    const place = Math.max(theoretical, now);
    const at = Math.max(now, place - burstMs);
    theoretical = place + intervalMs;
    times.push(at + delay * slackMs);
    now = at; // who asks at once, asks for the next place at once
  }
  return times;
}

describe('a pace', () => {
  it('keeps its rate in every window, however late within its slack each request arrives', () => {
    fc.assert(
      fc.property(
        rates,
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 600 }),
        (rate, delays) => {
          const times = arrivals(rate, delays).toSorted((a, b) => a - b);
          for (let end = 0; end < times.length; end += 1) {
            const first = times[end - rate.requests];
            if (first !== undefined)
              expect((times[end] ?? 0) - first).toBeGreaterThanOrEqual(rate.perMs - 1e-6);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('costs an eighth at most where nothing may go at once', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e6 }),
        fc.integer({ min: 100, max: 86_400_000 }),
        (requests, perMs) => {
          expect(paceOf({ requests, perMs }).intervalMs * requests).toBeLessThanOrEqual(perMs * 1.125);
        },
      ),
    );
  });
});

describe('the settings of a connection', () => {
  it('may name several limits, of whole requests', () => {
    expect(ratesOf({})).toEqual([]);
    expect(ratesOf({ requestsPerSecond: 2.5 })).toEqual([{ requests: 2, perMs: 800 }]);
    expect(ratesOf({ requestsPerSecond: 0.1 })).toEqual([{ requests: 1, perMs: 10_000 }]);
    expect(ratesOf({ requestsPerSecond: 5, requestsPerMinute: 200 }).map(({ perMs }) => perMs)).toEqual([
      1_000, 60_000,
    ]);
  });
});
