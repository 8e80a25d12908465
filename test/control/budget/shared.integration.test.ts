import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Rate } from '../../../src/domain/rate.js';
import { mostInWindow, openCrew } from './crew.js';

/** Ten a second, counted over five: wide enough that this machine's own hiccups are not taken for the vendor's. */
const rate: Rate = { requests: 50, perMs: 5_000 };
const wanted = rate.requests / rate.perMs;

type Crew = Awaited<ReturnType<typeof openCrew>>;

describe('a quota that four worker processes share', () => {
  let crew: Crew;
  beforeAll(async () => {
    crew = await openCrew();
  });
  afterAll(() => crew?.close());

  it('is never exceeded in any window of the vendor’s, while one is frozen and one is killed, and is used', async () => {
    const live = { rate, requestClass: 'live', loops: 3 } as const;
    const readers = await Promise.all(Array.from({ length: 4 }, () => crew.reader(live)));
    const [frozen, killed] = readers;
    for (const reader of readers) reader.begin();
    await sleep(8_000);
    const undisturbed = crew.arrivals.length;
    const undisturbedMs = spanMs(crew);

    for (let times = 0; times < 4; times += 1) {
      frozen?.child.kill('SIGSTOP');
      await sleep(700 + 300 * times);
      frozen?.child.kill('SIGCONT');
      await sleep(500);
    }
    killed?.child.kill('SIGKILL');
    await sleep(5_000);
    await crew.dismiss();

    const times = crew.arrivals.map(({ atMs }) => atMs);
    const share = (undisturbed - 1) / undisturbedMs / wanted;
    console.log(
      `budget: ${times.length} requests, at most ${mostInWindow(times, rate.perMs)} of ${rate.requests} in a window, ` +
        `${Math.round(100 * share)} % of the limit undisturbed`,
    );
    expect(crew.arrivals.every(({ outcome }) => outcome === '200')).toBe(true);
    expect(mostInWindow(times, rate.perMs)).toBeLessThanOrEqual(rate.requests);
    expect(share).toBeGreaterThan(0.85);
    expect(readers.flatMap(({ errors }) => errors)).toEqual([]);
  });

  it('makes live work wait a moment only while backfill would take all', async () => {
    await crew.control.knex('control.budgets').delete();
    crew.arrivals.length = 0;
    const bulk = { rate, requestClass: 'backfill', loops: 4 } as const;
    const backfill = await Promise.all(Array.from({ length: 3 }, () => crew.reader(bulk)));
    for (const reader of backfill) reader.begin();
    await sleep(3_000);
    const alone = crew.arrivals.length;
    const live = await crew.reader({ rate, requestClass: 'live', loops: 1 });
    const before = crew.arrivals.length;
    live.begin();
    await sleep(6_000);
    await crew.dismiss();

    expect(alone).toBeGreaterThan(15);
    expect(live.waits.length).toBeGreaterThan(15);
    console.log(`budget: live waited at most ${Math.max(...live.waits)} ms beside backfill`);
    // A lease of a quarter of a second, and the place after it.
    expect(Math.max(...live.waits)).toBeLessThan(1_000);
    expect(live.waits.length).toBeGreaterThan((crew.arrivals.length - before) / 3);
    expect(
      mostInWindow(
        crew.arrivals.map(({ atMs }) => atMs),
        rate.perMs,
      ),
    ).toBeLessThanOrEqual(rate.requests);
  });

  it('is held back for all by one 429, for as long as the vendor asks', async () => {
    await crew.control.knex('control.budgets').delete();
    crew.arrivals.length = 0;
    const readers = await Promise.all(
      Array.from({ length: 3 }, () => crew.reader({ rate, requestClass: 'live', loops: 2 })),
    );
    for (const reader of readers) reader.begin();
    await sleep(1_500);
    crew.sandbox.faults.add({
      vendor: 'coupa',
      kind: 'rate_limit',
      match: { path: '/api/' },
      count: 1,
      params: { retryAfter: 2 },
    });
    await sleep(5_000);
    await crew.dismiss();
    const refused = crew.arrivals.find(({ outcome }) => outcome === '429')?.atMs ?? 0;
    const after = crew.arrivals.filter(({ atMs }) => atMs > refused).map(({ atMs }) => atMs - refused);
    // What was on its way already may still arrive.
    expect(after.filter((ms) => ms > 300 && ms < 1_900)).toEqual([]);
    expect(after.filter((ms) => ms > 1_900).length).toBeGreaterThan(5);
  });
});

function spanMs({ arrivals }: Crew): number {
  return (arrivals.at(-1)?.atMs ?? 0) - (arrivals[0]?.atMs ?? 0);
}
