import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BatonClient } from '../../src/client/index.js';
import { query } from '../../src/database/postgres.js';
import { startBaton, type TestBaton } from '../setup/baton.js';
import { activitiesOf } from '../setup/history.js';
import { eventually } from '../setup/namespace.js';
import { record } from '../setup/record.js';

const pipeline = 'po_data_pipeline';

interface Row {
  readonly id: string;
  readonly logical_time: Date;
  readonly trigger: string;
  readonly state: string;
}

/** Schedules do not run on the time-skipping server. */
describe('the schedule, on a real server', () => {
  let baton: TestBaton;
  let api: BatonClient;
  beforeAll(async () => {
    baton = await startBaton({ time: 'real', records: 120 });
    api = await BatonClient.connect({ address: baton.server.address, namespace: baton.server.namespace });
  });
  afterAll(async () => {
    await api?.close();
    await baton?.stop();
  });

  async function runs(): Promise<Row[]> {
    const { rows } = await query<Row>(
      baton.database.knex,
      "SELECT id, logical_time, trigger, state FROM control.runs WHERE tenant = 'default' ORDER BY logical_time",
    );
    return rows;
  }

  it('starts runs that know their time, never two at once, and keeps a person’s pause', async () => {
    const everySecond = { cron: '* * * * * * *', timezone: 'UTC', paused: false, catchupWindowMs: 3_600_000 };
    expect(await api.ensureSchedule(pipeline, 'default', everySecond)).toBe('created');
    await eventually(async () => {
      const ended = (await runs()).filter((run) => run.state === 'succeeded');
      if (ended.length < 2) throw new Error(`${ended.length} runs ended`);
    });
    await api.pauseSchedule(pipeline, 'default', 'enough');
    await sleep(1_000);
    expect(await api.ensureSchedule(pipeline, 'default', everySecond)).toBe('updated');
    expect(await api.listSchedules()).toMatchObject([
      { id: 'schedule/po_data_pipeline/default', paused: true, note: 'enough', nextAt: null },
    ]);
    await eventually(async () => {
      const open = (await runs()).filter((run) => run.state !== 'succeeded');
      if (open.length > 0) throw new Error(`${open[0]?.id} is ${open[0]?.state}`);
    });

    const all = await runs();
    for (const run of all) {
      expect(run.id).toMatch(/^run\/po_data_pipeline\/default-\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/);
      expect(run.id).toBe(`run/${pipeline}/default-${run.logical_time.toISOString().slice(0, 19)}Z`);
      expect(run.trigger).toBe('schedule');
    }
    // Each took longer than the second between two starts: those that would have overlapped never began.
    const described = await Promise.all(all.map((run) => api.describeRun(run.id)));
    for (const [at, run] of described.slice(1).entries())
      expect(Date.parse(run.startedAt)).toBeGreaterThanOrEqual(Date.parse(described[at]?.endedAt ?? ''));
    expect(described[0]).toMatchObject({
      pipeline,
      tenant: 'default',
      trigger: 'schedule',
      status: 'completed',
      summary: 'po_data_pipeline for default, by its schedule',
    });
    const [first, second] = all;
    expect(await api.runResult(first?.id ?? '')).toMatchObject({ state: 'succeeded' });
    expect(await api.runResult(second?.id ?? '')).toMatchObject({ receipt: { loaded: 0 } });

    await sleep(1_000);
    expect(await runs()).toHaveLength(all.length);
    await record('server-scheduled', baton.client, first?.id ?? '');
  });

  it('starts one when a person asks', async () => {
    const before = (await runs()).length;
    await api.triggerSchedule(pipeline, 'default');
    await eventually(async () => {
      const all = await runs();
      if (all.length !== before + 1 || all.some((run) => run.state !== 'succeeded'))
        throw new Error('not yet');
    });
    expect(await runs()).toHaveLength(before + 1);
  });

  it('has a server that keeps the Retry-After it is given', async () => {
    baton.sandbox.faults.add({
      vendor: 'coupa',
      kind: 'rate_limit',
      match: { path: '/api/suppliers' },
      count: 1,
      params: { retryAfter: 6 },
    });
    const id = await baton.start({ tenant: 'asked' });
    await baton.result(id);
    const story = (await activitiesOf(baton.client, id)).find(
      ({ type, stepId }) => type === 'extractStream' && stepId === 'extract_suppliers',
    );
    expect(story).toMatchObject({
      attempts: 2,
      lastFailure: { type: 'ERR_SOURCE_RATE_LIMITED', nextRetryDelayMs: 6_000 },
    });
    const waitedMs = (story?.startedMs ?? 0) - (story?.scheduledMs ?? 0);
    expect(waitedMs).toBeGreaterThanOrEqual(6_000);
    expect(waitedMs).toBeLessThan(9_000);
    await record('server-retry-after', baton.client, id);
  });

  it('cancels a run at any moment, and the next one lacks nothing', async () => {
    for (const afterMs of [0, 60, 200, 450, 700]) {
      const id = await baton.start({
        tenant: 'cancelled',
        logicalTime: new Date(Date.UTC(2026, 0, 1, 0, 0, 0, afterMs * 1_000)),
      });
      await sleep(afterMs);
      await api.cancelRun(id);
      await expect(baton.result(id)).rejects.toThrow(/cancelled/);
      if (afterMs === 450) await record('server-cancelled', baton.client, id);
    }
    const { rows: ends } = await query(
      baton.database.knex,
      "SELECT DISTINCT state FROM control.runs WHERE tenant = 'cancelled'",
    );
    expect(ends).toEqual([{ state: 'cancelled' }]);
    const { rows } = await query(
      baton.database.knex,
      "SELECT run_id FROM control.slots WHERE key = 'po_data_pipeline/cancelled'",
    );
    expect(rows).toEqual([]);
    const next = await baton.run({ tenant: 'cancelled', fullRefresh: true });
    const undisturbed = await baton.run({ tenant: 'undisturbed' });
    const { loaded, unchanged, ...same } = next.receipt;
    expect({ ...same, loaded: loaded + unchanged }).toEqual(
      expect.objectContaining({ read: undisturbed.receipt.read, loaded: undisturbed.receipt.loaded }),
    );
    expect(next.receipt.quarantined).toBe(undisturbed.receipt.quarantined);
    const [mine, theirs] = await Promise.all(
      ['cancelled', 'undisturbed'].map((tenant) => baton.effects(tenant, 'ticket.open')),
    );
    expect(mine?.map((effect) => effect.cause)).toEqual(theirs?.map((effect) => effect.cause));
    expect(new Set(mine?.map((effect) => effect.state))).toEqual(new Set(['confirmed']));
  });
});
