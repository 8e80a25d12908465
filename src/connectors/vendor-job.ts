import { BatonError } from '../protocol/errors.js';

const shortestWaitMs = 2_000;

/**
 * A job of the vendor's own that is still at work: ERR_SOURCE_NOT_READY, with a wait that is a quarter of its age.
 * `createdMs`: by the vendor's clock; NaN where it does not say.
 */
export function atWork(job: string, state: string, createdMs: number, longestWaitMs: number): BatonError {
  const ageMs = Date.now() - createdMs;
  return new BatonError('ERR_SOURCE_NOT_READY', {
    detail: `${job} is ${state}.`,
    vendor: true,
    retryAfterMs: Math.min(longestWaitMs, Math.max(shortestWaitMs, Number.isNaN(ageMs) ? 0 : ageMs / 4)),
  });
}
