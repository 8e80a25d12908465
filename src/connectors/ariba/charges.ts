import type { Rate } from '../../domain/rate.js';
import type { Charge, Quota } from '../gate.js';
import type { HttpRequest } from '../http.js';

/** Calls a minute, an hour and a day. Of a minute's none go at once, which keeps the second's limit too. */
function quota(name: string, minute: number, hour: number, day: number): Quota {
  const wide = (requests: number, perMs: number): Rate => ({ requests, perMs, burst: requests / 2 });
  return {
    name,
    rate: { requests: minute, perMs: 60_000 },
    wider: [wide(hour, 3_600_000), wide(day, 86_400_000)],
  };
}

/**
 * What the application may ask of each API, by the beginning of its path; each has a second's limit besides, of one or two.
 * https://support.ariba.com/item/view/182740
 */
const quotas: readonly (readonly [RegExp, Quota])[] = [
  [/^\/procurement-reporting-details\/.*\/count$/, quota('counts', 3, 50, 300)],
  [/^\/procurement-reporting-details\//, quota('pages', 3, 50, 300)],
  [/^\/procurement-reporting-job\//, quota('jobs', 2, 8, 40)],
  [/^\/procurement-reporting-jobresult\//, quota('results', 20, 200, 1_000)],
  // Not told: only what its answers say.
  [/^\/purchase-orders-buyer\//, { name: 'network', rate: null }],
];

/** Each API's calls are counted apart. */
export function aribaCharge({ path }: HttpRequest): Charge {
  const found = quotas.find(([pattern]) => pattern.test(path));
  return found === undefined ? {} : { quota: found[1] };
}
