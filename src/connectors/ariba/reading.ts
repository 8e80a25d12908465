import type { QuotaReading } from '../gate.js';

const windows = ['second', 'minute', 'hour', 'day'];

/**
 * What Ariba says of its limits with each answer: what is left of the second, the minute, the hour and the day, and in
 * how many seconds the one that is used up begins anew. Each API has limits of its own, and how large they are it does not
 * say: it is heeded once nothing is left. https://help.sap.com/docs/ariba-apis
 */
export function aribaReading(headers: Readonly<Record<string, string>>): QuotaReading | null {
  const isSpent = windows.some((window) => headers[`x-ratelimit-remaining-${window}`] === '0');
  const seconds = Number(headers['ratelimit-reset']);
  if (!isSpent || !(seconds > 0)) return null;
  return { size: 1, remaining: 0, resetsInMs: seconds * 1000, isOfQuota: true };
}
