import type { Attributes, HrTime } from '@opentelemetry/api';
import type { DataPoint, Histogram, MetricData } from '@opentelemetry/sdk-metrics';
import type { Metric, Sample } from '../../gateway/metrics/exposition.js';
import type { Sdk } from './sdk.js';

/** When what is counted began is not known, and need not be: https://opentelemetry.io/docs/specs/otel/metrics/data-model/ */
const unknownStart: HrTime = [0, 0];

/** What was sent last, for what came since. */
export interface Since {
  readonly metrics: readonly Metric[];
  readonly at: Date;
}

/**
 * The metrics in OpenTelemetry's model. With `since` null counters and histograms are cumulative; else they are what came
 * between then and `at`. One that was not there then has no such difference, and is left out until the next time.
 */
export function toMetricData(
  { metrics: sdk, api }: Sdk,
  metrics: readonly Metric[],
  at: Date,
  since: Since | null,
): MetricData[] {
  const { AggregationTemporality, DataPointType, InstrumentType } = sdk;
  const endTime = hrTime(at);
  const startTime = since === null ? unknownStart : hrTime(since.at);
  const aggregationTemporality = AggregationTemporality[since === null ? 'CUMULATIVE' : 'DELTA'];
  return metrics.flatMap((metric): MetricData[] => {
    const descriptor = (type: keyof typeof InstrumentType) => ({
      name: metric.name,
      description: metric.help,
      unit: unitOf(metric.name),
      type: InstrumentType[type],
      valueType: api.ValueType.DOUBLE,
    });
    const point = <T>(attributes: Attributes, value: T): DataPoint<T> => ({
      startTime,
      endTime,
      attributes,
      value,
    });
    if (metric.type === 'gauge')
      return some({
        descriptor: descriptor('GAUGE'),
        aggregationTemporality,
        dataPointType: DataPointType.GAUGE,
        dataPoints: metric.samples.map(({ labels = {}, value }) => point(labels, value)),
      });
    const samples = since === null ? metric.samples : differences(metric, since);
    if (metric.type === 'counter')
      return some({
        descriptor: descriptor('COUNTER'),
        aggregationTemporality,
        dataPointType: DataPointType.SUM,
        isMonotonic: true,
        dataPoints: samples.map(({ labels = {}, value }) => point(labels, value)),
      });
    return some({
      descriptor: descriptor('HISTOGRAM'),
      aggregationTemporality,
      dataPointType: DataPointType.HISTOGRAM,
      dataPoints: histograms(samples).map(({ labels, value }) => point(labels, value)),
    });
  });
}

/** Nothing measured is nothing sent. */
function some(data: MetricData): MetricData[] {
  return data.dataPoints.length === 0 ? [] : [data];
}

function unitOf(name: string): string {
  return /_seconds(_total)?$/.test(name) ? 's' : /_bytes$/.test(name) ? 'By' : '';
}

/** What each number has grown by; nothing where it fell, since what was counted was removed with time. */
function differences({ name, samples }: Metric, since: Since): Sample[] {
  const before = new Map(
    since.metrics.find((metric) => metric.name === name)?.samples.map((one) => [keyOf(one), one.value]) ?? [],
  );
  return samples.flatMap((sample) => {
    const known = before.get(keyOf(sample));
    return known === undefined ? [] : [{ ...sample, value: Math.max(0, sample.value - known) }];
  });
}

function keyOf({ suffix, labels = {} }: Pick<Sample, 'suffix' | 'labels'>): string {
  return JSON.stringify([suffix, Object.entries(labels).sort()]);
}

/** Prometheus' buckets count all up to a bound, OpenTelemetry's what is between two of them. */
function histograms(samples: readonly Sample[]): { labels: Attributes; value: Histogram }[] {
  const groups = new Map<string, { labels: Attributes; samples: Sample[] }>();
  for (const sample of samples) {
    const { le: _, ...labels } = sample.labels ?? {};
    const key = keyOf({ labels });
    const group = groups.get(key) ?? { labels, samples: [] };
    group.samples.push(sample);
    groups.set(key, group);
  }
  return [...groups.values()].map(({ labels, samples: all }) => {
    const numberOf = (suffix: Sample['suffix']) => all.find((one) => one.suffix === suffix)?.value ?? 0;
    const within = all.filter(({ suffix }) => suffix === '_bucket');
    const counts = within.map(({ value }, at) => Math.max(0, value - (within[at - 1]?.value ?? 0)));
    const boundaries = within.map((one) => Number(one.labels?.['le'])).filter(Number.isFinite);
    return {
      labels,
      value: { buckets: { boundaries, counts }, sum: numberOf('_sum'), count: numberOf('_count') },
    };
  });
}

function hrTime(at: Date): HrTime {
  const ms = at.getTime();
  return [Math.floor(ms / 1_000), (ms % 1_000) * 1_000_000];
}
