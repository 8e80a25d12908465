import { describe, expect, it } from 'vitest';
import type { Metric } from '../../../src/gateway/metrics/exposition.js';
import { toMetricData } from '../../../src/workers/monitoring/metric-data.js';
import { loadSdk } from '../../../src/workers/monitoring/sdk.js';

const sdk = await loadSdk();
const [cumulative, delta] = [1, 0];
const start = new Date('2027-01-20T12:00:00.250Z');
const end = new Date('2027-01-20T12:01:00.250Z');

function metrics(runs: number, within: readonly number[], open: number): Metric[] {
  const labels = { pipeline: 'p' };
  const bounds = ['1', '5', '+Inf'];
  return [
    {
      name: 'baton_runs_total',
      type: 'counter',
      help: 'Ended runs.',
      samples: [{ labels: { ...labels, state: 'failed' }, value: runs }],
    },
    { name: 'baton_runs_open', type: 'gauge', help: 'Open.', samples: [{ labels, value: open }] },
    {
      name: 'baton_run_duration_seconds',
      type: 'histogram',
      help: 'Durations.',
      samples: [
        ...within.map((value, at) => ({
          suffix: '_bucket' as const,
          labels: { ...labels, le: bounds[at] ?? '' },
          value,
        })),
        { suffix: '_sum', labels, value: 7 * runs },
        { suffix: '_count', labels, value: within.at(-1) ?? 0 },
      ],
    },
  ];
}
const shown = (all: ReturnType<typeof toMetricData>) =>
  all.map(({ descriptor, aggregationTemporality, dataPoints }) => ({
    name: descriptor.name,
    unit: descriptor.unit,
    aggregationTemporality,
    points: dataPoints.map(({ startTime, endTime, attributes, value }) => [
      startTime,
      endTime,
      attributes,
      value,
    ]),
  }));
const seconds = (at: Date) => [Math.floor(at.getTime() / 1_000), 250_000_000];

describe('metrics in OpenTelemetry’s model', () => {
  it('count from the beginning, with what is between two bounds in each bucket', () => {
    const times = [[0, 0], seconds(end)];
    expect(shown(toMetricData(sdk, metrics(3, [1, 1, 3], 2), end, null))).toEqual([
      {
        name: 'baton_runs_total',
        unit: '',
        aggregationTemporality: cumulative,
        points: [[...times, { pipeline: 'p', state: 'failed' }, 3]],
      },
      {
        name: 'baton_runs_open',
        unit: '',
        aggregationTemporality: cumulative,
        points: [[...times, { pipeline: 'p' }, 2]],
      },
      {
        name: 'baton_run_duration_seconds',
        unit: 's',
        aggregationTemporality: cumulative,
        points: [
          [
            ...times,
            { pipeline: 'p' },
            { buckets: { boundaries: [1, 5], counts: [1, 0, 2] }, sum: 21, count: 3 },
          ],
        ],
      },
    ]);
  });

  it('tell as a delta what came since, and of what fell nothing', () => {
    const since = { metrics: metrics(3, [1, 1, 3], 2), at: start };
    const grown = shown(toMetricData(sdk, metrics(5, [1, 2, 5], 0), end, since));
    const times = [seconds(start), seconds(end)];
    expect(grown.map(({ aggregationTemporality }) => aggregationTemporality)).toEqual([delta, delta, delta]);
    expect(grown.map(({ points }) => points[0]?.slice(0, 2))).toEqual([times, times, times]);
    expect(grown.map(({ points }) => points[0]?.[3])).toEqual([
      2,
      0,
      { buckets: { boundaries: [1, 5], counts: [0, 1, 1] }, sum: 14, count: 2 },
    ]);
    const fallen = shown(toMetricData(sdk, metrics(1, [0, 0, 1], 0), end, since));
    expect(fallen.map(({ points }) => points[0]?.[3])).toEqual([
      0,
      0,
      { buckets: { boundaries: [1, 5], counts: [0, 0, 0] }, sum: 0, count: 0 },
    ]);
  });

  it('leave out of a delta what there was nothing of before, but for gauges', () => {
    const first = toMetricData(sdk, metrics(5, [1, 2, 5], 4), end, { metrics: [], at: end });
    expect(first.map(({ descriptor }) => descriptor.name)).toEqual(['baton_runs_open']);
  });

  it('are none where a part is down', () => {
    const silent = metrics(1, [0, 0, 1], 1).map((metric) => ({ ...metric, samples: [] }));
    expect(toMetricData(sdk, silent, end, null)).toEqual([]);
  });
});
