import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Draw } from '../../src/sandbox/rng.js';
import { expectIntact, expectReceipt } from './invariants.js';
import type { Program } from './program.js';
import { landedPages, stepHasStarted } from './progress.js';
import { drawFor } from './seed.js';
import { runUndisturbed, type Undisturbed } from './undisturbed.js';
import { until } from './wait.js';
import { createWorld, type Role, type World } from './world.js';

const options = { records: 20_000, requestsPerSecond: 60 };

/** Parts of all streams that 20,000 orders come to, less some, so that every moment comes. */
const partsInAll = 950;

interface Moment {
  readonly victims: readonly Role[];
  readonly when: (world: World) => Promise<boolean>;
}

/** Seven in the course of extraction, one each while orders are merged, reconciled, and ticketed. */
function moments(draw: Draw): Moment[] {
  const roles: (readonly Role[])[] = [['data'], ['data'], ['control', 'data'], ...Array(4).fill(['control'])];
  const at = roles.map(() => draw.int(10, partsInAll)).sort((a, b) => a - b);
  const extracting = at.map((parts): Moment => {
    const victims = roles.splice(draw.int(0, roles.length - 1), 1)[0] ?? ['control'];
    return { victims, when: async (world) => (await landedPages(world)) >= parts };
  });
  const during = (step: string, victims: readonly Role[]): Moment => ({
    victims,
    when: (world) => stepHasStarted(world, step),
  });
  return [
    ...extracting,
    during('load_orders', ['data']),
    during('reconcile', ['data']),
    during('tickets', ['control']),
  ];
}

describe('SIGKILL of the workers', () => {
  let undisturbed: Undisturbed;
  let world: World;

  beforeAll(async () => {
    undisturbed = await runUndisturbed({ ...options, requestsPerSecond: 1_000 });
    world = await createWorld(options);
  }, 180_000);
  afterAll(() => world?.close());

  it('at ten moments of one run over 20,000 orders changes nothing but the time it takes', async () => {
    const draw = drawFor('kills');
    const workers: Readonly<Record<Role, Program>> = await world.startWorkers();
    const run = await world.startRun();
    let dataKills = 0;
    for (const { victims, when } of moments(draw)) {
      await until('the next moment to kill', () => when(world), 180_000);
      for (const role of victims) {
        await workers[role].kill();
        if (role === 'data') dataKills += 1;
      }
      await Promise.all(victims.map((role) => workers[role].start()));
    }
    expectReceipt(await world.resultOf(run), undisturbed.result);
    await world.settled();
    await expectIntact(world, undisturbed.picture);
    for (const [stream, surplus] of world.reads.surplus())
      expect(surplus, `pages of ${stream} read again`).toBeLessThanOrEqual(dataKills * inFlight(stream));
  });
});

/** Coupa's pages are read in ranges, 4 requests at once and as many pages being landed; the others follow one another. */
function inFlight(stream: string): number {
  return stream.startsWith('coupa') ? 8 : 1;
}
