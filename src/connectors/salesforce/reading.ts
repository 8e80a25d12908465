import type { QuotaReading } from '../gate.js';

/** The day rolls, so each answer's word counts for an hour and is then looked at anew. */
const goodForMs = 3_600_000;

/**
 * What Salesforce says of the organisation's daily limit in each answer: `api-usage=73/15000`.
 * https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/headers_api_usage.htm
 */
export function salesforceReading(headers: Readonly<Record<string, string>>): QuotaReading | null {
  const [, used, size] = /api-usage=(\d+)\/(\d+)/.exec(headers['sforce-limit-info'] ?? '') ?? [];
  if (used === undefined || size === undefined) return null;
  return { size: Number(size), remaining: Math.max(0, Number(size) - Number(used)), resetsInMs: goodForMs };
}
