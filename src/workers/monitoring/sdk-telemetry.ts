import type { TelemetryOptions } from '@temporalio/worker';
import type { OtlpPlace } from '../../config/index.js';
import { revealed } from './headers.js';

/** Where Temporal's SDK sends what it measures of this worker: `temporal_…`, to the place of our own metrics. */
export function sdkTelemetry(place: OtlpPlace | null): TelemetryOptions {
  if (place === null || place.metrics === null) return {};
  const { url, headers } = place.metrics;
  return {
    metrics: {
      otel: {
        url,
        http: true,
        headers: revealed(headers),
        metricsExportInterval: place.everyMs,
        temporality: place.temporality,
        useSecondsForDurations: true,
      },
      globalTags: { 'service.name': place.serviceName },
    },
  };
}
