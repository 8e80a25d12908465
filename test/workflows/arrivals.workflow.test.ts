import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loaderId } from '../../src/protocol/names.js';
import { startBaton, type TestBaton } from '../setup/baton.js';
import { activitiesOf } from '../setup/history.js';
import { record } from '../setup/record.js';

const pipeline = 'resilient_elt_pipeline';

describe('a pipeline that only lands, and its loaders', () => {
  let baton: TestBaton;
  beforeAll(async () => {
    baton = await startBaton({ time: 'skipping', records: 60 });
  });
  afterAll(() => baton?.stop());

  const loader = (target: string, tenant: string) =>
    baton.client.workflow.getHandle(loaderId(tenant, target)).result();
  const states = async (tenant: string) =>
    (
      await baton.database.knex.raw(
        'SELECT target, state FROM control.arrivals WHERE tenant = ? ORDER BY 1',
        [tenant],
      )
    ).rows;

  it('a run ends when all is landed; the loader it woke ends when nothing waits', async () => {
    const id = await baton.start({ pipeline });
    expect(await baton.result(id)).toMatchObject({ state: 'succeeded' });
    await record('run-landing', baton.client, id);
    const activities = await activitiesOf(baton.client, id);
    expect(activities.map(({ type }) => type)).toEqual([
      'claimRun',
      'extractStream',
      'extractStream',
      'finishRun',
    ]);
    await loader('raw.coupa_purchase_orders', 'default');
    await loader('raw.zendesk_tickets', 'default');
    await record('load-arrived', baton.client, loaderId('default', 'raw.coupa_purchase_orders'));
    expect(await states('default')).toEqual([
      { target: 'raw.coupa_purchase_orders', state: 'loaded' },
      { target: 'raw.zendesk_tickets', state: 'loaded' },
    ]);
  });

  it('what the warehouse will not take waits, with its loader, until that is mended', async () => {
    const { knex } = baton.warehouseDatabase;
    await knex.raw('ALTER TABLE raw.coupa_purchase_orders RENAME COLUMN po_number TO elsewhere');
    const tenant = 'refused';
    await baton.run({ pipeline, tenant });
    const id = loaderId(tenant, 'raw.coupa_purchase_orders');
    const failed = async () =>
      (await activitiesOf(baton.client, id)).filter(({ outcome }) => outcome === 'failed');
    await expect.poll(async () => (await failed()).length, { timeout: 20_000 }).toBeGreaterThan(0);
    expect(await states(tenant)).toContainEqual({ target: 'raw.coupa_purchase_orders', state: 'waiting' });
    await knex.raw('ALTER TABLE raw.coupa_purchase_orders RENAME COLUMN elsewhere TO po_number');
    await loader('raw.coupa_purchase_orders', tenant);
    await record('load-refused-by-warehouse', baton.client, id);
    expect((await states(tenant)).every(({ state }: { state: string }) => state === 'loaded')).toBe(true);
  });
});
