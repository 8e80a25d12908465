import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { datadogKey } from '../../../src/sandbox/datadog/vendor.js';
import { type Sandbox, startSandbox } from '../../../src/sandbox/sandbox.js';
import { startMonitoring } from '../../../src/workers/monitoring/index.js';
import { type Installation, startInstallation } from '../../events/installation.js';

const secrets = {
  coupaClientSecret: 'a',
  zendeskApiToken: 'b',
  salesforceClientSecret: 'c',
  slackBotToken: 'd',
};

/** `name{label="text"}` of Prometheus' format as Datadog's tags have it. */
function seriesIn(text: string): string[] {
  const lines = text.split('\n').filter((line) => line.startsWith('baton_'));
  return lines.map((line) => {
    const [, name, labels = ''] = /^(\w+)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
    const tags = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, label, value]) => `${label}:${value}`);
    return `${name} ${tags.join(',')}`;
  });
}

describe('Datadog', () => {
  let vendors: Sandbox;
  let baton: Installation;
  beforeAll(async () => {
    vendors = await startSandbox({ port: 0, records: 10, coupaLimit: null, secrets });
    baton = await startInstallation({
      DATADOG_KEY: datadogKey,
      BATON_CONNECTIONS__DATADOG: JSON.stringify({
        type: 'datadog',
        baseUrl: `${vendors.url}/datadog`,
        auth: { apiKey: 'secret://env/DATADOG_KEY' },
      }),
      BATON_OBSERVABILITY__SERIES__CONNECTION: 'datadog',
      BATON_OBSERVABILITY__SERIES__EVERY: '1s',
      BATON_ALERTS__ON_FAILURE: JSON.stringify([{ connection: 'datadog', channel: 'data' }]),
      BATON_PIPELINES__PO_DATA_PIPELINE__RETRIES: '0',
    });
    await baton.run();
  }, 90_000);
  afterAll(async () => {
    await baton?.stop();
    await vendors?.close();
  });

  const times = () => [...new Set(vendors.datadog.points().map(({ timestamp }) => timestamp))].sort();
  const posts = () => vendors.requests.last().filter(({ path }) => path === '/api/v2/series').length;

  describe('metrics as series', () => {
    it('are sent by one of two processes, each second once, and by the other when that one is gone', async () => {
      const first = await startMonitoring(baton);
      await vi.waitFor(() => expect(posts()).toBeGreaterThan(0), { timeout: 10_000 });
      const second = await startMonitoring(baton);
      await vi.waitFor(() => expect(times().length).toBeGreaterThanOrEqual(3), { timeout: 10_000 });
      // One post for each second that there are points of.
      expect(posts()).toBe(times().length);
      await first.stop();
      const stoppedAt = posts();
      await vi.waitFor(() => expect(posts()).toBeGreaterThan(stoppedAt), { timeout: 15_000 });
      await second.stop();
      expect(posts()).toBe(times().length);
    }, 60_000);

    it('are those of /metrics, with their values', async () => {
      const text = await (await fetch(`${baton.url}/metrics`)).text();
      const last = times().at(-1);
      const points = vendors.datadog.points().filter(({ timestamp }) => timestamp === last);
      expect(points.map(({ metric, tags }) => `${metric} ${tags.join(',')}`)).toEqual(seriesIn(text));
      expect(points.length).toBeGreaterThan(50);
      const runs = points.find(
        ({ metric, tags }) => metric === 'baton_runs_total' && tags.includes('state:succeeded'),
      );
      expect(runs).toMatchObject({ value: 1, type: 3 });
    });

    it('go on when Datadog is back, with what it did not take left out', async () => {
      const before = times();
      vendors.faults.add({ vendor: 'datadog', kind: 'status', count: 2, params: { status: 500 } });
      const monitoring = await startMonitoring(baton);
      await vi.waitFor(() => expect(times().length).toBeGreaterThan(before.length), { timeout: 15_000 });
      await monitoring.stop();
    }, 30_000);
  });

  it('is told of a run that failed, as an event that leads to it', async () => {
    baton.sandbox.faults.add({ vendor: 'coupa', kind: 'status', count: null, params: { status: 422 } });
    const id = await baton.start();
    await expect(baton.result(id)).rejects.toThrow('answered 422');
    baton.sandbox.faults.clear();
    await vi.waitFor(() => expect(vendors.datadog.events).toHaveLength(1), { timeout: 20_000 });
    const [event] = vendors.datadog.events;
    expect(event).toMatchObject({ alert_type: 'error', tags: expect.arrayContaining(['channel:data']) });
    expect(event?.text).toContain(`workflows/${encodeURIComponent(id)})`);
    const told = await baton.effects('default', 'message.send');
    expect(told).toMatchObject([
      { state: 'confirmed', remote_id: `${event?.aggregation_key}/${event?.id_str}` },
    ]);
  }, 60_000);
});
