import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { airbyteApplication, airbyteConnections } from '../../src/sandbox/airbyte/vendor.js';
import { fivetranKey } from '../../src/sandbox/fivetran/vendor.js';
import type { SyncRun } from '../../src/sandbox/syncs.js';
import { startBaton, type TestBaton } from '../setup/baton.js';
import { record } from '../setup/record.js';

const [airbyteId = ''] = airbyteConnections;
const fivetranId = 'sandbox_orders';
const places = { airbyte: airbyteId, fivetran: fivetranId } as const;
type Place = keyof typeof places;

/** Syncs that others do: in real time, since they take theirs. */
describe('a run behind syncs of ingest services', () => {
  let baton: TestBaton;
  beforeAll(async () => {
    baton = await startBaton({
      time: 'real',
      records: 20,
      settings: (sandboxUrl) => ({
        FIVETRAN_KEY: fivetranKey.apiKey,
        FIVETRAN_SECRET: fivetranKey.apiSecret,
        AIRBYTE_SECRET: airbyteApplication.clientSecret,
        BATON_CONNECTIONS__FIVETRAN: JSON.stringify({
          type: 'fivetran',
          baseUrl: `${sandboxUrl}/fivetran`,
          auth: { apiKey: 'secret://env/FIVETRAN_KEY', apiSecret: 'secret://env/FIVETRAN_SECRET' },
        }),
        BATON_CONNECTIONS__AIRBYTE: JSON.stringify({
          type: 'airbyte',
          baseUrl: `${sandboxUrl}/airbyte`,
          auth: { clientId: airbyteApplication.clientId, clientSecret: 'secret://env/AIRBYTE_SECRET' },
        }),
        BATON_PIPELINES__INGEST_PIPELINE__RETRIES: '2',
        BATON_PIPELINES__INGEST_PIPELINE__RETRY_DELAY: '1s',
        BATON_PIPELINES__INGEST_PIPELINE__SYNCS: JSON.stringify(
          Object.entries(places).map(([connection, id]) => ({ connection, id })),
        ),
        BATON_PIPELINES__RESILIENT_ELT_PIPELINE__SYNCS: JSON.stringify([
          { connection: 'fivetran', id: 'sandbox_tickets', mode: 'await', within: '1h' },
        ]),
        BATON_PIPELINES__PO_DATA_PIPELINE__SYNCS: JSON.stringify([
          { connection: 'fivetran', id: 'sandbox_orders', timeout: '3s' },
        ]),
      }),
    });
  }, 120_000);
  afterAll(() => baton?.stop());
  afterEach(() => {
    baton.sandbox.faults.clear();
    baton.sandbox.settings.syncsFail = [];
    baton.sandbox.settings.syncsPutOff = [];
    baton.sandbox.settings.syncMs = 2_000;
  });

  const syncs = (place: Place): readonly SyncRun[] =>
    baton.sandbox[place].runs.filter(({ connection }) => connection === places[place]);
  const counts = () => ({ airbyte: syncs('airbyte').length, fivetran: syncs('fivetran').length });
  const one = (before: ReturnType<typeof counts>) => ({
    airbyte: before.airbyte + 1,
    fivetran: before.fivetran + 1,
  });
  const step = async (run: string, id: string) => (await baton.steps(run)).find((found) => found.id === id);
  const ingest = (tenant: string) => baton.start({ pipeline: 'ingest_pipeline', tenant });

  it('starts one of each, reads nothing before they have ended, and says how they did', async () => {
    const before = counts();
    const run = await ingest('default');
    expect(await baton.result(run)).toMatchObject({ state: 'succeeded' });
    expect(counts()).toEqual(one(before));
    const ended = Math.max(...[syncs('airbyte'), syncs('fivetran')].map((all) => all.at(-1)?.endsMs ?? 0));
    const read = await step(run, 'extract_salesforce_accounts');
    expect(Date.parse(read?.startedAt ?? '')).toBeGreaterThanOrEqual(ended - 1_000);
    expect(await step(run, 'sync_fivetran_2')).toMatchObject({
      state: 'succeeded',
      detail: /^succeeded at /,
    });
    expect(await step(run, 'sync_airbyte')).toMatchObject({
      state: 'succeeded',
      detail: `job ${syncs('airbyte').at(-1)?.id} succeeded, 128 rows synced`,
    });
    await record('run-behind-syncs', baton.client, run);
  }, 60_000);

  it.each(['accept_then_reset', 'accept_then_500', 'accept_late_then_reset'] as const)(
    'starts one of each though the answer is lost: %s',
    async (kind) => {
      const before = counts();
      // Too short for the vendor to refuse a second one because of the first.
      baton.sandbox.settings.syncMs = 500;
      for (const vendor of ['airbyte', 'fivetran'] as const) {
        const path = vendor === 'airbyte' ? '/v1/jobs' : '/v1/connections';
        baton.sandbox.faults.add({ vendor, kind, match: { method: 'POST', path }, params: { seconds: 3 } });
      }
      const run = await ingest('asked');
      expect(await baton.result(run)).toMatchObject({ state: 'succeeded' });
      expect(counts()).toEqual(one(before));
    },
    150_000,
  );

  it('starts one of each though its workers are replaced while it asks for them', async () => {
    const before = counts();
    baton.sandbox.settings.syncMs = 6_000;
    const slow = { kind: 'slow_body', params: { durationMs: 1_500 }, count: 2 } as const;
    baton.sandbox.faults.add({ vendor: 'fivetran', match: { method: 'POST' }, ...slow });
    baton.sandbox.faults.add({ vendor: 'airbyte', match: { method: 'POST', path: '/v1/jobs' }, ...slow });
    const run = await ingest('beside');
    await vi.waitFor(() => expect(counts()).toEqual(one(before)), { timeout: 20_000, interval: 50 });
    await baton.replaceWorkers('data');
    expect(await baton.result(run)).toMatchObject({ state: 'succeeded' });
    expect(counts()).toEqual(one(before));
  }, 150_000);

  it('takes one that is under way for its own', async () => {
    baton.sandbox.settings.syncMs = 4_000;
    baton.sandbox.airbyte.start(airbyteId);
    baton.sandbox.fivetran.start(fivetranId);
    const before = counts();
    expect(await baton.result(await ingest('brief'))).toMatchObject({ state: 'succeeded' });
    expect(counts()).toEqual(before);
  }, 60_000);

  it('fails in the service’s own words, with nothing read; its next attempt starts another', async () => {
    baton.sandbox.settings.syncsFail = [fivetranId];
    const run = await ingest('refused');
    await expect(baton.result(run)).rejects.toThrow(
      /The sync of sandbox_orders at fivetran: failed at .*its credentials have expired/,
    );
    expect(await baton.row(run)).toMatchObject({ state: 'failed', error: { code: 'BTN-2024' } });
    expect(await step(run, 'extract_salesforce_accounts')).toMatchObject({ state: 'skipped' });

    baton.sandbox.settings.syncsFail = [];
    const before = counts();
    await baton.retry(run);
    expect(await baton.result(run)).toMatchObject({ state: 'succeeded' });
    // That of Airbyte had succeeded, and is not started again.
    expect(counts()).toEqual({ ...before, fivetran: before.fivetran + 1 });
  }, 60_000);

  it('asks again for one that was put off, when its time has come', async () => {
    const before = counts();
    baton.sandbox.settings.syncsPutOff = [fivetranId];
    const run = await ingest('alerts');
    await vi.waitFor(() => expect(counts()).toEqual(one(before)), { timeout: 20_000, interval: 50 });
    baton.sandbox.settings.syncsPutOff = [];
    expect(await baton.result(run)).toMatchObject({ state: 'succeeded' });
    expect(counts()).toEqual({ ...one(before), fivetran: before.fivetran + 2 });
    await record('run-behind-sync-put-off', baton.client, run);
  }, 60_000);

  it('waits no longer than it may, and does not stop the sync', async () => {
    baton.sandbox.settings.syncMs = 20_000;
    const run = await baton.start({ tenant: 'left' });
    await expect(baton.result(run)).rejects.toThrow(/sandbox_orders at fivetran has not ended within/);
    expect(await baton.row(run)).toMatchObject({ state: 'failed', error: { code: 'BTN-2025' } });
    expect(syncs('fivetran').at(-1)?.endsMs).toBeGreaterThan(Date.now());
  }, 60_000);

  it('that awaits one goes on at once where one has succeeded lately, and else when the next one has', async () => {
    const all = () =>
      baton.sandbox.fivetran.runs.filter(({ connection }) => connection === 'sandbox_tickets');
    const start = () => baton.start({ pipeline: 'resilient_elt_pipeline', tenant: 'set' });
    const first = await start();
    await vi.waitFor(
      async () => expect(await step(first, 'sync_fivetran')).toMatchObject({ state: 'running' }),
      {
        timeout: 20_000,
        interval: 100,
      },
    );
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(await step(first, 'sync_fivetran')).toMatchObject({ state: 'running' });
    baton.sandbox.fivetran.start('sandbox_tickets');
    expect(await baton.result(first)).toMatchObject({ state: 'succeeded' });
    const second = await start();
    expect(await baton.result(second)).toMatchObject({ state: 'succeeded' });
    expect(await step(second, 'sync_fivetran')).toMatchObject({
      state: 'succeeded',
      detail: /^succeeded at /,
    });
    // Nobody was asked to start one.
    expect(all()).toHaveLength(1);
  }, 90_000);
});
