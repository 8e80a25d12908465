import { describe, expect, it } from 'vitest';
import { demandOf } from '../../bench/simulate/demand.js';
import { assumed } from '../../bench/simulate/figures.js';
import { erlangC, waitMD1, waitMMc } from '../../bench/simulate/formulas.js';
import { type Job, type Station, simulate } from '../../bench/simulate/queue.js';
import { exponential, seeded } from '../../bench/simulate/random.js';
import { play } from '../../bench/simulate/scenario.js';

/** Far apart: the streams of neighbouring seeds are not independent. */
const seed = 20_261;
const serviceSeed = 160_446_872;
const count = 300_000;

/** Jobs of a Poisson stream at one station. */
function stream(perSecond: number, service: () => number, random = seeded(seed)): Job[] {
  let at = 0;
  return Array.from({ length: count }, () => {
    at += exponential(random, 1 / perSecond);
    return { tenant: 't', arrivesAt: at, route: [{ station: 's', seconds: service() }] };
  });
}

function served(servers: number, jobs: readonly Job[]) {
  const [station] = simulate([{ name: 's', servers }], jobs).stations;
  if (station === undefined) throw new Error('no station');
  return station;
}

/** How far a figure is from what it should be, as a share of that. */
function error(found: number, expected: number): number {
  return Math.abs(found - expected) / expected;
}

describe('the formulas', () => {
  it('agree with what is in print', () => {
    // Erlang C for two servers and one erlang is 1/3; for one server it is the load itself.
    expect(erlangC(2, 1)).toBeCloseTo(1 / 3, 12);
    expect(erlangC(1, 0.8)).toBeCloseTo(0.8, 12);
    // M/M/1 at load 0.8: the mean wait is load / (1 - load) of a service.
    expect(waitMMc(1, 0.8, 1)).toBeCloseTo(4, 12);
    expect(waitMD1(0.8, 1)).toBeCloseTo(2, 12);
  });
});

describe('the simulation', () => {
  it('waits as M/M/1 does', () => {
    const random = seeded(serviceSeed);
    const { meanWait, waitedShare } = served(
      1,
      stream(0.8, () => exponential(random, 1)),
    );
    expect(error(meanWait, waitMMc(1, 0.8, 1))).toBeLessThan(0.04);
    expect(error(waitedShare, 0.8)).toBeLessThan(0.01);
  });

  it.each([2, 4, 16])('waits as M/M/%i does', (servers) => {
    const random = seeded(serviceSeed);
    const perSecond = 0.8 * servers;
    const jobs = stream(perSecond, () => exponential(random, 1));
    const found = served(servers, jobs);
    expect(error(found.meanWait, waitMMc(servers, perSecond, 1))).toBeLessThan(0.04);
    expect(error(found.waitedShare, erlangC(servers, perSecond))).toBeLessThan(0.02);
    // One server more or less is another answer: the agreement above is none of width.
    expect(error(served(servers + 1, jobs).meanWait, waitMMc(servers, perSecond, 1))).toBeGreaterThan(0.15);
  });

  it('waits as M/D/1 does: half as long', () => {
    const { meanWait } = served(
      1,
      stream(0.8, () => 1),
    );
    expect(error(meanWait, waitMD1(0.8, 1))).toBeLessThan(0.04);
  });

  it('loses nobody and invents no service', () => {
    const jobs = stream(3, () => 0.9).slice(0, 10_000);
    const { done, stations } = simulate([{ name: 's', servers: 4 }], jobs);
    expect(done).toHaveLength(jobs.length);
    expect(stations[0]?.busy).toBeCloseTo(0.9 * jobs.length, 6);
    for (const { job, endedAt, waited } of done) expect(endedAt - job.arrivesAt - waited).toBeCloseTo(0.9, 6);
  });

  it('keeps a limit of so many a second', () => {
    const limit = 5;
    const jobs = Array.from({ length: 50 }, () => ({
      tenant: 't',
      arrivesAt: 0,
      route: [{ station: 's', seconds: 1 / limit }],
    }));
    expect(simulate([{ name: 's', servers: 1 }], jobs).endedAt).toBeCloseTo(10, 9);
  });

  it('of the demand is busy as arithmetic says, and gives way where it says', () => {
    const demand = demandOf(assumed);
    const at = (load: number) => play(demand, assumed, { arrivals: 'spread', load, seed });
    const calm = at(1);
    for (const { name, secondsPerRun, servers } of demand.parts)
      expect(error(calm.busy[name] ?? 0, (demand.runsPerSecond * secondsPerRun) / servers)).toBeLessThan(
        0.04,
      );
    const limits = demand.parts.map(
      ({ secondsPerRun, servers }) => servers / (demand.runsPerSecond * secondsPerRun),
    );
    const first = Math.min(...limits);
    // Below the first limit a run takes what its parts take; beyond it the backlog grows as long as runs come.
    expect(at(first * 0.8).p95).toBeLessThan(calm.p95 * 1.5);
    expect(at(first * 1.2).p95).toBeGreaterThan(calm.p95 * 10);
  });

  it('lets tenants take turns where it is told to, and not where it is not', () => {
    const job = (tenant: string): Job => ({ tenant, arrivesAt: 0, route: [{ station: 's', seconds: 1 }] });
    const jobs = [
      ...Array.from({ length: 300 }, () => job('A')),
      ...Array.from({ length: 10 }, () => job('B')),
    ];
    const lastOfB = (order: NonNullable<Station['order']>) =>
      Math.max(
        ...simulate([{ name: 's', servers: 1, order }], jobs)
          .done.filter(({ job: { tenant } }) => tenant === 'B')
          .map(({ endedAt }) => endedAt),
      );
    // A, B, A, B …: the first of A was taken before B had come.
    expect(lastOfB('fair')).toBeLessThanOrEqual(21);
    expect(lastOfB('fifo')).toBe(310);
  });
});
