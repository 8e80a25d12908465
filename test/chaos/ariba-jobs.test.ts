import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aribaApplicationKey, aribaClientSecret } from '../../src/sandbox/ariba/vendor.js';
import { aribaDeclared } from '../connectors/ariba-settings.js';
import type { Program } from './program.js';
import { type Reading, readingStep, startReading } from './reading.js';
import { until } from './wait.js';
import { createWorld, type World } from './world.js';

const records = 1_400;
const perFile = 100;
const filesPerJob = 5;
const jobs = Math.ceil(records / perFile / filesPerJob);
const step = readingStep('ariba', 'purchase_orders');

describe('a long list that SAP Ariba gives by jobs', () => {
  let world: World;
  let reading: Reading;
  let worker: Program;
  beforeAll(async () => {
    world = await createWorld({ records, tenants: ['killed'] });
    Object.assign(world.sandbox.settings, {
      aribaLimited: false,
      aribaJobMs: 3_000,
      aribaRecordsPerFile: perFile,
      aribaFilesPerJob: filesPerJob,
    });
    worker = world.worker('data', 'worker-data', {
      ARIBA_CLIENT_SECRET: aribaClientSecret,
      ARIBA_APPLICATION_KEY: aribaApplicationKey,
      BATON_CONNECTIONS__ARIBA: JSON.stringify({
        type: 'ariba',
        baseUrl: `${world.sandbox.url}/ariba`,
        ...aribaDeclared,
        jobsAbove: 100,
        since: '2026-01-01',
        // What makes it last.
        limits: { requestsPerSecond: 3 },
      }),
    });
    await worker.start();
    reading = await startReading(world);
  }, 120_000);
  afterAll(async () => {
    await reading?.close();
    await world?.close();
  });

  /** Calls that Ariba has answered, by their path. */
  const seen = (path: RegExp) =>
    world.sandbox.requests
      .counts()
      .filter((one) => one.vendor === 'ariba' && path.test(one.path) && one.outcome === '200')
      .reduce((sum, { count }) => sum + count, 0);
  const submitted = () => seen(/-reporting-job\/v2\/prod\/jobs$/);
  const fetched = () => seen(/\/files\//);
  /** The place of each job is stored. */
  const stored = async () => {
    const sql = `SELECT count(DISTINCT cursor.value ->> 'at')::int AS n FROM control.parts, jsonb_each(cursors) AS cursor
                 WHERE cursor.value ? 'again' AND cursor.value ->> 'at' <> '+'`;
    return (await world.controlRows<{ n: number }>(sql))[0]?.n ?? 0;
  };

  it('is read by as many jobs as it takes, however often the worker is killed', async () => {
    const run = await reading.start('killed', step);
    // While the first job is at work, within the files of the first and the second, and while the third is at work.
    const moments = [
      ['the first job is stored', async () => (await stored()) === 1],
      ['a file of the first job', () => fetched() >= 2],
      ['the second job is stored', async () => (await stored()) === 2],
      ['a file of the second job', () => fetched() >= filesPerJob + 3],
      ['the third job is stored', async () => (await stored()) === 3],
    ] as const;
    for (const [what, hasCome] of moments) {
      await until(what, hasCome, 60_000, 10);
      await worker.kill();
      await worker.start();
    }
    await run.result();
    console.log(`chaos: ${submitted()} jobs of ${jobs}, ${fetched()} files of ${records / perFile}`);
    expect(submitted()).toBe(jobs);
    expect(fetched()).toBeLessThanOrEqual(records / perFile + moments.length);
    const [row] = await world.warehouseRows<{ n: number; keys: number }>(
      'SELECT count(*)::int AS n, count(DISTINCT po_id)::int AS keys FROM raw.read_purchase_orders',
    );
    const malformed = new Set(['unknown_status', 'not_a_decimal', 'missing_key', 'impossible_date']);
    const there = world.sandbox.coupa.store.purchase_orders.ids
      .filter((_, index) => !malformed.has(world.sandbox.seed.plants.get(index)?.kind ?? ''))
      .filter((id) => world.sandbox.coupa.store.purchase_orders.find(id)?.['status'] !== 'draft');
    expect(row).toEqual({ n: there.length, keys: there.length });
  }, 240_000);
});
