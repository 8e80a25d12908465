/** The longest wait that a vendor's header can impose on us: one hour. */
const longestWaitMs = 3_600_000;

/**
 * Retry-After as milliseconds: delta seconds or an HTTP date (RFC 9110 §10.2.3). A date is counted from the answer's
 * own Date, since it is by the vendor's clock and ours may be minutes off. Anything absurd is capped at one hour. What
 * is unreadable, zero or over says nothing of how long to wait: undefined, and the caller waits by its own measure.
 */
export function retryAfterMs(headers: Readonly<Record<string, string>>): number | undefined {
  const text = headers['retry-after']?.trim() ?? '';
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

function bounded(milliseconds: number): number | undefined {
  return milliseconds > 0 ? Math.min(longestWaitMs, Math.ceil(milliseconds)) : undefined;
}
