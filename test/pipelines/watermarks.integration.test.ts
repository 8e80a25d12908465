import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startBaton, type TestBaton } from '../setup/baton.js';

const minute = 60_000;

/** One warehouse and its vendor, whose clock is the only one that counts. */
function createScene(baton: TestBaton, tenant: string) {
  const { sandbox, warehouseDatabase } = baton;
  const rows = async <R>(sql: string) => (await warehouseDatabase.knex.raw(sql)).rows as R[];
  let shiftMs = sandbox.clock.offsetMs;
  let number = 0;
  return {
    rows,
    run: () => baton.run({ tenant }),
    /** Moves the vendor's clock on from where it stands; a Date header has whole seconds. */
    pass(ms = 2_000): void {
      shiftMs += ms;
      sandbox.clock.shiftTo(shiftMs);
    },
    /** A new order, or another version of one, with a number that no version had before. */
    write(atMs: number, id?: number) {
      number += 1;
      const record = sandbox.coupa.changes.patch('purchase_orders', {
        ...(id === undefined ? {} : { id }),
        'updated-at': new Date(atMs).toISOString(),
        'po-number': `WM-${number}`,
      });
      return { id: String(record['id']), po_number: `WM-${number}` };
    },
    async watermark(): Promise<string> {
      const found = await rows<{ value: string }>(
        `SELECT value FROM raw._baton_watermarks
         WHERE connection = 'coupa' AND stream = 'purchase_orders' AND tenant = '${tenant}'`,
      );
      return found[0]?.value ?? 'none';
    },
    /** What became of the orders that a run read. */
    async counts({ id }: { readonly id: string }) {
      const [found] = await rows<Record<string, number>>(
        `SELECT read::int, loaded::int, unchanged::int, duplicate::int, stale::int FROM raw._baton_loads
         WHERE run_id = '${id}' AND target = 'analytics.po_fact'`,
      );
      return found;
    },
    async numbers(ids: readonly string[]) {
      const found = await rows<{ id: string; po_number: string }>(
        `SELECT po_id AS id, po_number FROM analytics.po_fact
         WHERE _tenant = '${tenant}' AND po_id IN (${ids.map((id) => `'${id}'`).join()}) ORDER BY po_id::bigint`,
      );
      return found;
    },
  };
}

