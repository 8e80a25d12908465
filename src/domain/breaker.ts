/** When the circuit breaker of a connection opens, and how it looks whether the vendor is back. */
export interface BreakerSettings {
  /** So many failures in a row, of all workers together … */
  readonly failures: number;
  /** … or this share of at least `minimum` requests within `windowMs`. */
  readonly ratio: number;
  readonly minimum: number;
  readonly windowMs: number;
  /** Until the first probe; twice as long after each that fails, up to the longest. */
  readonly openMs: number;
  readonly longestOpenMs: number;
  /** How long one probe may take before another worker may make one: longer than a request may. */
  readonly probeMs: number;
}

/** Five in a row are one more than a run with three retries makes alone: its own limit comes first. */
export const breakerDefaults = {
  failures: 5,
  ratio: 0.5,
  minimum: 20,
  windowMs: 30_000,
  openMs: 30_000,
  longestOpenMs: 300_000,
} as const satisfies Omit<BreakerSettings, 'probeMs'>;

export const breakerStates = ['closed', 'half_open', 'open'] as const;
export type BreakerState = (typeof breakerStates)[number];
