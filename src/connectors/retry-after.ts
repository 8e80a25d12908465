/** The longest wait that a vendor's header can impose on us: one hour. */
const longestWaitMs = 3_600_000;

/**
 * Retry-After as milliseconds: delta seconds or an HTTP date (RFC 9110 §10.2.3). A date in the past is 0,
 * anything absurd is capped at one hour, anything unreadable is undefined.
 */
export function retryAfterMs(header: string | undefined, now: Date = new Date()): number | undefined {
  const text = header?.trim() ?? '';
  if (text === '') return undefined;
  if (/^\d+(\.\d+)?$/.test(text)) return bounded(Number(text) * 1000);
  // Every HTTP date begins with the name of a day; Date.parse alone would read much else as a date.
  if (!/^(mon|tue|wed|thu|fri|sat|sun)/i.test(text)) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : bounded(at - now.getTime());
}

function bounded(milliseconds: number): number {
  return Math.min(longestWaitMs, Math.max(0, Math.ceil(milliseconds)));
}
