/**
 * What queueing theory says, where it says it exactly; times in the unit of `service`. Poisson arrivals; see
 * Kleinrock, Queueing Systems, volume 1: Theory (1975), chapters 3 and 5.
 */

/** Share of those that come who must wait, in M/M/c with an offered load of `erlangs` (Erlang C). */
export function erlangC(servers: number, erlangs: number): number {
  // By way of Erlang B, whose recursion does not overflow.
  let blocked = 1;
  for (let n = 1; n <= servers; n += 1) blocked = (erlangs * blocked) / (n + erlangs * blocked);
  return (servers * blocked) / (servers - erlangs * (1 - blocked));
}

/** Mean wait in M/M/c before service begins. */
export function waitMMc(servers: number, perSecond: number, service: number): number {
  const erlangs = perSecond * service;
  return (erlangC(servers, erlangs) * service) / (servers - erlangs);
}

/** Mean wait in M/D/1 (Pollaczek and Khinchine): half of what it is in M/M/1. */
export function waitMD1(perSecond: number, service: number): number {
  const load = perSecond * service;
  return (load * service) / (2 * (1 - load));
}
