import { mostOfMinute } from '../../domain/rate.js';
import type { Charge } from '../gate.js';
import type { HttpRequest } from '../http.js';

/** A call that has a limit of its own within the account's: requests a minute, by plan; none where none is told. */
export interface LimitedCall<Plan extends string> {
  readonly name: string;
  readonly method: HttpRequest['method'];
  readonly path: RegExp;
  readonly perMinute: Readonly<Partial<Record<Plan, number>>>;
}

/** What is embedded in a list, or in one record, counts as further requests. */
const embedded = { list: 2, one: 1 } as const;

/** https://api.freshservice.com/#ratelimit, https://developers.freshdesk.com/api/#ratelimit */
export function chargesOf<Plan extends string>(
  calls: readonly LimitedCall<Plan>[],
  plan: Plan,
): (request: HttpRequest) => Charge {
  return ({ method, path, query }) => {
    const call = calls.find((one) => one.method === method && one.path.test(path));
    const limit = call?.perMinute[plan];
    const includes = String(query?.['include'] ?? '')
      .split(',')
      .filter((one) => one !== '');
    const each = /\/\d+$/.test(path) ? embedded.one : embedded.list;
    return {
      credits: 1 + includes.length * each,
      ...(call === undefined || limit === undefined
        ? {}
        : { quota: { name: call.name, rate: mostOfMinute(limit) } }),
    };
  };
}
