import { describe, expect, it } from 'vitest';
import type { Granted } from '../../../src/control/budgets.js';
import { createMeter } from '../../../src/control/meter.js';
import { BatonError } from '../../../src/protocol/errors.js';

const base: Granted = {
  granted: 0,
  first_ms: 0,
  interval_ms: 50,
  grace_ms: 80,
  wait_ms: 0,
  reason: null,
  probe: null,
  state: 'closed',
};

/** A meter whose clock is ours, and what it asked for. */
function metered(answers: (asked: number) => Granted | Error) {
  let now = 0;
  const asked: number[] = [];
  const meter = createMeter({
    name: 'shop',
    now: () => now,
    async acquire(wanted) {
      asked.push(wanted);
      const answer = answers(asked.length);
      if (answer instanceof Error) throw answer;
      return answer;
    },
  });
  return {
    meter,
    asked,
    pass: (ms: number) => {
      now += ms;
    },
  };
}

describe('a lease', () => {
  it('is one question for all who wait', async () => {
    const { meter, asked } = metered(() => ({ ...base, granted: 3, first_ms: -200 }));
    await Promise.all([meter.take(), meter.take(), meter.take()]);
    expect(asked.length).toBeLessThanOrEqual(2);
  });

  it('is nothing any more to a process that was frozen: places are forgotten, not used late', async () => {
    const { meter, asked, pass } = metered(() => ({ ...base, granted: 5, first_ms: -250 }));
    await meter.take();
    pass(60); // within the grace of a burst
    await meter.take();
    expect(asked).toHaveLength(1);
    pass(1_000); // SIGSTOP
    await meter.take();
    expect(asked).toHaveLength(2);
  });

  it('whose answer took longer than its grace is not used at all', async () => {
    let slow = true;
    const { meter, asked, pass } = metered(() => {
      if (slow) pass(200);
      slow = false;
      return { ...base, granted: 1 };
    });
    await meter.take();
    expect(asked).toHaveLength(2);
  });

  it('without a rate is good for a second, for any number', async () => {
    const { meter, asked, pass } = metered(() => ({ ...base, granted: 1, interval_ms: 0, grace_ms: 0 }));
    for (let n = 0; n < 100; n += 1) await meter.take();
    expect(asked).toHaveLength(1);
    pass(1_001);
    await meter.take();
    expect(asked).toHaveLength(2);
  });

  it('is given up when what it was leased under changed', async () => {
    const { meter, asked } = metered(() => ({ ...base, granted: 5, first_ms: -250 }));
    await meter.take();
    meter.forget();
    await meter.take();
    expect(asked).toHaveLength(2);
  });

  it('stays good while the database is away, and nothing is let through after it', async () => {
    const lost = new BatonError('ERR_CONTROL_UNAVAILABLE', { detail: 'away' });
    const { meter, pass } = metered((n) => (n === 1 ? { ...base, granted: 3, first_ms: -250 } : lost));
    await meter.take();
    await meter.take();
    pass(500);
    await expect(meter.take()).rejects.toBe(lost);
    await expect(meter.take()).rejects.toBe(lost);
  });
});

describe('a wait', () => {
  const held = (reason: Granted['reason'], waitMs: number) => ({ ...base, reason, wait_ms: waitMs });

  it('of more than five seconds is not waited for: it becomes the time of the next attempt', async () => {
    const { meter } = metered(() => held('budget', 5_100));
    const error = (await meter.take().catch((caught: unknown) => caught)) as BatonError;
    expect(error.error).toBe('ERR_BUDGET_SPENT');
    expect(error.options.retryAfterMs).toBeGreaterThanOrEqual(5_100);
    expect(error.options.vendor).toBeUndefined();
  });

  it('for a vendor that is down is none', async () => {
    const { meter } = metered(() => ({ ...held('breaker', 900), state: 'open' }));
    const error = (await meter.take().catch((caught: unknown) => caught)) as BatonError;
    expect(error.error).toBe('ERR_BREAKER_OPEN');
    expect(error.options.retryAfterMs).toBeGreaterThanOrEqual(900);
  });

  it('ends when cancelled, and takes no place with it', async () => {
    const { meter, asked } = metered((n) =>
      n === 1 ? held('budget', 60) : { ...base, granted: 1, first_ms: -50 },
    );
    const controller = new AbortController();
    const reason = new Error('stop');
    const first = meter.take(controller.signal);
    const second = meter.take();
    controller.abort(reason);
    await expect(first).rejects.toBe(reason);
    expect((await second).probe).toBeNull();
    expect(asked).toHaveLength(2);
  });
});
