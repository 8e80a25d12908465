import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { measuredMetrics } from '../../../src/gateway/metrics/metrics.js';
import { createReadings } from '../../../src/gateway/readings.js';
import { canaries, startBaton, type TestBaton } from '../../setup/baton.js';
import {
  type Collector,
  findCollector,
  type OtlpAttribute,
  type OtlpSpan,
  startCollector,
} from '../../setup/collector.js';
import { projectRoot } from '../../setup/shared.js';

const found = findCollector();
const key = 'canary-otlp-key-77e1';

/** A worker as a process of its own, ready or ended. */
async function startWorker(env: Record<string, string>, node: readonly string[] = []) {
  const child = spawn(
    process.execPath,
    [...node, path.join(inject('distPath'), 'workers', 'main.js'), '--role', 'all'],
    { cwd: projectRoot, env: { PATH: process.env['PATH'] ?? '', ...env }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => said.push(text));
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const isReady = () => said.join('').includes('"ready":true');
  await vi.waitFor(() => expect(isReady() || child.exitCode !== null).toBe(true), {
    timeout: 60_000,
    interval: 50,
  });
  return { said, isReady, stop: () => stop(child, ended) };
}

async function stop(child: ChildProcess, ended: Promise<void>): Promise<void> {
  child.kill('SIGTERM');
  await ended;
}

const texts = (attributes: readonly OtlpAttribute[] = []) =>
  Object.fromEntries(attributes.map(({ key: name, value }) => [name, value.stringValue ?? value.intValue]));

/** Refuses the packages of OpenTelemetry, as if nobody had installed them. */
const withoutPackages = `data:text/javascript,${encodeURIComponent(`
  import { register } from 'node:module';
  register('data:text/javascript,' + encodeURIComponent(\`
    export async function resolve(name, context, next) {
      if (/^@(opentelemetry|temporalio.interceptors)/.test(name))
        throw Object.assign(new Error('Cannot find package ' + name), { code: 'ERR_MODULE_NOT_FOUND' });
      return next(name, context);
    }\`));
`)}`;

describe('without the packages of OpenTelemetry', () => {
  let baton: TestBaton;
  beforeAll(async () => {
    baton = await startBaton({ time: 'real', records: 10, tenants: ['default'] });
  }, 60_000);
  afterAll(() => baton?.stop());

  it('a worker starts that sends nothing, and one that is to send says what to install', async () => {
    const plain = await startWorker(baton.env, ['--import', withoutPackages]);
    expect(plain.isReady(), plain.said.join('')).toBe(true);
    await plain.stop();
    const env = { ...baton.env, OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' };
    const lacking = await startWorker(env, ['--import', withoutPackages]);
    expect(lacking.isReady()).toBe(false);
    expect(lacking.said.join('')).toContain('BTN-6130');
    expect(lacking.said.join('')).toContain('npm install @opentelemetry/api@1 ');
    const off = await startWorker({ ...env, OTEL_SDK_DISABLED: 'true' }, ['--import', withoutPackages]);
    expect(off.isReady()).toBe(true);
    await off.stop();
  }, 120_000);
});

describe.skipIf(found === null)('OpenTelemetry’s own collector', () => {
  let baton: TestBaton;
  let collector: Collector;
  let worker: Awaited<ReturnType<typeof startWorker>>;
  let run: string;
  beforeAll(async () => {
    collector = await startCollector(found ?? '');
    baton = await startBaton({ time: 'real', records: 30, tenants: ['default'] });
    await Promise.all([baton.dismiss('control'), baton.dismiss('data')]);
    worker = await startWorker({
      ...baton.env,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
      OTEL_EXPORTER_OTLP_HEADERS: `x-key=${encodeURIComponent(key)}`,
      OTEL_METRIC_EXPORT_INTERVAL: '1000',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment=test',
      OTEL_SERVICE_NAME: 'baton-test',
      OTEL_BSP_SCHEDULE_DELAY: '200',
    });
    expect(worker.isReady(), worker.said.join('')).toBe(true);
    run = await baton.start();
    expect(await baton.result(run)).toMatchObject({ state: 'succeeded' });
  }, 120_000);
  afterAll(async () => {
    await worker?.stop();
    await baton?.stop();
    await collector?.stop();
  });

  const named = (name: string) => collector.spans().filter((span) => span.name === name);
  const parentOf = (span: OtlpSpan) =>
    collector.spans().find(({ spanId }) => spanId === span.parentSpanId)?.name ?? null;

  it('has the run as one trace: the workflow, what it asked for, and what was done', async () => {
    await vi.waitFor(() => expect(named('RunWorkflow:runPipeline')).toHaveLength(1), { timeout: 20_000 });
    const [workflow] = named('RunWorkflow:runPipeline');
    const extractions = named('RunActivity:extractStream');
    expect(extractions.length).toBeGreaterThanOrEqual(5);
    for (const span of extractions) {
      expect(span.traceId).toBe(workflow?.traceId);
      expect(parentOf(span)).toBe('StartActivity:extractStream');
    }
    for (const span of named('StartActivity:extractStream'))
      expect(parentOf(span)).toBe('RunWorkflow:runPipeline');
    const steps = extractions.map(({ attributes }) => texts(attributes));
    expect(steps).toContainEqual(
      expect.objectContaining({
        'baton.run_id': run,
        'baton.tenant': 'default',
        'baton.step': 'extract_orders',
        temporalWorkflowId: run,
      }),
    );
    // What Temporal's interceptor would add of a workflow's memo and last result is left out.
    for (const { attributes = [] } of collector.spans())
      for (const { value } of attributes) expect(Object.keys(value)).not.toContain('kvlistValue');
  }, 60_000);

  it('has the metrics of /metrics, with their values, and those of Temporal’s SDK', async () => {
    const readings = createReadings(baton.measured);
    await vi.waitFor(
      async () => {
        // Tickets come, and with them metrics, while it is looked.
        const expected = measuredMetrics(await readings.measure()).filter(
          ({ samples }) => samples.length > 0,
        );
        const metrics = new Map(collector.metrics('baton_').map((metric) => [metric.name, metric]));
        expect([...metrics.keys()].sort()).toEqual(expected.map(({ name }) => name).sort());
        const runs = metrics.get('baton_runs_total')?.sum;
        expect(runs).toMatchObject({ isMonotonic: true, aggregationTemporality: 2 });
        const done = runs?.dataPoints.find(({ attributes }) => texts(attributes)['state'] === 'succeeded');
        expect(done?.asDouble).toBe(1);
        const [duration] = metrics.get('baton_run_duration_seconds')?.histogram?.dataPoints ?? [];
        expect(duration).toMatchObject({ count: '1' });
        expect(duration?.bucketCounts?.map(Number).reduce((sum, one) => sum + one)).toBe(1);
        expect(duration?.bucketCounts?.length).toBe((duration?.explicitBounds?.length ?? 0) + 1);
        expect(metrics.get('baton_up')?.gauge?.dataPoints.map(({ asDouble }) => asDouble)).toEqual([1, 1, 1]);
        expect(collector.metrics('temporal_').length).toBeGreaterThan(5);
      },
      { timeout: 20_000, interval: 500 },
    );
  }, 60_000);

  it('traces runs whose histories replay without it', async () => {
    const history = await baton.client.workflow.getHandle(run).fetchHistory();
    const workflowBundle = { codePath: inject('workflowBundlePath') };
    await Worker.runReplayHistory({ workflowBundle }, history, run);
  });

  it('hears who sends, with the key it wants, and no secret', () => {
    const ours = collector
      .resources()
      .map(texts)
      .filter((one) => one['service.name'] === 'baton-test');
    expect(ours.length).toBeGreaterThan(1);
    for (const one of ours) expect(one['deployment.environment']).toBe('test');
    expect(collector.headers.length).toBeGreaterThan(2);
    for (const headers of collector.headers) expect(headers['x-key']).toBe(key);
    for (const secret of [...Object.values(canaries), key]) {
      expect(collector.received()).not.toContain(secret);
      expect(worker.said.join('')).not.toContain(secret);
    }
  });

  it('may be away: runs go on, and the worker says it once in its log', async () => {
    await collector.stop();
    expect(await baton.run()).toMatchObject({ state: 'succeeded' });
    await vi.waitFor(() => expect(worker.said.join('')).toMatch(/metrics were not taken|could not be sent/), {
      timeout: 20_000,
    });
  }, 60_000);
});
