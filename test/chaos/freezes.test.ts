import { afterAll, beforeAll, describe, it } from 'vitest';
import { Crew } from './crew.js';
import { expectIntact, expectReceipt } from './invariants.js';
import { caught, caughtCopy, holdRows, holdWatermark } from './locks.js';
import { isMerged, landedPages, newestStaging } from './progress.js';
import { runUndisturbed, type Undisturbed } from './undisturbed.js';
import { until } from './wait.js';
import { createWorld, type World } from './world.js';

/** So many pages that some are still to be staged when the second worker has taken over. */
const options = { records: 2_700, requestsPerSecond: 6 };

describe('SIGSTOP of a worker beyond its heartbeat, and SIGCONT when another one has taken over', () => {
  let undisturbed: Undisturbed;
  let world: World;

  beforeAll(async () => {
    undisturbed = await runUndisturbed({ ...options, requestsPerSecond: 1_000 });
    world = await createWorld(options);
  }, 120_000);
  afterAll(() => world?.close());

  it('writes nothing twice: before the lake write, in COPY, before COMMIT, between claim and send', async () => {
    const { sandbox, control, warehouse } = world;
    const workers = await world.startWorkers();
    const data = new Crew(world, 'data', workers.data);
    const desk = new Crew(world, 'control', workers.control);
    const run = await world.startRun();

    // The page is on its way when the worker stops: it comes back with a page that another one has landed.
    const slow = sandbox.faults.add({
      vendor: 'coupa',
      kind: 'slow_body',
      match: { path: '/api/purchase_orders' },
      skip: 8,
      params: { durationMs: 1_000 },
    });
    let landed = 0;
    let staged = '';
    await data.freezeAt(
      async () => {
        await until('a page is being sent', () => slow.struck === 1);
        landed = await landedPages(world);
        staged = await until('a worker has staging of its own', () => newestStaging(world, 'po_temp'));
        return { pid: null, release: async () => {} };
      },
      async () =>
        (await landedPages(world)) > landed + 4 && (await newestStaging(world, 'po_temp')) !== staged,
    );

    // COPY waits for our lock; once it has it, it waits for rows that do not come.
    await data.freezeAt(
      async () => {
        const copy = await caughtCopy(world, 'po_temp');
        staged = copy.staging;
        return copy;
      },
      async () => (await newestStaging(world, 'po_temp')) !== staged,
    );

    // The last statement of the merge waits; once it is through, nothing is missing but COMMIT.
    await data.freezeAt(
      async () => {
        const lock = await holdWatermark(warehouse, 'coupa', 'purchase_orders');
        return caught(warehouse, lock, 'INSERT INTO raw._baton_watermarks%');
      },
      () => isMerged(world, 'analytics.po_fact'),
    );

    // The claim waits; it is committed while the worker that made it is stopped.
    await desk.freezeAt(
      async () => {
        await until('tickets are intended', async () => (await intended(world)) > 0, 120_000);
        const lock = await holdRows(control, 'control', `control.effects WHERE state = 'intended'`);
        return caught(control, lock, `UPDATE control.effects SET state = 'sending'%`);
      },
      async () => (await sending(world)) === 0 && (await intended(world)) === 0,
    );

    expectReceipt(await world.resultOf(run), undisturbed.result);
    await world.settled();
    await expectIntact(world, undisturbed.picture);
  });
});

async function effectsIn(world: World, state: string): Promise<number> {
  const rows = await world.controlRows('SELECT key FROM control.effects WHERE state = $1', [state]);
  return rows.length;
}

const intended = (world: World) => effectsIn(world, 'intended');
const sending = (world: World) => effectsIn(world, 'sending');
