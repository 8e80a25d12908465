import type { BreakerState } from '../domain/breaker.js';
import { type Rate, ratesOf } from '../domain/rate.js';
import type { ConnectionLimits } from './port.js';
import { sharedRateLimiter } from './rate-limiter.js';

/** A limit of the vendor that is narrower than the connection's: an endpoint's, a channel's. */
export interface Quota {
  readonly name: string;
  /** Of the narrowest window; null where nothing is known but what the vendor's answers say. */
  readonly rate: Rate | null;
  /** Of wider windows, such as the day's; narrower ones first. */
  readonly wider?: readonly Rate[];
}

/** What a request counts for at the vendor, beside one place of the connection's limit. */
export interface Charge {
  readonly quota?: Quota;
  /** Places of the connection's limit that it takes; 1 when not given. */
  readonly credits?: number;
}

/** What the vendor's answer says of its own count. */
export interface QuotaReading {
  readonly size: number;
  readonly remaining: number;
  /** Until this word is of no use any more. */
  readonly resetsInMs: number;
  /** It is of the request's own quota, where that has one, and not of the connection. */
  readonly isOfQuota?: true;
}

/** What became of a request that was let through. `neutral` = it says nothing of the vendor's health. */
export type RequestOutcome =
  | { readonly kind: 'ok'; readonly reading?: QuotaReading | undefined }
  | { readonly kind: 'limited'; readonly retryAfterMs: number | undefined }
  | { readonly kind: 'failed'; readonly error: string }
  | { readonly kind: 'neutral' };

/** Leave to send one request, now: the moment it is given is the moment it is meant for. */
export interface Passage {
  readonly waitedMs: number;
  /** To be told once; never throws. After a failure the breaker's state is known when it resolves. */
  settle(outcome: RequestOutcome): Promise<void>;
}

/** Why nothing is let through. */
export interface Outage {
  readonly state: Exclude<BreakerState, 'closed'>;
  /** Counts the connection's outages: what is told of one is told once. */
  readonly number: number;
  /** Until the next probe may be made. */
  readonly waitMs: number;
  readonly since: Date;
  readonly error: string | null;
}

/**
 * The door that each request of a connection goes through: its share of the vendor's limit, and the breaker. What is
 * behind it (a database, or only this process) the connectors do not know.
 */
export interface Gate {
  /**
   * Waits for leave to send, some seconds at most. Throws ERR_BUDGET_SPENT or ERR_BREAKER_OPEN with the time to wait,
   * ERR_CONTROL_UNAVAILABLE; the signal's reason when it aborts.
   */
  pass(charge?: Charge, signal?: AbortSignal): Promise<Passage>;
  /** The outage that holds requests back at this moment; null when one would be let through, if only as a probe. */
  outage(): Promise<Outage | null>;
}

/** A gate that knows of this process only, for who works without the control database: no breaker, no quotas. */
export function createLocalGate(connection: string, limits: ConnectionLimits, vendor?: Rate): Gate {
  const [rate = vendor] = ratesOf(limits);
  const limiter =
    rate === undefined ? null : sharedRateLimiter(connection, (1000 * rate.requests) / rate.perMs);
  return {
    async pass({ credits = 1 } = {}, signal) {
      let waitedMs = 0;
      for (let place = 0; place < credits; place += 1) waitedMs += (await limiter?.take(signal)) ?? 0;
      return { waitedMs, settle: async () => {} };
    },
    outage: async () => null,
  };
}
