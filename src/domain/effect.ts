/**
 * The life of one outward write, as a pure state machine over its ledger row.
 *
 *   intended → sending → confirmed | refused | unknown → (look) found = confirmed | absent → sending …
 *
 * `refused` = the vendor surely did nothing, so it may be sent again; `unknown` = the bytes may have arrived.
 */
export const effectStates = [
  'intended',
  'sending',
  'confirmed',
  'refused',
  'unknown',
  'absent',
  'held',
  'dead',
] as const;
export type EffectState = (typeof effectStates)[number];

/** What the machine needs to know of a ledger row; times in milliseconds of one clock. */
export interface EffectSituation {
  readonly state: EffectState;
  /** Not before this time: a retry's delay, a settling time, the end of a sender that may still be alive. */
  readonly dueAt: number;
  /** While `sending`: until then its sender may still be alive, and nobody touches it. */
  readonly deadAt: number | null;
  /** How often in a row a look found nothing. */
  readonly absentLooks: number;
  /** Whether the vendor itself recognises a repeat of this key at this moment. */
  readonly resendIsSafe: boolean;
  /** How long after its sender is gone the vendor may still commit. */
  readonly settleMs: number;
}

export type EffectMove =
  | { readonly kind: 'send' }
  | { readonly kind: 'look' }
  | { readonly kind: 'wait'; readonly until: number }
  | { readonly kind: 'done' };

/** Absent twice before a send: one look may be answered by a replica that lags. */
export const looksBeforeResend = 2;

export function nextMove(effect: EffectSituation, now: number): EffectMove {
  switch (effect.state) {
    case 'confirmed':
    case 'held':
    case 'dead':
      return { kind: 'done' };
    case 'sending': {
      const until = (effect.deadAt ?? 0) + (effect.resendIsSafe ? 0 : effect.settleMs);
      if (now < until) return { kind: 'wait', until };
      return effect.resendIsSafe ? { kind: 'send' } : { kind: 'look' };
    }
    case 'intended':
    case 'refused':
      return now < effect.dueAt ? { kind: 'wait', until: effect.dueAt } : { kind: 'send' };
    case 'unknown':
      if (effect.resendIsSafe)
        return now < effect.dueAt ? { kind: 'wait', until: effect.dueAt } : { kind: 'send' };
      return now < effect.dueAt ? { kind: 'wait', until: effect.dueAt } : { kind: 'look' };
    case 'absent':
      if (now < effect.dueAt) return { kind: 'wait', until: effect.dueAt };
      return effect.absentLooks >= looksBeforeResend ? { kind: 'send' } : { kind: 'look' };
  }
}

/** Attempts a run makes before it leaves an effect to the drainer. */
export const attemptsPerSeries = 3;

/** Delay before the next attempt of a run: 4 s, then 8 s, never over 10 s. */
export function retryDelayMs(attempts: number): number {
  return Math.min(4_000 * 2 ** Math.max(0, attempts - 1), 10_000);
}

/** Delay before the drainer's next attempt: 10 s, doubling, up to 5 min; so that one that always fails yields. */
export function drainDelayMs(attempts: number): number {
  return Math.min(10_000 * 2 ** Math.min(Math.max(0, attempts - attemptsPerSeries), 10), 300_000);
}

/** How long one send may take, and how long after its claim a sender may still begin. */
export const sendTimeoutMs = 30_000;
export const sendWindowMs = 5_000;
