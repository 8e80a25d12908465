import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { reconcileRuns, startLostDrainers } from '../../src/gateway/reconciler.js';
import { drainId, taskQueues } from '../../src/protocol/names.js';
import { startTinyWorker, type TinyWorker } from '../client/tiny-worker.js';
import { startGateway, type TestGateway } from './support.js';

/** Runs of every fate, each with its row, an unfinished step and a slot, as a killed worker would leave them. */
describe('the reconciler', () => {
  let worker: TinyWorker;
  let gateway: TestGateway;
  let connection: Connection;
  let client: Client;
  let control: pg.Client;
  const ids: Record<string, string> = {};

  beforeAll(async () => {
    const address = inject('temporalAddress');
    worker = await startTinyWorker(address);
    gateway = await startGateway({ temporalAddress: address, namespace: worker.namespace });
    connection = await Connection.connect({ address });
    client = new Client({ connection, namespace: worker.namespace });
    control = new pg.Client({ connectionString: gateway.controlUrl });
    await control.connect();
    await begin('running', { wait: 'for ever' });
    await begin('young', { wait: 'for ever' });
    await (await begin('terminated', { wait: 'for ever' })).terminate('by hand');
    await (await begin('completed', {})).result();
    await (await begin('failed', { fail: 'Coupa said 401.' })).result().catch(() => {});
    const timedOut = await begin('timedOut', { wait: 'for ever' }, '1s');
    await timedOut.result().catch(() => {});
    const cancelled = await begin('cancelled', { wait: 'for ever' });
    await cancelled.cancel();
    await cancelled.result().catch(() => {});
    await claim('unknown', randomUUID());
    await control.query(`UPDATE control.runs SET created_at = now() - interval '2 minutes' WHERE id <> $1`, [
      ids['young'],
    ]);
  }, 90_000);

  afterAll(async () => {
    for (const name of ['running', 'young']) await client?.workflow.getHandle(ids[name] ?? '').terminate();
    await control?.end();
    await gateway?.stop();
    await connection?.close();
    await worker?.stop();
  });

  async function begin(name: string, inputs: Record<string, string>, timeout?: '1s') {
    const handle = await client.workflow.start('runPipeline', {
      workflowId: `run/p/default-${name}`,
      taskQueue: taskQueues.workflow,
      args: [
        { pipeline: 'p', tenant: 'default', logicalTime: null, trigger: 'api', fullRefresh: false, inputs },
      ],
      ...(timeout === undefined ? {} : { workflowExecutionTimeout: timeout }),
    });
    await claim(name, handle.firstExecutionRunId);
    return handle;
  }

  async function claim(name: string, temporalRunId: string): Promise<void> {
    const id = `run/p/default-${name}`;
    ids[name] = id;
    const minute = Object.keys(ids).length;
    await gateway.parts.runs.claim({
      id,
      pipeline: 'p',
      tenant: 'default',
      logicalTime: `2026-01-01T00:${String(minute).padStart(2, '0')}:00Z`,
      trigger: 'api',
      temporalRunId,
      fullRefresh: false,
      inputs: {},
      plan: {
        pipeline: 'p',
        description: '',
        receiptStep: 'load',
        concurrency: 20,
        steps: [{ id: 'load', kind: 'load', title: 'load', dependsOn: [], from: 'extract' }],
      },
    });
    await gateway.parts.runs.acquireSlot({ key: 'p/default', limit: 20, runId: id, temporalRunId });
  }

  /** A run whose execution Temporal does not know. */
  async function claimed(name: string): Promise<string> {
    await claim(name, randomUUID());
    return ids[name] ?? '';
  }

  const rows = async () => {
    const found = await control.query('SELECT id, state, ended_at, error, receipt FROM control.runs');
    return new Map(found.rows.map((row) => [String(row.id).replace('run/p/default-', ''), row]));
  };

  it('closes what is gone, in its right state, and leaves what runs', async () => {
    // what the run that never wrote its end had landed and loaded is in its receipt
    await landed(control, gateway, ids['terminated'] ?? '');
    const [one, two] = await Promise.all([reconcileRuns(gateway.parts), reconcileRuns(gateway.parts)]);
    expect([...new Set([...one, ...two])].sort()).toEqual(
      ['cancelled', 'completed', 'failed', 'terminated', 'timedOut', 'unknown']
        .map((name) => ids[name])
        .sort(),
    );
    const after = await rows();
    expect([...after].map(([name, row]) => [name, row.state]).sort()).toEqual([
      ['cancelled', 'cancelled'],
      ['completed', 'succeeded'],
      ['failed', 'failed'],
      ['running', 'running'],
      ['terminated', 'failed'],
      ['timedOut', 'failed'],
      ['unknown', 'failed'],
      ['young', 'running'],
    ]);
    expect(after.get('terminated')?.error.detail).toMatch(/terminated in Temporal/);
    expect(after.get('timedOut')?.error.detail).toMatch(/timed out in Temporal/);
    expect(after.get('unknown')?.error.detail).toMatch(/does not know its execution/);
    expect(after.get('failed')?.error).toMatchObject({ code: 'BTN-2005', detail: 'Coupa said 401.' });
    expect(after.get('running')?.ended_at).toBeNull();
    expect(after.get('terminated')?.receipt).toMatchObject({
      pages: 2,
      calls: 3,
      read: 9,
      loaded: 7,
      unchanged: 2,
    });
    expect(after.get('unknown')?.receipt).toMatchObject({ pages: 0, read: 0 });
  });

  it('frees the slots of those alone, and ends their steps', async () => {
    const slots = await control.query('SELECT run_id FROM control.slots ORDER BY run_id');
    expect(slots.rows.map((row) => row.run_id)).toEqual([ids['running'], ids['young']]);
    const steps = await control.query(
      `SELECT run_id FROM control.steps WHERE state = 'pending' ORDER BY run_id`,
    );
    expect(steps.rows.map((row) => row.run_id)).toEqual([ids['running'], ids['young']]);
  });

  it('has nothing to do the second time, and ends nothing twice', async () => {
    const before = await rows();
    expect(await reconcileRuns(gateway.parts)).toEqual([]);
    expect(await rows()).toEqual(before);
  });

  it('leaves what a run that is gone had not sent to the drainer, and starts one that was lost', async () => {
    const intend = (runId: string, tenant: string) =>
      gateway.parts.effects.intend([
        {
          tenant,
          cause: runId,
          action: 'open',
          ordinal: '1',
          episode: 1,
          connection: 'zendesk',
          kind: 'ticket.open',
          guarantee: 'exact',
          body: {},
          runId,
        },
      ]);
    await intend(ids['running'] ?? '', 'another');
    await intend(await claimed('lost'), 'default');
    expect(await startLostDrainers(gateway.parts)).toEqual([]);
    expect(await reconcileRuns(gateway.parts, 0)).toEqual([ids['lost']]);

    const drained = { connection: 'zendesk', tenant: 'default' };
    expect(await startLostDrainers(gateway.parts)).toEqual([drained]);
    const drainer = client.workflow.getHandle(drainId('zendesk', 'default'));
    expect((await drainer.describe()).status.name).toBe('RUNNING');
    expect(await startLostDrainers(gateway.parts)).toEqual([]);
    const { events } = await drainer.fetchHistory();
    expect(events?.some((event) => event.workflowExecutionSignaledEventAttributes != null)).toBe(false);
    await drainer.terminate('by hand');
    expect(await startLostDrainers(gateway.parts)).toEqual([drained]);
    await drainer.terminate('the end of the test');
  });

  it('touches nothing while Temporal cannot be asked', async () => {
    const away = await startGateway({ temporalAddress: '127.0.0.1:1' });
    await away.parts.runs.claim({
      id: 'run/x',
      pipeline: 'p',
      tenant: 'default',
      logicalTime: '2026-01-01T00:00:00Z',
      trigger: 'api',
      temporalRunId: 'x',
      fullRefresh: false,
      inputs: {},
      plan: { pipeline: 'p', description: '', receiptStep: 'load', concurrency: 1, steps: [] },
    });
    expect(await reconcileRuns(away.parts, 0)).toEqual([]);
    expect((await away.parts.runs.open()).map(({ id }) => id)).toEqual(['run/x']);
    await away.stop();
  });
});

async function landed(control: pg.Client, gateway: TestGateway, runId: string): Promise<void> {
  await control.query(
    `INSERT INTO control.batches (batch_id, generation, run_id, step_id, connection, stream, tenant, target, window_to, state)
     VALUES ('b', 1, $1, 'load', 'c', 's', 'default', 't', 'x', 'landed')`,
    [runId],
  );
  await control.query(
    `INSERT INTO control.parts (batch_id, generation, ordinal, key, sha256, bytes, records, calls, pages, cursors)
     VALUES ('b', 1, 1, 'k', 's', 1, 5, 1, 1, '{}'), ('b', 1, 2, 'k', 's', 1, 4, 2, 1, '{}')`,
  );
  await gateway.parts.warehouseDatabase.knex.raw(
    `INSERT INTO raw._baton_loads (batch_id, generation, run_id, tenant, connection, stream, target, state, read,
       loaded, unchanged, quarantined, duplicate, stale, filtered)
     VALUES ('b', 1, ?, 'default', 'c', 's', 't', 'loaded', 9, 7, 2, 0, 0, 0, 0)`,
    [runId],
  );
}
