import type { OtlpPlace } from '../../config/index.js';
import type { Metric } from '../../gateway/metrics/exposition.js';
import { revealed } from './headers.js';
import { type Since, toMetricData } from './metric-data.js';
import type { MetricSink } from './push.js';
import { resourceOf } from './resource.js';
import { loadSdk } from './sdk.js';

/**
 * Sends the metrics over OTLP; null when there is no place for them. Of what a delta tells, all since what was last
 * *taken*: what a collector missed while it was away is in the first that it takes again.
 */
export async function otlpMetricSink(place: OtlpPlace | null): Promise<MetricSink | null> {
  if (place === null || place.metrics === null) return null;
  const sdk = await loadSdk();
  const { url, headers } = place.metrics;
  const exporter = new sdk.metricExporter.OTLPMetricExporter({ url, headers: revealed(headers) });
  const resource = resourceOf(sdk, place.serviceName);
  const scope = { name: 'baton' };
  let taken: Since | null = null;

  const send = (metrics: readonly Metric[], at: Date, since: Since | null) =>
    new Promise<void>((resolve, reject) => {
      const data = toMetricData(sdk, metrics, at, since);
      exporter.export({ resource, scopeMetrics: [{ scope, metrics: data }] }, ({ code, error }) =>
        code === 0 ? resolve() : reject(error ?? new Error('the collector did not take them')),
      );
    });

  return {
    name: 'otlp',
    everyMs: place.everyMs,
    async push(metrics, at) {
      if (place.temporality === 'cumulative') return send(metrics, at, null);
      // Gauges of the first time; what is counted is counted from then.
      await send(metrics, at, taken ?? { metrics: [], at });
      taken = { metrics, at };
    },
  };
}
