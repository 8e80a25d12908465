/** A vendor's limit: at most so many requests in any stretch of `perMs` milliseconds, wherever it begins. */
export interface Rate {
  readonly requests: number;
  readonly perMs: number;
  /** How many of them may go at once after a rest; 1 when not given. More of it costs lasting speed. */
  readonly burst?: number;
}

/** Of an account's requests a minute, a tenth is left to others; a quarter of them may go at once. */
export function mostOfMinute(limit: number): Rate {
  return { requests: limit * 0.9, perMs: minuteMs, burst: limit / 4 };
}

/** A rate as the generic cell rate algorithm (GCRA) has it: a place each `intervalMs`. */
export interface Pace {
  readonly intervalMs: number;
  /** How far ahead of its place a request may go after a rest. */
  readonly burstMs: number;
  /** How long after its place a request may still leave. */
  readonly graceMs: number;
}

/** What lies between a request's place and its arrival at the vendor, as a share of the window … */
const slackShare = 0.12;
const mostSlackMs = 5_000;
/** … of which the sender may use so much; the rest is for the way. */
const senderShare = 2 / 3;

/**
 * The pace that keeps a rate in every window although a request may arrive `slack` later than its place: what
 * arrives within a window has its places within window + slack, and (window + slack) ÷ interval of them, together
 * with the burst, are no more than the rate. The price is 11 % of the rate.
 */
export function paceOf(rate: Rate): Pace {
  const burst = Math.min(rate.requests, Math.max(1, rate.burst ?? 1));
  const slackMs = Math.min(rate.perMs * slackShare, mostSlackMs);
  const intervalMs = (rate.perMs + slackMs) / (rate.requests - burst + 1);
  return { intervalMs, burstMs: (burst - 1) * intervalMs, graceMs: slackMs * senderShare };
}

/** What the settings of a connection say. Of several limits, the first holds the connection's own row. */
export interface RateSettings {
  readonly requestsPerSecond?: number;
  readonly requestsPerMinute?: number;
  readonly requestsPerDay?: number;
}

const minuteMs = 60_000;
const dayMs = 86_400_000;

/** The limits that were set, narrowest window first. A quarter of a minute's and half of a day's may go at once. */
export function ratesOf(settings: RateSettings): readonly Rate[] {
  const { requestsPerSecond: second, requestsPerMinute: minute, requestsPerDay: day } = settings;
  return [
    ...(second === undefined ? [] : [perSecond(second)]),
    ...(minute === undefined ? [] : [{ requests: minute, perMs: minuteMs, burst: Math.ceil(minute / 4) }]),
    ...(day === undefined ? [] : [{ requests: day, perMs: dayMs, burst: Math.ceil(day / 2) }]),
  ];
}

/** 2.5 a second = two each 800 ms, since a window holds whole requests. */
function perSecond(requests: number): Rate {
  const whole = Math.max(1, Math.floor(requests));
  return { requests: whole, perMs: (1000 * whole) / requests };
}
