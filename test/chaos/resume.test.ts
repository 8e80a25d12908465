import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExtractStep } from '../../src/domain/plan.js';
import { Crew } from './crew.js';
import { expectLakeInOrder } from './invariants.js';
import { caught, caughtCopy, holdTable, holdWatermark } from './locks.js';
import { readPart } from './picture.js';
import type { Program } from './program.js';
import { isMerged, newestStaging } from './progress.js';
import { type Reading, readingStep, startReading } from './reading.js';
import { drawFor } from './seed.js';
import { until } from './wait.js';
import { createWorld, type World } from './world.js';

const records = 20_000;
const pages = 400;
const kills = 25;

/** Pages one after the other; and in ranges: 4 requests at once, and as many pages on their way into the lake. */
const sequential = readingStep('coupa_sequential', 'purchase_order_totals');
const ranged = readingStep('coupa', 'purchase_orders');
const inFlight = 8;
const steps = [sequential, ranged];

describe('an extraction of 400 pages', () => {
  let world: World;
  let reading: Reading;
  let worker: Program;

  beforeAll(async () => {
    world = await createWorld({
      records,
      requestsPerSecond: 60,
      tenants: ['undisturbed', 'killed', 'frozen'],
    });
    world.sandbox.settings.duplicates = false;
    worker = world.worker('data');
    await worker.start();
    reading = await startReading(world);
    const undisturbed = await Promise.all(steps.map((step) => reading.start('undisturbed', step)));
    await Promise.all(undisturbed.map((handle) => handle.result()));
    world.reads.forget();
  }, 120_000);
  afterAll(async () => {
    await reading?.close();
    await world?.close();
  });

  it('whose worker is killed at 25 seeded points reads again at most what was in flight', async () => {
    const draw = drawFor('resume');
    const points = new Set<number>();
    while (points.size < kills) points.add(draw.int(5, pages - 5));
    const both = await Promise.all(steps.map((step) => reading.start('killed', step)));
    for (const point of [...points].sort((a, b) => a - b)) {
      await until(`page ${point}`, async () => (await furthest(world, 'killed')) >= point, 60_000, 10);
      await new Promise((resolve) => setTimeout(resolve, draw.int(0, 40)));
      await worker.kill();
      await worker.start();
    }
    await Promise.all(both.map((handle) => handle.result()));

    const surplus = world.reads.surplus();
    console.log(`chaos: pages read again: ${JSON.stringify([...surplus])}`);
    expect(surplus.get('coupa /api/purchase_orders (totals)') ?? 0).toBeLessThanOrEqual(kills);
    expect(surplus.get('coupa /api/purchase_orders') ?? 0).toBeLessThanOrEqual(kills * inFlight);
    await expectAsUndisturbed('killed', steps);
  });

  it('whose worker is frozen while reading, landing, staging and merging writes nothing twice', async () => {
    const { control, warehouse, sandbox } = world;
    const crew = new Crew(world, 'data', worker);
    const slowly = { vendor: 'coupa', kind: 'slow_body', match: { path: '/api/purchase_orders' } } as const;
    const slow = sandbox.faults.add({ ...slowly, skip: 40, params: { durationMs: 2_000 } });
    // All pages take their time, so that reading lasts until all points have come.
    const drag = sandbox.faults.add({ ...slowly, params: { durationMs: 1_200 }, count: null });
    const handle = await reading.start('frozen', ranged);
    const staging = () => newestStaging(world, ranged.target.staging);
    let landed = 0;
    let staged: string | undefined;
    const readOn = async () => (await furthest(world, 'frozen')) > landed + 2 * inFlight;
    const stagedAnew = async () => (await staging()) !== staged;
    /** Where the others stand when one of them is stopped. */
    const note = async () => {
      landed = await furthest(world, 'frozen');
      staged = await until('a worker has staging of its own', staging);
    };

    // The only worker, which reads and stages. The page is on its way: it comes back with one that another has landed.
    await crew.freezeAt(
      async () => {
        await until('a page is being sent', () => slow.struck === 1);
        await note();
        return { pid: null, release: async () => {} };
      },
      async () => (await readOn()) && (await stagedAnew()),
    );
    // From here on one may read and the other stage. The page is in the lake; its checkpoint waits for our lock, and is stored while its worker is stopped.
    await crew.freezeAt(async () => {
      const lock = await holdTable(control, 'control', 'control.parts');
      const point = await caught(control, lock, 'WITH batch AS%INSERT INTO control.parts%');
      await note();
      return point;
    }, readOn);
    // COPY waits for our lock; once it has it, it waits for rows that do not come.
    await crew.freezeAt(async () => {
      const copy = await caughtCopy(world, ranged.target.staging);
      staged = copy.staging;
      return copy;
    }, stagedAnew);
    sandbox.faults.clear(drag.id);
    // The last statement of the merge waits; once it is through, nothing is missing but COMMIT.
    await crew.freezeAt(
      async () => {
        const lock = await holdWatermark(warehouse, 'coupa', ranged.stream, 'frozen');
        return caught(warehouse, lock, 'INSERT INTO raw._baton_watermarks%');
      },
      () => isMerged(world, ranged.target.table, 'frozen'),
    );
    await handle.result();
    await expectAsUndisturbed('frozen', [ranged]);
  });

  /** The lake holds each order once, the table what an undisturbed reading left, and each load is accounted for once. */
  async function expectAsUndisturbed(tenant: string, disturbed: readonly ExtractStep[]): Promise<void> {
    await expectLakeInOrder(world);
    const ids = world.sandbox.coupa.store.purchase_orders.ids.map(String).sort();
    for (const { stream, target, id } of disturbed) {
      const landed = await lakeLines(world, tenant, stream);
      expect(landed.map((line) => String(JSON.parse(line).id)).sort(), id).toEqual(ids);
      expect(landed).toEqual(await lakeLines(world, 'undisturbed', stream));
      const rows = await rowsOf(world, tenant, target.table);
      expect(rows.length).toBeGreaterThan(records * 0.9);
      expect(rows).toEqual(await rowsOf(world, 'undisturbed', target.table));
      expect(await loads(world, tenant, target.table)).toEqual(
        await loads(world, 'undisturbed', target.table),
      );
    }
  }
});

