import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { drainId } from '../../src/protocol/names.js';
import { startBaton, type TestBaton } from '../setup/baton.js';
import { activitiesOf } from '../setup/history.js';
import { eventually } from '../setup/namespace.js';

const hour = 3_600_000;
const tenants = ['a', 'b', 'c', 'd'];

describe('a vendor that is down for an hour', () => {
  let baton: TestBaton;
  beforeAll(async () => {
    baton = await startBaton({
      time: 'skipping',
      records: 120,
      tenants,
      stagingIdleMs: 50,
      settings: {
        BATON_PIPELINES__PO_DATA_PIPELINE__RETRIES: '2',
        BATON_PIPELINES__PO_DATA_PIPELINE__RETRY_DELAY: '5s',
        BATON_ALERTS__ON_FAILURE: '[{connection: slack, channel: "#data-alerts"}]',
      },
    });
  });
  afterAll(() => baton?.stop());

  it('fails no run, is asked once an interval, is told of once, and all drain when it is back', async () => {
    const { faults, requests } = baton.sandbox;
    faults.add({
      vendor: 'coupa',
      kind: 'status',
      match: { path: '/api/' },
      count: null,
      params: { status: 503 },
    });
    const ids = await Promise.all(tenants.map((tenant) => baton.start({ tenant })));
    const steps = await eventually(async () => {
      const all = (await Promise.all(ids.map((id) => baton.steps(id)))).flat();
      const held = all.filter(({ detail }) => detail?.includes('requests are held back') === true);
      if (held.length < tenants.length) throw new Error(`${held.length} are held back`);
      return held;
    });

    expect(steps.every(({ state }) => state === 'retrying')).toBe(true);
    requests.clear();
    await baton.server.env?.sleep(hour);
    const probes = requests
      .last()
      .filter(({ vendor, path }) => vendor === 'coupa' && path.startsWith('/api/'));
    // 30 s, 1, 2 and 4 minutes, then one in five minutes at the most.
    expect(probes.length).toBeGreaterThan(5);
    expect(probes.length).toBeLessThanOrEqual(4 + 12 + 2);
    for (const id of ids) expect(await baton.row(id)).toMatchObject({ state: 'running', error: null });

    faults.clear();
    const results = [];
    for (const id of ids) results.push(await baton.result(id));
    expect(results.map(({ state }) => state)).toEqual(tenants.map(() => 'succeeded'));
    expect(new Set(results.map(({ receipt }) => receipt.loaded)).size).toBe(1);
    const drainers = tenants.map((tenant) => baton.client.workflow.getHandle(drainId('slack', tenant)));
    for (const drainer of drainers) await drainer.result().catch(() => {}); // but one were never started
    const told = (await baton.messages()).map((message) => JSON.stringify(message));
    expect(told.filter((message) => message.includes('coupa is down'))).toHaveLength(1);
    expect(told).toHaveLength(1);
    // A step that is held back is one activity, however long: no event of its history is spent on waiting.
    const story = await activitiesOf(baton.client, ids[0] ?? '');
    expect(
      story.filter(({ type, stepId }) => type === 'extractStream' && stepId === 'extract_suppliers'),
    ).toHaveLength(1);
  });
});
