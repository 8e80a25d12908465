import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startBaton, type TestBaton } from '../setup/baton.js';
import { activitiesOf } from '../setup/history.js';
import { record } from '../setup/record.js';

/** More orders than an extraction stages itself; invoices and suppliers are fewer. */
const records = 1_500;

describe('an extraction', () => {
  let baton: TestBaton;
  beforeAll(async () => {
    baton = await startBaton({ time: 'real', records });
  }, 60_000);
  afterAll(() => baton?.stop());

  const stories = async (id: string) => {
    const all = await activitiesOf(baton.client, id);
    return {
      all,
      types: all.map(({ type }) => type),
      stagers: all.filter(({ type }) => type === 'stageBatch').map(({ stepId }) => stepId),
      merges: all.filter(({ type }) => type === 'mergeBatch').map(({ stepId }) => stepId),
    };
  };

  it('of many records calls a stager while it reads on; one of few loads them itself', async () => {
    const orders = { vendor: 'coupa', kind: 'slow_body', match: { path: '/api/purchase_orders' } } as const;
    baton.sandbox.faults.add({ ...orders, skip: 48, count: 6, params: { durationMs: 4_000 } });
    const run = await baton.run({ tenant: 'asked' });
    expect(run).toMatchObject({ state: 'succeeded' });
    const { all, types, stagers, merges } = await stories(run.id);
    expect(types.filter((type) => type === 'claimRun' || type === 'acquireSlot')).toEqual(['claimRun']);
    expect(stagers).toEqual(expect.arrayContaining(['extract_orders']));
    expect(stagers).not.toContain('extract_suppliers');
    expect(merges).toContain('extract_orders');
    expect(merges).not.toContain('extract_suppliers');
    // Called while pages are still to come, not when the last one has landed.
    const extraction = all.find(
      ({ type, stepId }) => type === 'extractStream' && stepId === 'extract_orders',
    );
    const staging = all.find(({ type, stepId }) => type === 'stageBatch' && stepId === 'extract_orders');
    expect(staging?.scheduledMs).toBeGreaterThan(extraction?.startedMs ?? Number.POSITIVE_INFINITY);
    expect(staging?.scheduledMs).toBeLessThan((extraction?.closedMs ?? 0) - 1_000);
    await record('run-stager-called', baton.client, run.id);
    // Again: nothing has changed but what the overlap reads; no stager, and the same table.
    const again = await baton.run({ tenant: 'asked' });
    expect(again).toMatchObject({ state: 'succeeded', receipt: { loaded: 0 } });
  });

  it('that cannot load what it landed leaves it to those who retry and tell', async () => {
    await baton.run({ tenant: 'beside' });
    const { knex } = baton.warehouseDatabase;
    await knex.raw('ALTER TABLE raw.coupa_suppliers RENAME COLUMN name TO elsewhere');
    const id = await baton.start({ tenant: 'beside', fullRefresh: true });
    await expect(baton.result(id)).rejects.toThrow(/column "name" of relation "coupa_suppliers"/);
    expect((await baton.row(id))?.error).toMatchObject({ code: 'BTN-4002', where: 'step load_suppliers' });
    await record('run-own-staging-refused', baton.client, id);
    await knex.raw('ALTER TABLE raw.coupa_suppliers RENAME COLUMN elsewhere TO name');
    expect(await baton.run({ tenant: 'beside', fullRefresh: true })).toMatchObject({ state: 'succeeded' });
  });
});
