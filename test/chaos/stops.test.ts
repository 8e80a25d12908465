import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectIntact, expectReceipt } from './invariants.js';
import { landedPages, vendorFailures } from './progress.js';
import { drawFor } from './seed.js';
import { runUndisturbed, type Undisturbed } from './undisturbed.js';
import { until } from './wait.js';
import { createWorld, type World } from './world.js';

const options = { records: 4_000, requestsPerSecond: 20 };
/** Parts of all streams that 4,000 orders come to, less some. */
const partsInAll = 190;

describe('SIGTERM of the workers', () => {
  let undisturbed: Undisturbed;
  let world: World;

  beforeAll(async () => {
    undisturbed = await runUndisturbed({ ...options, requestsPerSecond: 1_000 });
    world = await createWorld(options);
  }, 120_000);
  afterAll(() => world?.close());

  it('five times in one run: they end by themselves, and neither data nor retries are lost', async () => {
    const draw = drawFor('stops');
    const workers = Object.values(await world.startWorkers());
    const run = await world.startRun();
    const moments = Array.from({ length: 5 }, () => draw.int(5, partsInAll)).sort((a, b) => a - b);
    for (const parts of moments) {
      await until('the next moment to stop', async () => (await landedPages(world)) >= parts, 120_000);
      for (const { code, ms } of await Promise.all(workers.map((worker) => worker.end('SIGTERM', 40_000)))) {
        expect(code).toBe(0);
        expect(ms).toBeLessThan(30_000);
      }
      await Promise.all(workers.map((worker) => worker.start()));
    }
    expectReceipt(await world.resultOf(run), undisturbed.result);
    await world.settled();
    expect(await vendorFailures(world)).toBe(0);
    await expectIntact(world, undisturbed.picture);
    for (const [stream, surplus] of world.reads.surplus()) expect(surplus, stream).toBe(0);
  });
});
