import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { query } from '../../src/database/postgres.js';
import { runIdPrefix, taskQueues } from '../../src/protocol/names.js';
import type { RunPipelineInput } from '../../src/protocol/run.js';
import { startBaton, type TestBaton } from '../setup/baton.js';
import { eventually } from '../setup/namespace.js';
import { record } from '../setup/record.js';

const orders = { path: '/api/purchase_orders' } as const;

describe('runs beside each other', () => {
  let baton: TestBaton;
  beforeAll(async () => {
    baton = await startBaton({ time: 'skipping', records: 120 });
  });
  afterAll(() => baton?.stop());
  afterEach(() => baton.sandbox.faults.clear());

  async function slots(tenant: string): Promise<string[]> {
    const { rows } = await query<{ run_id: string }>(
      baton.database.knex,
      'SELECT run_id FROM control.slots WHERE key = :key',
      { key: `po_data_pipeline/${tenant}` },
    );
    return rows.map((row) => row.run_id);
  }

  async function times(id: string): Promise<{ started: number; ended: number }> {
    const { rows } = await query<{ started_at: Date; ended_at: Date }>(
      baton.database.knex,
      'SELECT started_at, ended_at FROM control.runs WHERE id = :id',
      { id },
    );
    return { started: rows[0]?.started_at.getTime() ?? 0, ended: rows[0]?.ended_at.getTime() ?? 0 };
  }

  /** Parts of orders in the lake. */
  async function landed(id: string): Promise<number> {
    const { rows } = await query<{ parts: number }>(
      baton.database.knex,
      `SELECT count(*)::int AS parts FROM control.parts p JOIN control.batches b USING (batch_id, generation)
       WHERE b.run_id = :id AND b.stream LIKE 'purchase_order%'`,
      { id },
    );
    return rows[0]?.parts ?? 0;
  }

  const state = (id: string, wanted: string) =>
    eventually(async () => {
      const row = await baton.row(id);
      if (row?.state !== wanted) throw new Error(`${id} is ${row?.state}, not yet ${wanted}`);
    });

  /** As a schedule starts it: the time is in the id only. */
  async function startScheduled(tenant: string, time: string): Promise<string> {
    const input: RunPipelineInput = {
      pipeline: 'po_data_pipeline',
      tenant,
      logicalTime: null,
      trigger: 'schedule',
      fullRefresh: false,
      inputs: {},
    };
    const workflowId = `${runIdPrefix(input.pipeline, tenant)}-${time}`;
    await baton.client.workflow.start('runPipeline', {
      workflowId,
      taskQueue: taskQueues.workflow,
      args: [input],
    });
    return workflowId;
  }

  it('a manual one waits for a scheduled one, and then runs', async () => {
    baton.sandbox.faults.add({
      vendor: 'coupa',
      kind: 'slow_body',
      match: orders,
      params: { durationMs: 1_500 },
    });
    const scheduled = await startScheduled('beside', '2026-04-05T06:07:00Z');
    await state(scheduled, 'running');
    const manual = await baton.start({ tenant: 'beside', trigger: 'manual' });
    await state(manual, 'waiting');
    expect(await slots('beside')).toEqual([scheduled]);

    // One after the other: each wait for a result lets the server skip time, two at once even during activities.
    const first = await baton.result(scheduled);
    const second = await baton.result(manual);
    expect(first).toMatchObject({ id: scheduled, state: 'succeeded' });
    expect(first.receipt.loaded).toBeGreaterThan(50);
    expect(second).toMatchObject({
      state: 'succeeded',
      receipt: { loaded: 0 },
      tickets: { opened: 0, updated: 0, resolved: 0 },
    });
    expect((await times(manual)).started).toBeGreaterThanOrEqual((await times(scheduled)).ended);
    expect(await baton.row(scheduled)).toMatchObject({ trigger: 'schedule' });
    expect(await slots('beside')).toEqual([]);
    await record('run-waiting', baton.client, manual);
    await record('run-scheduled', baton.client, scheduled);
  });

  it('a cancelled one leaves nothing behind and loses nothing', async () => {
    // The first pages land; those behind them hang.
    const behind = { ...orders, query: 'id[gt]' };
    baton.sandbox.faults.add({ vendor: 'coupa', kind: 'hang', match: behind, count: null });
    const id = await baton.start({ tenant: 'cancelled' });
    // Until all is quiet but for what hangs: the time-skipping server, unlike a real one, refuses a workflow's
    // wish to cancel an activity that ends at the same moment.
    await eventually(async () => {
      const ended = (await baton.steps(id)).filter((step) => step.state === 'succeeded');
      if (ended.length < 6) throw new Error(`${ended.length} steps have ended`);
      // The pages of the orders come last where the machine is busy.
      if ((await landed(id)) === 0) throw new Error('nothing has landed');
    });
    const waiting = await baton.start({ tenant: 'cancelled', logicalTime: '2026-05-01' });
    await state(waiting, 'waiting');
    await baton.client.workflow.getHandle(waiting).cancel();
    await expect(baton.result(waiting)).rejects.toThrow(/cancelled/);
    expect(await baton.row(waiting)).toMatchObject({ state: 'cancelled' });

    const began = performance.now();
    await baton.client.workflow.getHandle(id).cancel();
    await expect(baton.result(id)).rejects.toThrow(/cancelled/);
    expect(performance.now() - began).toBeLessThan(10_000);
    expect((await baton.client.workflow.getHandle(id).describe()).status.name).toBe('CANCELLED');
    expect(await baton.row(id)).toMatchObject({ state: 'cancelled', error: null });
    expect(await slots('cancelled')).toEqual([]);
    expect((await baton.steps(id)).map((step) => step.state)).not.toContain('running');
    await record('run-cancelled', baton.client, id);
    await record('run-cancelled-waiting', baton.client, waiting);

    baton.sandbox.faults.clear();
    const next = await baton.run({ tenant: 'cancelled' });
    const undisturbed = await baton.run({ tenant: 'undisturbed' });
    expect(next.receipt).toEqual(undisturbed.receipt);
    expect(next.tickets).toEqual(undisturbed.tickets);
  });

  it('a terminated one gives its slot to the next', async () => {
    baton.sandbox.faults.add({ vendor: 'coupa', kind: 'hang', match: orders, count: null });
    const dead = await baton.start({ tenant: 'terminated', logicalTime: '2026-06-01' });
    await state(dead, 'running');
    await baton.client.workflow.getHandle(dead).terminate('an operator did it');
    expect(await slots('terminated')).toEqual([dead]);
    baton.sandbox.faults.clear();
    const next = await baton.run({ tenant: 'terminated', logicalTime: '2026-06-02' });
    expect(next).toMatchObject({ state: 'succeeded' });
    expect(next.receipt.loaded).toBeGreaterThan(50);
    expect(await slots('terminated')).toEqual([]);
  });
});
