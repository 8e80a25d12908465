import { BatonError } from '../../protocol/errors.js';

export type Sdk = Awaited<ReturnType<typeof loadSdk>>;

/** OpenTelemetry, which only those install who send over OTLP. Throws ERR_OTLP_PACKAGES_MISSING with the command. */
export async function loadSdk() {
  try {
    const [api, trace, metrics, resources, traceExporter, metricExporter, temporal] = await Promise.all([
      import('@opentelemetry/api'),
      import('@opentelemetry/sdk-trace-node'),
      import('@opentelemetry/sdk-metrics'),
      import('@opentelemetry/resources'),
      import('@opentelemetry/exporter-trace-otlp-proto'),
      import('@opentelemetry/exporter-metrics-otlp-proto'),
      import('@temporalio/interceptors-opentelemetry'),
    ]);
    return { api, trace, metrics, resources, traceExporter, metricExporter, temporal };
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause;
    throw new BatonError('ERR_OTLP_PACKAGES_MISSING', {
      detail: 'Telemetry is to be sent over OTLP, and the packages that do so are not installed.',
      cause,
    });
  }
}