/** Pages landed of the stream that is furthest. */
async function furthest(world: World, tenant: string): Promise<number> {
  const rows = await world.controlRows<{ pages: number }>(
    `SELECT sum(p.pages)::int AS pages FROM control.batches b JOIN control.parts p USING (batch_id, generation)
     WHERE b.tenant = $1 GROUP BY b.stream ORDER BY 1 DESC LIMIT 1`,
    [tenant],
  );
  return rows[0]?.pages ?? 0;
}

/** Every line of the stream's objects in the lake, sorted. */
async function lakeLines(world: World, tenant: string, stream: string): Promise<string[]> {
  const parts = await world.controlRows<{ key: string }>(
    `SELECT p.key FROM control.parts p JOIN control.batches b USING (batch_id, generation)
     WHERE b.tenant = $1 AND b.stream = $2 AND p.key IS NOT NULL`,
    [tenant, stream],
  );
  return parts.flatMap(({ key }) => readPart(world, key)).sort();
}

async function rowsOf(world: World, tenant: string, table: string): Promise<string[]> {
  const rows = await world.warehouseRows<{ row: string }>(
    `SELECT concat_ws('|', po_id, updated_at, _row_hash, _deleted, md5(raw::text)) AS row FROM ${table} WHERE _tenant = $1 ORDER BY po_id`,
    [tenant],
  );
  return rows.map(({ row }) => row);
}

async function loads(world: World, tenant: string, table: string): Promise<unknown[]> {
  return world.warehouseRows(
    `SELECT state, read, loaded, unchanged, quarantined, duplicate, stale, filtered FROM raw._baton_loads
     WHERE tenant = $1 AND target = $2`,
    [tenant, table],
  );
}
