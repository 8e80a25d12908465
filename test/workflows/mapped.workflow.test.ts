import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startAttempt, startMapped, startMappedAttempt } from '../../src/client/fan-outs.js';
import { query } from '../../src/database/postgres.js';
import type { MapTenantsInput } from '../../src/protocol/fan-out.js';
import { runId } from '../../src/protocol/names.js';
import type { RunResult } from '../../src/protocol/run.js';
import { startBaton, type TestBaton } from '../setup/baton.js';
import { activitiesOf } from '../setup/history.js';
import { eventually } from '../setup/namespace.js';
import { record } from '../setup/record.js';

const pipeline = 'po_data_pipeline';
const orders = { path: '/api/purchase_orders' } as const;
const refusal = { vendor: 'coupa', kind: 'auth_dead', match: orders, count: null } as const;

describe('a run that is mapped over tenants', () => {
  let baton: TestBaton;
  beforeAll(async () => {
    baton = await startBaton({ time: 'skipping', records: 60 });
  });
  afterAll(() => baton?.stop());
  afterEach(() => baton.sandbox.faults.clear());

  const served = ['default', 'alerts', 'asked', 'beside', 'brief'];
  const inputOf = (logicalTime: string, more: Partial<MapTenantsInput> = {}) => ({
    pipeline,
    trigger: 'manual' as const,
    fullRefresh: false,
    inputs: {},
    tenants: served,
    maxParallel: 1,
    toleratedPercent: 100,
    ...more,
    logicalTime,
  });
  const resultOf = (id: string): Promise<RunResult> => baton.client.workflow.getHandle(id).result();
  const counts = async (id: string) => (await baton.steps(id))[0]?.counts;
  const ended = (id: string, state: string) =>
    eventually(async () => {
      const row = await baton.row(id);
      if (row?.state !== state) throw new Error(`${id} is ${row?.state}, not yet ${state}`);
    });
  const rowsOf = async (tenant: string) =>
    (
      await query<{ rows: number }>(
        baton.warehouseDatabase.knex,
        'SELECT count(*)::int AS rows FROM analytics.po_fact WHERE _tenant = :tenant',
        { tenant },
      )
    ).rows[0]?.rows ?? 0;

  it('goes on where one tenant fails; tried again, it runs that one and leaves the others', async () => {
    const input = inputOf('2026-02-01T00:00:00Z');
    const fault = baton.sandbox.faults.add(refusal);
    const id = await startMapped(baton.client, input);
    await ended(runId(pipeline, 'default', input.logicalTime), 'failed');
    baton.sandbox.faults.clear(fault.id);
    const result = await resultOf(id);
    expect(result).toMatchObject({ state: 'partial', error: { code: 'BTN-5002' } });
    expect(result.error?.detail).toBe('1 of 5 tenants failed: default.');
    expect(await counts(id)).toEqual({ failed: 1, succeeded: 4 });
    for (const tenant of served.slice(1)) expect(await rowsOf(tenant)).toBe(await rowsOf('alerts'));
    expect(await rowsOf('default')).toBe(0);

    const row = await baton.deps.runs.find(id);
    const attempt = await baton.deps.runs.raiseAttempt(id, row[0]?.attempt ?? 0);
    await startMappedAttempt(baton.client, id, { ...input, attempt: attempt ?? 0 });
    expect(await resultOf(id)).toMatchObject({ state: 'succeeded' });
    expect(await rowsOf('default')).toBe(await rowsOf('alerts'));
    for (const [index, tenant] of served.entries())
      expect(await baton.row(runId(pipeline, tenant, input.logicalTime))).toMatchObject({
        state: 'succeeded',
        attempt: index === 0 ? 2 : 1,
      });
    await record('map-tenants', baton.client, id);
  });

  it('has failed when more fail than is tolerated; a tenant that is not served fails alone', async () => {
    const input = inputOf('2026-02-02T00:00:00Z', {
      tenants: ['default', 'nobody', 'asked'],
      maxParallel: 3,
    });
    expect(await resultOf(await startMapped(baton.client, input))).toMatchObject({ state: 'partial' });
    const strict = inputOf('2026-02-03T00:00:00Z', { tenants: ['default', 'nobody'], toleratedPercent: 10 });
    const id = await startMapped(baton.client, strict);
    await expect(resultOf(id)).rejects.toThrow();
    expect(await baton.row(id)).toMatchObject({ state: 'failed' });
  });

  it('runs a tenant that was added since the workers started', async () => {
    const input = inputOf('2026-02-04T00:00:00Z', { tenants: 'all', maxParallel: 4 });
    const result = await resultOf(await startMapped(baton.client, input));
    expect(result).toMatchObject({ state: 'succeeded' });
    expect(await counts(result.id)).toEqual({ succeeded: baton.deps.tenants().length });
  });
});

describe('a run that failed', () => {
  let baton: TestBaton;
  beforeAll(async () => {
    baton = await startBaton({ time: 'skipping', records: 60 });
  });
  afterAll(() => baton?.stop());

  it('is tried again where it stopped, also when a newer one has overtaken it', async () => {
    const tenant = 'refused';
    // The rates come after the orders, which are in the lake and staged by then.
    const fault = baton.sandbox.faults.add({ vendor: 'rates', kind: 'html', count: null });
    const id = await baton.start({ tenant });
    await expect(baton.result(id)).rejects.toThrow();
    baton.sandbox.faults.clear(fault.id);
    const newer = await baton.run({ tenant });
    expect(newer).toMatchObject({ state: 'succeeded' });
    const watermark = () => baton.deps.warehouse.watermark('coupa', 'purchase_orders', tenant);
    const before = await watermark();
    expect(before.value).not.toBeNull();

    const [row] = await baton.deps.runs.find(id);
    expect(await baton.deps.runs.raiseAttempt(id, 1)).toBe(2);
    expect(await baton.deps.runs.raiseAttempt(id, 1)).toBeNull();
    const input = {
      pipeline,
      tenant,
      logicalTime: row?.logical_time.toISOString().replace('.000Z', 'Z') ?? '',
      trigger: 'api',
      fullRefresh: false,
      inputs: {},
      attempt: 2,
    } as const;
    expect(await startAttempt(baton.client, id, input)).toBe(true);
    expect(await baton.result(id)).toMatchObject({ state: 'succeeded', receipt: { loaded: 0 } });
    expect(await watermark()).toEqual(before);
    const read = (await activitiesOf(baton.client, id)).filter(({ type }) => type === 'extractStream');
    expect(read.map(({ stepId }) => stepId)).toEqual(['extract_rates']);
  });
});
