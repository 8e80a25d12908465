import { percentile } from '../statistics.js';
import type { Demand } from './demand.js';
import type { Assumed } from './figures.js';
import { type Job, simulate } from './queue.js';
import { exponential, seeded } from './random.js';

const day = 86_400;

/** When runs are due: at any moment, or every tenant's at the same one. */
export type Arrivals = 'spread' | 'together';

export interface Played {
  readonly arrivals: Arrivals;
  readonly load: number;
  readonly runs: number;
  /** Seconds from being due to merged. */
  readonly p50: number;
  readonly p95: number;
  /** From the first that was due to the last that was done. */
  readonly allDone: number;
  /** By part: share of the time until all were done in which it was busy. */
  readonly busy: Readonly<Record<string, number>>;
}

/**
 * One interval between a tenant's runs, `load` times as many as in the demand, through Temporal's limit, the
 * tenant's own vendor, workers and warehouse. Work varies exponentially; limits and quotas do not vary.
 */
export function play(
  demand: Demand,
  assumed: Assumed,
  { arrivals, load, seed }: { readonly arrivals: Arrivals; readonly load: number; readonly seed: number },
): Played {
  const random = seeded(seed);
  const interval = day / assumed.runsPerDay;
  const count = Math.round(assumed.tenants * load);
  const route = (): Job['route'] => [
    ...demand.parts
      .filter(({ name }) => name === 'temporal')
      .map(({ name, secondsPerRun }) => ({ station: name, seconds: secondsPerRun })),
    { station: 'vendor', seconds: demand.vendorSecondsPerRun },
    ...demand.parts
      .filter(({ name }) => name !== 'temporal')
      .map(({ name, secondsPerRun }) => ({ station: name, seconds: exponential(random, secondsPerRun) })),
  ];
  let at = 0;
  const jobs: Job[] = Array.from({ length: count }, (_, index) => {
    if (arrivals === 'spread') at += exponential(random, interval / count);
    return { tenant: String(index), arrivesAt: at, route: route() };
  });
  const stations = [{ name: 'vendor', servers: Number.POSITIVE_INFINITY }, ...demand.parts];
  const result = simulate(stations, jobs);
  const took = result.done.map(({ job, endedAt }) => endedAt - job.arrivesAt);
  const busy = demand.parts.map(({ name, servers }) => {
    const used = result.stations.find((station) => station.name === name)?.busy ?? 0;
    return [name, used / servers / result.endedAt] as const;
  });
  return {
    arrivals,
    load,
    runs: count,
    p50: percentile(took, 0.5),
    p95: percentile(took, 0.95),
    allDone: result.endedAt,
    busy: Object.fromEntries(busy),
  };
}
