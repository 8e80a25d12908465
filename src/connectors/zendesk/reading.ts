import type { QuotaReading } from '../gate.js';

/**
 * What Zendesk says of the account's limit: `ratelimit-remaining` of `ratelimit-limit`, until `ratelimit-reset` seconds.
 * https://developer.zendesk.com/api-reference/introduction/rate-limits/
 */
export function zendeskReading(headers: Readonly<Record<string, string>>): QuotaReading | null {
  const size = Number(headers['ratelimit-limit'] ?? headers['x-rate-limit']);
  const remaining = Number(headers['ratelimit-remaining'] ?? headers['x-rate-limit-remaining']);
  const resetSeconds = Number(headers['ratelimit-reset'] ?? 60);
  if (!(size > 0) || !(remaining >= 0) || !(resetSeconds >= 0)) return null;
  return { size, remaining, resetsInMs: resetSeconds * 1000 };
}
