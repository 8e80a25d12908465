import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OtlpPlace } from '../../../src/config/index.js';
import type { Metric } from '../../../src/gateway/metrics/exposition.js';
import { otlpMetricSink } from '../../../src/workers/monitoring/otlp-metrics.js';
import { type Collector, findCollector, startCollector } from '../../setup/collector.js';

const found = findCollector();

const metrics = (runs: number, open: number): Metric[] => [
  {
    name: 'baton_runs_total',
    type: 'counter',
    help: 'Runs.',
    samples: [{ labels: { state: 'failed' }, value: runs }],
  },
  { name: 'baton_runs_open', type: 'gauge', help: 'Open.', samples: [{ value: open }] },
];

describe.skipIf(found === null)('deltas, as OpenTelemetry’s own collector reads them', () => {
  let collector: Collector;
  beforeAll(async () => {
    collector = await startCollector(found ?? '');
  });
  afterAll(() => collector?.stop());
  const place = (temporality: OtlpPlace['temporality']): OtlpPlace => ({
    traces: null,
    metrics: { url: `${collector.endpoint}/v1/metrics`, headers: {} },
    temporality,
    everyMs: 1_000,
    sampleRatio: 1,
    serviceName: 'baton',
  });
  const signal = new AbortController().signal;
  const shown = () =>
    collector.metrics('baton_').map(({ name, sum, gauge }) => ({
      name,
      temporality: sum?.aggregationTemporality,
      value: (sum ?? gauge)?.dataPoints[0]?.asDouble,
    }));

  it('begin with the first, and hold what was refused before in the next that is taken', async () => {
    const sink = await otlpMetricSink(place('delta'));
    const push = (runs: number, open: number, minute: number) =>
      sink?.push(metrics(runs, open), new Date(Date.UTC(2027, 0, 20, 12, minute)), signal);
    const delta = (value: number) => ({ name: 'baton_runs_total', temporality: 1, value });
    const gauge = (value: number) => ({ name: 'baton_runs_open', temporality: undefined, value });
    await push(40, 4, 0);
    expect(shown()).toEqual([gauge(4)]);
    await push(42, 3, 1);
    expect(shown()).toEqual([delta(2), gauge(3)]);
    collector.refuse(1);
    await expect(push(45, 2, 2)).rejects.toThrow();
    expect(shown()).toEqual([delta(2), gauge(3)]);
    await push(46, 1, 3);
    expect(shown()).toEqual([delta(4), gauge(1)]);
  });

  it('are none where all since the beginning is told', async () => {
    const sink = await otlpMetricSink(place('cumulative'));
    await sink?.push(metrics(46, 1), new Date(), signal);
    expect(shown()[0]).toEqual({ name: 'baton_runs_total', temporality: 2, value: 46 });
  });
});
