/** A leaky bucket: `burst` requests at once, `perSecond` sustained. */
export interface BucketLimit {
  readonly perSecond: number;
  readonly burst: number;
}

export class LeakyBucket {
  #level = 0;
  #seenMs: number | null = null;

  /** Whether a request at this moment (milliseconds, monotonic) still fits; if so it is counted. */
  admit(limit: BucketLimit, nowMs: number): boolean {
    const leaked = this.#seenMs === null ? 0 : ((nowMs - this.#seenMs) / 1000) * limit.perSecond;
    this.#level = Math.max(0, this.#level - leaked);
    this.#seenMs = nowMs;
    if (this.#level + 1 > limit.burst) return false;
    this.#level += 1;
    return true;
  }
}
