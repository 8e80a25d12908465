import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectIntact, expectReceipt } from './invariants.js';
import { caught, holdTable } from './locks.js';
import { landedPages, stepHasStarted, vendorFailures } from './progress.js';
import { runUndisturbed, type Undisturbed } from './undisturbed.js';
import { until } from './wait.js';
import { createWorld, type World } from './world.js';

const options = { records: 3_000, requestsPerSecond: 20 };

describe('servers killed during a run', () => {
  let undisturbed: Undisturbed;
  let world: World;

  beforeAll(async () => {
    undisturbed = await runUndisturbed({ ...options, requestsPerSecond: 1_000 });
    world = await createWorld({ ...options, separateWarehouse: true });
  }, 120_000);
  afterAll(() => world?.close());

  it('PostgreSQL four times and Temporal once: the run completes, and nothing is lost or doubled', async () => {
    const { control, warehouse, temporal, sandbox } = world;
    await world.startWorkers();
    const run = await world.startRun();

    // While nothing is copied: what is staged vanishes, and no statement fails that could tell.
    await until('some parts are landed', async () => (await landedPages(world)) > 30);
    const slow = sandbox.faults.add({
      vendor: 'coupa',
      kind: 'slow_body',
      count: null,
      params: { durationMs: 4_000 },
    });
    await until('every stream waits for the vendor', () => slow.struck >= 3);
    await crash(warehouse, 500);
    sandbox.faults.clear(slow.id);

    await until('more parts are landed', async () => (await landedPages(world)) > 70);
    await temporal.kill();
    await temporal.start();

    await until('still more parts are landed', async () => (await landedPages(world)) > 90, 90_000);
    await crash(control, 2_000);

    // In the middle of the merge of the orders: rolled back, its unlogged staging gone.
    await until('orders are to be merged', () => stepHasStarted(world, 'load_rates'), 120_000);
    const lock = await holdTable(warehouse, 'warehouse', 'analytics.po_line_fact');
    await caught(warehouse, lock, 'DELETE FROM analytics.po_line_fact%');
    await crash(warehouse, 500);
    await lock.release().catch(() => {}); // its session died with the server

    await until('tickets are sent', () => stepHasStarted(world, 'tickets'), 120_000);
    await crash(control, 500);

    expectReceipt(await world.resultOf(run), undisturbed.result);
    await world.settled();
    expect(await vendorFailures(world)).toBe(0);
    await expectIntact(world, undisturbed.picture);
  });
});

async function crash(server: World['control'], downMs: number): Promise<void> {
  await server.crash();
  await new Promise((resolve) => setTimeout(resolve, downMs));
  await server.restart();
}
