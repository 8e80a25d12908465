import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { query } from '../../src/database/postgres.js';
import { drainId, taskQueues } from '../../src/protocol/names.js';
import type { Receipt, RunPipelineInput, RunProgress } from '../../src/protocol/run.js';
import { startBaton, type TestBaton } from '../setup/baton.js';
import { record } from '../setup/record.js';

const records = 120;

function accounted(receipt: Receipt): number {
  const { loaded, unchanged, quarantined, duplicate, stale, filtered } = receipt;
  return loaded + unchanged + quarantined + duplicate + stale + filtered;
}

describe('a run', () => {
  let baton: TestBaton;
  beforeAll(async () => {
    baton = await startBaton({
      time: 'skipping',
      records,
      settings: { BATON_ALERTS__ON_SUCCESS: '[{connection: slack, channel: "#general"}]' },
    });
  });
  afterAll(() => baton?.stop());

  it('succeeds; its receipt adds up, and running again has no second effect', async () => {
    const truth = baton.sandbox.truth();
    const first = await baton.run({ logicalTime: '2026-01-31T06:00:00Z' });
    expect(first).toMatchObject({
      id: 'run/po_data_pipeline/default-2026-01-31T06:00:00Z',
      state: 'succeeded',
      error: null,
    });
    expect(first.receipt.read).toBe(records + truth.duplicates.length);
    expect(accounted(first.receipt)).toBe(first.receipt.read);
    expect(first.receipt.quarantined).toBe(truth.malformed.length);
    expect(first.receipt.duplicate).toBe(truth.duplicates.length);
    expect(first.receipt.filtered).toBe(truth.drafts.length);
    expect(first.tickets.opened).toBe((await baton.tickets()).length);
    expect(first.tickets.opened).toBeGreaterThan(20);
    expect((await baton.steps(first.id)).map((step) => step.state)).toEqual(
      expect.not.arrayContaining(['pending', 'running', 'retrying', 'skipped', 'failed', 'cancelled']),
    );

    const again = await baton.run({ logicalTime: '2026-02-01T06:00:00Z' });
    expect(again).toMatchObject({
      state: 'succeeded',
      receipt: { loaded: 0 },
      tickets: { opened: 0, updated: 0, resolved: 0 },
    });
    expect(accounted(again.receipt)).toBe(again.receipt.read);
    const full = await baton.run({ logicalTime: '2026-02-02T06:00:00Z', fullRefresh: true });
    expect(full).toMatchObject({
      receipt: { read: first.receipt.read, loaded: 0, quarantined: first.receipt.quarantined },
      tickets: { opened: 0, updated: 0, resolved: 0 },
    });
    expect((await baton.tickets()).length).toBe(first.tickets.opened);
    await record('run-success', baton.client, first.id);
    await record('run-again', baton.client, again.id);
  });

  it('tells its story: summaries, details, progress, search attributes', async () => {
    const id = 'run/po_data_pipeline/default-2026-01-31T06:00:00Z';
    const handle = baton.client.workflow.getHandle(id);
    const progress = await handle.query<RunProgress>('progress');
    expect(progress).toMatchObject({ id, tenant: 'default', state: 'succeeded' });
    expect(new Set(progress.steps.map((step) => step.state))).toEqual(new Set(['succeeded']));
    const { events } = await handle.fetchHistory();
    const scheduled = events?.filter((event) => event.activityTaskScheduledEventAttributes) ?? [];
    expect(scheduled.length).toBe(12);
    expect(scheduled.every((event) => event.userMetadata?.summary != null)).toBe(true);
    const started = events?.[0]?.workflowExecutionStartedEventAttributes;
    expect(Object.keys(started?.searchAttributes?.indexedFields ?? {}).sort()).toEqual([
      'BatonLogicalTime',
      'BatonPipeline',
      'BatonTenant',
      'BatonTrigger',
    ]);
  });

  it('lets no attempt take longer than it may, and gives up none of its work within a day', async () => {
    const id = 'run/po_data_pipeline/default-2026-01-31T06:00:00Z';
    const { events } = await baton.client.workflow.getHandle(id).fetchHistory();
    const bounds = (events ?? []).flatMap(({ activityTaskScheduledEventAttributes: scheduled }) => {
      const queue = scheduled?.taskQueue?.name ?? null;
      const seconds = [scheduled?.startToCloseTimeout, scheduled?.scheduleToCloseTimeout];
      return queue === null ? [] : [`${queue} ${seconds.map((each) => String(each?.seconds)).join(' ')}`];
    });
    expect([...new Set(bounds)].sort()).toEqual([
      'baton-effect 7200 86400',
      'baton-extract 7200 86400',
      'baton-transform 7200 86400',
      'baton-workflow 300 86400',
    ]);
  });

  it('is one per logical time', async () => {
    const same = { tenant: 'twice', logicalTime: '2026-03-01' };
    const ids = await Promise.all([baton.start(same), baton.start(same), baton.start(same)]);
    expect(new Set(ids)).toEqual(new Set(['run/po_data_pipeline/twice-2026-03-01T00:00:00Z']));
    const [id = ''] = ids;
    const result = await baton.result(id);
    await expect(baton.start(same)).rejects.toMatchObject({ error: 'ERR_RUN_TAKEN' });

    // Somebody starts it past the client library, which a plain start on a closed id lets them: it ends at once.
    const input: RunPipelineInput = {
      pipeline: 'po_data_pipeline',
      tenant: 'twice',
      logicalTime: '2026-03-01T00:00:00Z',
      trigger: 'manual',
      fullRefresh: true,
      inputs: {},
    };
    const second = await baton.client.workflow.start('runPipeline', {
      workflowId: id,
      taskQueue: taskQueues.workflow,
      args: [input],
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    });
    expect(await second.result()).toMatchObject({ id, state: 'skipped', receipt: { read: 0 } });
    await record('run-taken', baton.client, id);

    const { rows } = await query(
      baton.database.knex,
      'SELECT state, trigger, receipt FROM control.runs WHERE tenant = :tenant',
      { tenant: 'twice' },
    );
    expect(rows).toEqual([{ state: 'succeeded', trigger: 'api', receipt: result.receipt }]);
  });

  it('fails with one clear error, in the words of its step, and alerts once', async () => {
    baton.sandbox.faults.add({ vendor: 'salesforce', kind: 'auth_dead' });
    const id = await baton.start({ tenant: 'refused' });
    const error = await baton.result(id).catch((caught: unknown) => caught);
    baton.sandbox.faults.clear();
    expect(error).toMatchObject({ error: 'ERR_RUN_FAILED' });
    expect(String(error)).toMatch(/salesforce/i);
    expect(await baton.row(id)).toMatchObject({ state: 'failed', error: { code: 'BTN-2005' } });
    const states = Object.fromEntries((await baton.steps(id)).map((step) => [step.id, step.state]));
    expect(states).toMatchObject({
      extract_customers: 'failed',
      load_customers: 'skipped',
      load_orders: 'succeeded',
      reconcile: 'skipped',
      tickets: 'skipped',
    });

    await baton.client.workflow.getHandle(drainId('slack', 'refused')).result();
    const alerts = (await baton.messages()).filter((message) => JSON.stringify(message).includes(id));
    expect(alerts).toHaveLength(1);
    expect(JSON.stringify(alerts[0])).toContain('BTN-2005');
    await record('run-failed', baton.client, id);
    await record('drain-alert', baton.client, drainId('slack', 'refused'));

    const mended = await baton.run({ tenant: 'refused' });
    expect(mended).toMatchObject({ state: 'succeeded', receipt: { loaded: 0 } });
    expect(mended.tickets.opened).toBeGreaterThan(20);
  });

  it('of a pipeline that is not there says so', async () => {
    const id = await baton.start({ pipeline: 'nowhere' });
    await expect(baton.result(id)).rejects.toMatchObject({ error: 'ERR_UNKNOWN_NAME' });
  });

  it('has its inputs in place of the settings, and only it', async () => {
    const inputs = {
      threshold: '1',
      'tolerance.absolute': '0.50',
      retries: '1',
      customerField: 'account-ref',
    };
    const id = await baton.start({ tenant: 'set', inputs });
    const result = await baton.result(id);
    const plan = await baton.deps.runs.planOf(id);
    expect(plan?.steps.find((step) => step.kind === 'reconcile')).toMatchObject({
      threshold: '1',
      tolerance: { absolute: '0.50', relative: '0.005' },
    });
    expect(plan?.steps[0]).toMatchObject({
      retry: { retries: 1 },
      parameters: { customerField: 'account-ref' },
    });
    const { rows } = await query<{ n: number; ruled: number }>(
      baton.warehouseDatabase.knex,
      `SELECT count(*)::int AS n, count(DISTINCT d.po_id)::int AS ruled FROM analytics.po_fact f
       LEFT JOIN analytics.po_discrepancy d ON d.tenant = f._tenant AND d.po_id = f.po_id AND d.rule = 'over_threshold'
       WHERE f._tenant = 'set' AND f.total_usd > 1 AND f.status <> 'cancelled'`,
    );
    expect(rows[0]?.ruled).toBe(rows[0]?.n);
    expect(result.receipt.loaded).toBeGreaterThan(50);

    const next = await baton.start({ tenant: 'set' });
    await baton.result(next);
    expect((await baton.deps.runs.planOf(next))?.steps[0]).toMatchObject({
      retry: { retries: 3 },
      parameters: { customerField: 'customer-account-id' },
    });
  });

  it('with an input or a tenant that is not known fails at once and says so, and does nothing', async () => {
    const input = await baton.start({ inputs: { treshold: '1' }, logicalTime: '2026-04-01' });
    await expect(baton.result(input)).rejects.toMatchObject({
      error: 'ERR_INPUT_INVALID',
      message: expect.stringContaining('did you mean "threshold"?'),
    });
    const value = await baton.start({ inputs: { threshold: 'much' }, logicalTime: '2026-04-02' });
    await expect(baton.result(value)).rejects.toMatchObject({
      error: 'ERR_INPUT_INVALID',
      message: expect.stringContaining('threshold of po_data_pipeline must be a decimal'),
    });
    const tenant = await baton.start({ tenant: 'defalt', logicalTime: '2026-04-03' });
    await expect(baton.result(tenant)).rejects.toMatchObject({
      error: 'ERR_UNKNOWN_NAME',
      message: expect.stringContaining('No tenant "defalt". Closest: default.'),
    });
    for (const id of [input, value, tenant]) expect(await baton.row(id)).toBeNull();
  });
});
