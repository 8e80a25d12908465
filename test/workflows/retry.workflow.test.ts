import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { query } from '../../src/database/postgres.js';
import { drainId } from '../../src/protocol/names.js';
import { canaries, startBaton, type TestBaton } from '../setup/baton.js';
import { activitiesOf } from '../setup/history.js';
import { eventually } from '../setup/namespace.js';
import { record } from '../setup/record.js';

const suppliers = { path: '/api/suppliers' } as const;

/** When the vendor was asked for suppliers, by its own clock. */
function asked(baton: TestBaton): { readonly atMs: number; readonly outcome: string }[] {
  return baton.sandbox.requests
    .last()
    .filter((request) => request.vendor === 'coupa' && request.path.startsWith(suppliers.path))
    .map((request) => ({ atMs: Date.parse(request.at), outcome: request.outcome }));
}

function gaps(times: readonly { readonly atMs: number }[]): number[] {
  return times.slice(1).map((time, index) => time.atMs - (times[index]?.atMs ?? 0));
}

describe('a vendor that fails', () => {
  let baton: TestBaton;
  beforeAll(async () => {
    baton = await startBaton({
      time: 'skipping',
      records: 120,
      stagingIdleMs: 50,
      settings: {
        BATON_PIPELINES__PO_DATA_PIPELINE__RETRY_DELAY: '30s',
        BATON_ALERTS__ON_RETRY: '[{connection: slack, channel: "#on-call"}]',
        BATON_ALERTS__ON_FAILURE: '[{connection: slack, channel: "#data-alerts"}]',
      },
    });
  });
  afterAll(() => baton?.stop());
  afterEach(() => {
    baton.sandbox.faults.clear();
    baton.sandbox.requests.clear();
  });

  it('is asked again exactly when its Retry-After says so, and that uses up no retry', async () => {
    baton.sandbox.faults.add({
      vendor: 'coupa',
      kind: 'rate_limit',
      match: suppliers,
      count: 1,
      params: { retryAfter: 90 },
    });
    const began = performance.now();
    const id = await baton.start({ tenant: 'asked' });
    expect(await baton.result(id)).toMatchObject({ state: 'succeeded' });
    expect(performance.now() - began).toBeLessThan(60_000);

    const story = (await activitiesOf(baton.client, id)).find(
      ({ type, stepId }) => type === 'extractStream' && stepId === 'extract_suppliers',
    );
    expect(story).toMatchObject({ attempts: 2, outcome: 'completed' });
    const waitedMs = (story?.startedMs ?? 0) - (story?.scheduledMs ?? 0);
    expect(waitedMs).toBeGreaterThanOrEqual(90_000);
    expect(waitedMs).toBeLessThan(95_000);
    const [first, second] = asked(baton);
    expect(first?.outcome).toBe('429');
    expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThanOrEqual(89_000);
    await record('run-retry-after', baton.client, id);
  });

  it('is tried three times more, then the run fails with one clear error; the next one lacks nothing', async () => {
    baton.sandbox.faults.add({
      vendor: 'coupa',
      kind: 'status',
      match: suppliers,
      count: null,
      params: { status: 503 },
    });
    const id = await baton.start({ tenant: 'down' });
    const error = await baton.result(id).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ error: 'ERR_RUN_FAILED' });
    expect(String(error)).toMatch(/coupa.*503.*BTN-2004/);

    const calls = asked(baton);
    expect(calls.map((call) => call.outcome)).toEqual(['503', '503', '503', '503']);
    const [one = 0, two = 0, three = 0] = gaps(calls);
    for (const [gap, wanted] of [
      [one, 30_000],
      [two, 60_000],
      [three, 120_000],
    ] as const) {
      expect(gap).toBeGreaterThanOrEqual(wanted - 1_000);
      expect(gap).toBeLessThan(wanted + 5_000);
    }
    const story = (await activitiesOf(baton.client, id)).find(
      ({ type, stepId }) => type === 'extractStream' && stepId === 'extract_suppliers',
    );
    expect(story).toMatchObject({ attempts: 4, outcome: 'failed', nonRetryable: true });
    expect(await baton.row(id)).toMatchObject({ state: 'failed', error: { code: 'BTN-2004' } });

    await baton.client.workflow.getHandle(drainId('slack', 'down')).result();
    const messages = (await baton.messages())
      .map((message) => JSON.stringify(message))
      .filter((message) => message.includes('down-'));
    expect(messages.filter((message) => message.includes('retry 1 of 3'))).toHaveLength(1);
    expect(messages.filter((message) => message.includes('retry 2 of 3'))).toHaveLength(1);
    expect(messages.filter((message) => message.includes('retry 3 of 3'))).toHaveLength(1);
    expect(messages.filter((message) => message.includes('po_data_pipeline failed'))).toHaveLength(1);
    expect(messages).toHaveLength(4);
    await record('run-vendor-down', baton.client, id);

    baton.sandbox.faults.clear();
    const next = await baton.run({ tenant: 'down' });
    const asIfNothing = await baton.run({ tenant: 'untouched' });
    expect(next.receipt).toEqual({ ...asIfNothing.receipt, calls: next.receipt.calls });
    expect(next.tickets).toEqual(asIfNothing.tickets);
  });

  it('has three retries whatever becomes of our own workers', async () => {
    const faults = baton.sandbox.faults;
    const id = await baton.start({ tenant: 'deploys' });
    for (let lost = 0; lost < 3; lost += 1) {
      const hang = faults.add({ vendor: 'coupa', kind: 'hang', match: suppliers, count: null });
      await eventually(async () => {
        if (hang.struck === 0) throw new Error('not asked yet');
      });
      faults.clear();
      if (lost === 2)
        faults.add({ vendor: 'coupa', kind: 'status', match: suppliers, count: 3, params: { status: 500 } });
      await baton.replaceWorkers('data');
    }
    expect(await baton.result(id)).toMatchObject({ state: 'succeeded' });
    const story = (await activitiesOf(baton.client, id)).find(
      ({ type, stepId }) => type === 'extractStream' && stepId === 'extract_suppliers',
    );
    expect(story?.attempts).toBe(1 + 3 + 3);
    await record('run-workers-lost', baton.client, id);
  });

  it('may echo a secret of ours: no account of it says so', async () => {
    await baton.run({ tenant: 'untouched', logicalTime: '2026-05-05' }); // the desk's token is known by now
    const token = canaries.ZENDESK_API_TOKEN;
    const body = `{"errors": {"base": ["no use for ${token} here"]}}`;
    const params = { status: 500, body };
    baton.sandbox.faults.add({ vendor: 'coupa', kind: 'status', match: suppliers, params });
    const id = await baton.start({ tenant: 'down', logicalTime: '2026-05-06' });
    const detail = await eventually(async () => {
      const step = (await baton.steps(id)).find((one) => one.id === 'extract_suppliers');
      if (step?.state !== 'retrying') throw new Error(`${step?.state}`);
      return step.detail;
    });
    expect(detail).toMatch(/no use for \[secret\] here.* Retry 1 of 3/);
    const alerts = async () => {
      const stored = `SELECT body FROM control.effects WHERE kind = 'message.send' AND run_id = :id`;
      return JSON.stringify((await query(baton.database.knex, stored, { id })).rows);
    };
    await expect.poll(alerts, { timeout: 10_000 }).toContain('no use for [secret] here');
    expect(await alerts()).not.toContain(token);
    expect(await baton.result(id)).toMatchObject({ state: 'succeeded' });
  });
});
