/** The longest wait that a vendor's header can impose on us: one hour; by a header that its limits are known to have, a day. */
const longestWaitMs = 3_600_000;
const longestResetMs = 86_400_000;

/**
 * Retry-After as milliseconds: delta seconds or an HTTP date (RFC 9110 §10.2.3). A date is counted from the answer's
 * own Date, since it is by the vendor's clock and ours may be minutes off. Anything absurd is capped at one hour. What
 * is unreadable, zero or over says nothing of how long to wait: undefined, and the caller waits by its own measure.
 * `resetHeader`: says the same in seconds, at vendors that have no Retry-After.
 */
export function retryAfterMs(
  headers: Readonly<Record<string, string>>,
  resetHeader?: string,
): number | undefined {
  const text = headers['retry-after']?.trim() ?? '';
  const reset = resetHeader === undefined ? undefined : headers[resetHeader];
  if (text === '' && reset !== undefined && /^\d+(\.\d+)?$/.test(reset))
    return bounded(Number(reset) * 1000, longestResetMs);
  if (/^\d+(\.\d+)?$/.test(text)) return bounded(Number(text) * 1000);
  const at = httpDate(text);
  return at === null ? undefined : bounded(at - (httpDate(headers['date']) ?? Date.now()));
}

/** Every HTTP date begins with the name of a day; Date.parse alone would read much else as a date. */
function httpDate(text: string | undefined): number | null {
  if (text === undefined || !/^(mon|tue|wed|thu|fri|sat|sun)/i.test(text.trim())) return null;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : at;
}

function bounded(milliseconds: number, mostMs = longestWaitMs): number | undefined {
  return milliseconds > 0 ? Math.min(mostMs, Math.ceil(milliseconds)) : undefined;
}
