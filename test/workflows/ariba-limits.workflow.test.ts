import { afterAll, beforeAll, expect, it } from 'vitest';
import { aribaApplicationKey, aribaClientSecret } from '../../src/sandbox/ariba/vendor.js';
import { aribaDeclared } from '../connectors/ariba-settings.js';
import { startBaton, type TestBaton } from '../setup/baton.js';
import { activitiesOf } from '../setup/history.js';
import { eventually } from '../setup/namespace.js';

const jobs = '/procurement-reporting-job/v2/prod/jobs';
const hours = 3_600_000;

let baton: TestBaton;
beforeAll(async () => {
  baton = await startBaton({
    time: 'skipping',
    records: 80,
    stagingIdleMs: 50,
    settings: (url) => ({
      ARIBA_CLIENT_SECRET: aribaClientSecret,
      ARIBA_APPLICATION_KEY: aribaApplicationKey,
      BATON_CONNECTIONS__ARIBA: JSON.stringify({
        type: 'ariba',
        baseUrl: `${url}/ariba`,
        ...aribaDeclared,
        jobsAbove: 60,
        since: '2026-01-01',
      }),
      BATON_PIPELINES__INGEST_PIPELINE__SOURCES: JSON.stringify([
        { connection: 'ariba', streams: ['purchase_orders'] },
      ]),
    }),
  });
}, 120_000);
afterAll(() => baton?.stop());

it('a run that finds the day’s jobs used up says until when, waits for it, and lacks nothing', async () => {
  const { faults, requests, coupa } = baton.sandbox;
  // As Ariba says it for the rest of its day.
  const params = { retryAfter: 16 * 3_600, header: 'ratelimit-reset' };
  const fault = faults.add({ vendor: 'ariba', kind: 'rate_limit', match: { path: jobs }, params });
  const id = await baton.start({ pipeline: 'ingest_pipeline' });
  await eventually(async () => {
    const [step] = await baton.steps(id);
    expect(step).toMatchObject({ state: 'retrying' });
    expect(JSON.stringify(step)).toMatch(/answered 429.* Going on at \d{4}-\d\d-\d\dT[\d:]{8}Z\./);
  });
  const result = await baton.result(id);
  expect(result).toMatchObject({ state: 'succeeded', receipt: { read: 80 } });
  expect(coupa.store.purchase_orders.size).toBe(80);
  expect(fault.struck).toBe(1);

  const asked = requests.last().filter(({ path }) => path.startsWith(jobs));
  const [refused, ...later] = asked.map(({ at }) => Date.parse(at));
  expect((later[0] ?? 0) - (refused ?? 0)).toBeGreaterThanOrEqual(16 * hours);
  expect((later[0] ?? 0) - (refused ?? 0)).toBeLessThan(16.1 * hours);
  // One job, though the token had expired in the meantime.
  expect(asked.filter(({ outcome }) => outcome === '200')).toHaveLength(1);
  const [story] = (await activitiesOf(baton.client, id)).filter(({ type }) => type === 'extractStream');
  expect(story).toMatchObject({ outcome: 'completed' });
  // None of the pipeline's retries, which count the vendor's failures.
  const sql = 'SELECT DISTINCT vendor_failures FROM control.steps WHERE run_id = ?';
  expect((await baton.database.knex.raw(sql, [id])).rows).toEqual([{ vendor_failures: 0 }]);
});

it('what takes longer than a step may fails, and goes on where it was when it is tried again', async () => {
  const { faults, requests } = baton.sandbox;
  requests.clear();
  const params = { retryAfter: 16 * 3_600, header: 'ratelimit-reset' };
  faults.add({ vendor: 'ariba', kind: 'rate_limit', match: { path: jobs }, count: 2, params });
  const tenant = 'twice';
  const id = await baton.start({ pipeline: 'ingest_pipeline', tenant, fullRefresh: true });
  await expect(baton.result(id)).rejects.toThrow(/answered 429/);
  const details = '/procurement-reporting-details/';
  const answered = (path: string) =>
    requests.last().filter((one) => one.outcome === '200' && one.path.startsWith(path));
  const counts = () => answered(details).filter(({ template }) => template.endsWith('/count'));
  expect(counts()).toHaveLength(1);
  expect(answered(jobs)).toHaveLength(0);
  const before = answered(details).length;

  await baton.retry(id);
  expect(await baton.result(id)).toMatchObject({ state: 'succeeded', receipt: { read: 80 } });
  // The first page and the count were asked for by the first attempt, and not again.
  expect(answered(details)).toHaveLength(before);
  expect(counts()).toHaveLength(1);
  expect(answered(jobs)).toHaveLength(1);
});
