import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type EffectSituation,
  type EffectState,
  effectStates,
  looksBeforeResend,
  nextMove,
  retryDelayMs,
} from '../../src/domain/effect.js';

const final: readonly EffectState[] = ['confirmed', 'held', 'dead'];
const now = 1_000_000;

const situation: fc.Arbitrary<EffectSituation> = fc.record({
  state: fc.constantFrom(...effectStates),
  dueAt: fc.integer({ min: now - 100_000, max: now + 100_000 }),
  deadAt: fc.option(fc.integer({ min: now - 100_000, max: now + 100_000 })),
  absentLooks: fc.integer({ min: 0, max: 4 }),
  resendIsSafe: fc.boolean(),
  settleMs: fc.integer({ min: 0, max: 60_000 }),
});

/** States that say that a request of ours may have arrived. */
const doubtful: readonly EffectState[] = ['sending', 'unknown', 'absent'];

describe('the life of an effect', () => {
  it('ends in confirmed, held and dead, and nowhere else', () => {
    fc.assert(
      fc.property(situation, (effect) => {
        expect(nextMove(effect, now).kind === 'done').toBe(final.includes(effect.state));
      }),
    );
  });

  it('is never sent blind: after doubt only when the vendor knows repeats, or two looks found nothing', () => {
    fc.assert(
      fc.property(situation, (effect) => {
        if (nextMove(effect, now).kind !== 'send' || !doubtful.includes(effect.state)) return;
        const looked = effect.state === 'absent' && effect.absentLooks >= looksBeforeResend;
        expect(effect.resendIsSafe || looked).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  it('is left alone while its sender may be alive', () => {
    fc.assert(
      fc.property(situation, fc.integer({ min: 1, max: 100_000 }), (effect, left) => {
        const sending = { ...effect, state: 'sending' as const, deadAt: now + left };
        const move = nextMove(sending, now);
        expect(move.kind).toBe('wait');
        if (move.kind === 'wait') expect(move.until).toBeGreaterThanOrEqual(now + left);
      }),
    );
  });

  it('needs two looks that found nothing, exactly', () => {
    const absent = { state: 'absent', dueAt: now, deadAt: null, resendIsSafe: false, settleMs: 0 } as const;
    const moves = [0, 1, 2, 3].map((absentLooks) => nextMove({ ...absent, absentLooks }, now).kind);
    expect(moves).toEqual(['look', 'look', 'send', 'send']);
  });

  it('is not touched before it is due, and waits exactly until then', () => {
    fc.assert(
      fc.property(situation, fc.integer({ min: 1, max: 100_000 }), (effect, left) => {
        if (final.includes(effect.state) || effect.state === 'sending') return;
        expect(nextMove({ ...effect, dueAt: now + left }, now)).toEqual({ kind: 'wait', until: now + left });
      }),
    );
  });

  it('always moves on: once its time has come it is sent or looked for', () => {
    fc.assert(
      fc.property(situation, (effect) => {
        if (final.includes(effect.state)) return;
        const move = nextMove(effect, now);
        const then = move.kind === 'wait' ? nextMove(effect, move.until) : move;
        expect(['send', 'look']).toContain(then.kind);
      }),
    );
  });

  it('depends on differences of time only', () => {
    fc.assert(
      fc.property(situation, fc.integer({ min: -500_000, max: 1_000_000 }), (effect, shift) => {
        const later = {
          ...effect,
          dueAt: effect.dueAt + shift,
          deadAt: effect.deadAt === null ? null : effect.deadAt + shift,
        };
        const move = nextMove(effect, now);
        const same = nextMove(later, now + shift);
        expect(same).toEqual(move.kind === 'wait' ? { ...move, until: move.until + shift } : move);
      }),
    );
  });

  it('is tried again after 4 and 8 seconds, never later than 10', () => {
    expect([0, 1, 2, 3, 4, 50].map(retryDelayMs)).toEqual([4_000, 4_000, 8_000, 10_000, 10_000, 10_000]);
  });
});