describe('a watermark with an overlap', () => {
  let baton: TestBaton;
  let scene: ReturnType<typeof createScene>;
  beforeAll(async () => {
    baton = await startBaton({ time: 'real', records: 150 });
    scene = createScene(baton, 'default');
  }, 120_000);
  afterAll(() => baton?.stop());

  it.each([
    ['five minutes behind ours', -5 * minute],
    ['as ours', 5 * minute],
    ['five minutes ahead of ours', 5 * minute],
  ])('is the vendor’s time and loses nothing where that is %s', async (_where, aheadMs) => {
    const { clock, faults } = baton.sandbox;
    scene.pass(aheadMs);
    await scene.run();
    const changed = [scene.write(clock.ms())];
    scene.pass();
    const now = Math.floor(clock.ms() / 1_000) * 1_000;
    const first = await scene.run();
    expect((await scene.counts(first))?.['read']).toBeGreaterThan(0);
    expect(await scene.numbers(changed.map(({ id }) => id))).toEqual(changed);
    const value = Date.parse(await scene.watermark());
    expect(value).toBeGreaterThanOrEqual(now);
    expect(value).toBeLessThan(now + minute);

    scene.write(clock.ms());
    scene.pass();
    // Three orders of each page that is read change while it is on its way to us.
    faults.add({
      vendor: 'coupa',
      kind: 'moving_records',
      match: { method: 'GET', path: '/api/purchase_orders' },
      count: 3,
    });
    await scene.run();
    faults.clear();
    scene.pass();
    await scene.run();
    // Whatever the vendor has, each in its newest version; drafts and what cannot be read are not for the table.
    const { ids, updated } = baton.sandbox.coupa.store.purchase_orders;
    const vendor = new Map(ids.map((id, at) => [String(id), updated[at]]));
    const loaded = await scene.rows<{ id: string; at: Date }>(
      `SELECT po_id AS id, updated_at AS at FROM analytics.po_fact WHERE _tenant = 'default'`,
    );
    expect(loaded.length).toBeGreaterThan(130);
    for (const { id, at } of loaded) expect([id, at.getTime()]).toEqual([id, vendor.get(id)]);
  });

  it('moves in the transaction of the load, so that a load that does not come to its end leaves it', async () => {
    scene.pass();
    await scene.run();
    const before = await scene.watermark();
    const late = scene.write(baton.sandbox.clock.ms());
    scene.pass();
    const lock = await baton.warehouseDatabase.knex.transaction();
    await lock.raw(`SELECT pg_advisory_xact_lock(hashtextextended('analytics.po_fact', 7203321004))`);
    const id = await baton.start();
    await expect
      .poll(
        async () =>
          (await scene.rows(`SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`)).length,
        { timeout: 20_000 },
      )
      .toBeGreaterThan(0);
    await baton.client.workflow.getHandle(id).cancel();
    await baton.result(id).catch(() => {});
    await lock.commit();
    expect(await baton.row(id)).toMatchObject({ state: 'cancelled' });
    expect(await scene.watermark()).toBe(before);
    expect(await scene.numbers([late.id])).toEqual([]);

    await scene.run();
    expect(await scene.numbers([late.id])).toEqual([late]);
    expect(Date.parse(await scene.watermark())).toBeGreaterThan(Date.parse(before));
    // now() is when a transaction began: the same microsecond is the same transaction.
    const [written] = await scene.rows(
      `SELECT w.moved_at = f._ingested_at AS together FROM raw._baton_watermarks w, analytics.po_fact f
       WHERE w.connection = 'coupa' AND w.stream = 'purchase_orders' AND w.tenant = 'default' AND f.po_id = '${late.id}'`,
    );
    expect(written).toEqual({ together: true });
  });

  it('reads what changes just after the vendor’s clock is set back, whoever loads it', async () => {
    const pipeline = 'resilient_elt_pipeline';
    const { clock } = baton.sandbox;
    const isLoaded = (id: string) =>
      scene.rows(`SELECT FROM raw.coupa_purchase_orders WHERE po_id = '${id}' AND _tenant = 'default'`);
    scene.pass();
    await scene.run();
    await baton.run({ pipeline });
    scene.pass(-4 * minute);
    const first = scene.write(clock.ms());
    scene.pass();
    await scene.run();
    expect(await scene.numbers([first.id])).toEqual([first]);
    await baton.run({ pipeline });
    await expect.poll(() => isLoaded(first.id), { timeout: 20_000 }).toHaveLength(1);
  });

  it('still gets what is changed before it but shows up after it', async () => {
    scene.pass();
    await scene.run();
    const watermark = Date.parse(await scene.watermark());
    const late = [119, 60, 1].map((seconds) => scene.write(watermark - seconds * 1_000));
    scene.pass();
    await scene.run();
    expect(await scene.numbers(late.map(({ id }) => id))).toEqual(late);
  });

  it('never lets an older version that arrives later replace a newer one', async () => {
    scene.pass();
    const now = baton.sandbox.clock.ms();
    const newer = scene.write(now - 1_000);
    const batchmate = scene.write(now - 1_000);
    scene.pass();
    await scene.run();
    // As a replica that lags behind would answer: both at once, and one with a newer version of another order.
    const older = scene.write(now - 40_000, Number(newer.id));
    const third = scene.write(now, Number(batchmate.id));
    scene.pass();
    const counts = await scene.counts(await scene.run());
    expect(older.id).toBe(newer.id);
    expect(await scene.numbers([newer.id, batchmate.id])).toEqual([newer, third]);
    expect(counts?.['stale']).toBe(1);
  });
});

describe('a watermark without an overlap', () => {
  let baton: TestBaton;
  let scene: ReturnType<typeof createScene>;
  beforeAll(async () => {
    const settings = { BATON_PIPELINES__PO_DATA_PIPELINE__LAG: '0s' };
    baton = await startBaton({ time: 'real', records: 150, settings });
    scene = createScene(baton, 'default');
  }, 120_000);
  afterAll(() => baton?.stop());

  it('takes 500 orders of the same second once each, over the borders of pages and of the window', async () => {
    scene.pass();
    await scene.run();
    const border = Date.parse(await scene.watermark()) + 60_000;
    const early = Array.from({ length: 230 }, () => scene.write(border));
    scene.pass(border - baton.sandbox.clock.ms());
    const first = await scene.run();
    expect(await scene.watermark()).toBe(new Date(border).toISOString());
    // The second is not over: what it brings belongs to the next window, and so does what it has brought already.
    expect(await scene.counts(first)).toMatchObject({ read: 0 });
    const late = Array.from({ length: 270 }, () => scene.write(border));
    scene.pass();
    const second = await scene.counts(await scene.run());
    const all = [...early, ...late];
    expect(await scene.numbers(all.map(({ id }) => id))).toEqual(all);
    expect(second).toMatchObject({ read: 500, loaded: 500, duplicate: 0 });
    scene.pass();
    expect(await scene.counts(await scene.run())).toMatchObject({ read: 0 });
  });
});
