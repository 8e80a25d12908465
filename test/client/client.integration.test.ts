import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { BatonClient, type BatonError, type RunProgress } from '../../src/client/index.js';
import { loadConfig } from '../../src/config/index.js';
import { startTinyWorker, type TinyWorker } from './tiny-worker.js';

const require = createRequire(import.meta.url);
const run = promisify(execFile);
const root = path.resolve(import.meta.dirname, '../..');

describe('BatonClient against a dev server', () => {
  const address = inject('temporalAddress');
  let worker: TinyWorker;
  let baton: BatonClient;

  beforeAll(async () => {
    worker = await startTinyWorker(address);
    baton = await BatonClient.connect({ address, namespace: worker.namespace });
  }, 90_000);

  afterAll(async () => {
    await baton?.close();
    await worker?.stop();
  });

  it('starts, watches and reads the result', async () => {
    const started = await baton.startPipeline({ pipeline: 'p', logicalTime: '2026-01-31T07:00:00+01:00' });
    expect(started.id).toBe('run/p/default-2026-01-31T06:00:00Z');
    const seen: RunProgress[] = [];
    for await (const progress of started.watch({ intervalMs: 100 })) seen.push(progress);
    expect(seen.map(({ steps }) => steps.map((step) => step.state).join())).toEqual([
      'running,pending',
      'succeeded,running',
      'succeeded,succeeded',
    ]);
    expect(await started.result()).toMatchObject({
      state: 'succeeded',
      receipt: { read: 3000, loaded: 3000 },
    });
    expect(await baton.describeRun(started.id)).toMatchObject({
      pipeline: 'p',
      tenant: 'default',
      trigger: 'api',
      logicalTime: '2026-01-31T06:00:00Z',
      status: 'completed',
      summary: 'p for default, 2026-01-31T06:00:00Z',
    });
  });

  it('joins a run that is under way and refuses one that has ended', async () => {
    const same = { pipeline: 'twice', logicalTime: '2026-01-31' };
    const [one, two] = await Promise.all([baton.startPipeline(same), baton.startPipeline(same)]);
    expect(two.id).toBe(one.id);
    await one.result();
    await expect(baton.startPipeline(same)).rejects.toMatchObject({ error: 'ERR_RUN_TAKEN' });
    await expect(baton.startPipeline({ pipeline: 'p', logicalTime: 'soon' })).rejects.toMatchObject({
      error: 'ERR_USAGE',
    });
  });

  it('with the configuration at hand starts no run that would be refused', async () => {
    const config = loadConfig({
      cwd: root,
      env: { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: worker.namespace },
    });
    const knowing = await BatonClient.connect({ config });
    const logicalTime = '2026-02-03';
    const wanted = { pipeline: 'po_data_pipeline', logicalTime };
    try {
      await expect(knowing.startPipeline({ ...wanted, inputs: { treshold: '1' } })).rejects.toMatchObject({
        error: 'ERR_INPUT_INVALID',
      });
      await expect(knowing.startPipeline({ ...wanted, tenant: 'defalt' })).rejects.toMatchObject({
        error: 'ERR_UNKNOWN_NAME',
      });
      const id = 'run/po_data_pipeline/default-2026-02-03T00:00:00Z';
      await expect(knowing.describeRun(id)).rejects.toMatchObject({ error: 'ERR_RUN_NOT_FOUND' });
    } finally {
      await knowing.close();
    }
  });

  it('tells what a run failed with, and that it was cancelled', async () => {
    const failing = await baton.startPipeline({ pipeline: 'f', inputs: { fail: 'Coupa said 401.' } });
    await expect(failing.result()).rejects.toMatchObject({
      error: 'ERR_SOURCE_AUTH',
      message: 'Coupa said 401.',
    });
    for await (const _ of failing.watch({ intervalMs: 100 })); // ends, though the last progress says running
    const endless = await baton.startPipeline({ pipeline: 'c', inputs: { wait: 'for ever' } });
    await endless.cancel();
    await expect(endless.result()).rejects.toThrow(/was cancelled/);
    await expect(baton.describeRun('run/none')).rejects.toMatchObject({ error: 'ERR_RUN_NOT_FOUND' });
  });

  it('keeps a schedule: created once, updated, paused, resumed, triggered, listed', async () => {
    const schedule = {
      cron: '0 0 1 1 *',
      timezone: 'Europe/Berlin',
      paused: false,
      catchupWindowMs: 3_600_000,
    };
    expect(await baton.ensureSchedule('s', 'default', schedule)).toBe('created');
    await baton.pauseSchedule('s', 'default', 'month end');
    expect(await baton.ensureSchedule('s', 'default', { ...schedule, cron: '0 6 * * *' })).toBe('updated');
    await expect.poll(() => baton.listSchedules(), { timeout: 10_000 }).toHaveLength(1);
    expect(await baton.listSchedules()).toMatchObject([{ paused: true, note: 'month end', nextAt: null }]);
    await baton.resumeSchedule('s', 'default');
    const [resumed] = await baton.listSchedules();
    expect(resumed?.nextAt).toMatch(/T0[45]:00:00/);
    await baton.triggerSchedule('s', 'default');
    await expect
      .poll(async () => (await baton.listSchedules())[0]?.lastRun)
      .toMatch(/^run\/s\/default-\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    const lastRun = (await baton.listSchedules())[0]?.lastRun ?? '';
    expect(await baton.runResult(lastRun)).toMatchObject({ id: lastRun, state: 'succeeded' });
    await expect(baton.pauseSchedule('none', 'default')).rejects.toMatchObject({ error: 'ERR_UNKNOWN_NAME' });
  });

  it('runs the example', async () => {
    const env = { ...process.env, TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: worker.namespace };
    const args = ['--import', pathToFileURL(require.resolve('tsx')).href, 'examples/start-pipeline.ts'];
    const { stdout, stderr } = await run(process.execPath, args, { cwd: root, env });
    expect(JSON.parse(stdout)).toMatchObject({ state: 'succeeded', receipt: { loaded: 3000 } });
    expect(stderr).toMatch(/started run\/po_data_pipeline\/default-.*\n[\s\S]*2 of 2 steps/);
  }, 30_000);
});

describe('BatonClient without a server', () => {
  it('names the address', async () => {
    const failed = BatonClient.connect({ address: '127.0.0.1:1', connectTimeoutMs: 1_000 });
    const error = await failed.catch((caught: BatonError) => caught);
    expect(error).toMatchObject({ error: 'ERR_TEMPORAL_UNAVAILABLE' });
    expect(String(error)).toContain('127.0.0.1:1');
  });
});
