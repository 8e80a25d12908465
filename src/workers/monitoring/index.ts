import { otlpPlace } from '../../config/index.js';
import { measuredMetrics } from '../../gateway/metrics/metrics.js';
import { createReadings } from '../../gateway/readings.js';
import type { compose } from '../compose.js';
import { otlpMetricSink } from './otlp-metrics.js';
import { pushMetrics } from './push.js';
import { seriesSinkOf } from './series.js';

type Parts = Pick<Awaited<ReturnType<typeof compose>>, 'measured' | 'deps'>;

/** Sends metrics wherever the configuration says, from now on. Throws when what it says cannot be. */
export async function startMonitoring({ measured, deps }: Parts): Promise<{ stop(): Promise<void> }> {
  const { config, control, log } = measured;
  const readings = createReadings(measured);
  const measure = async () => measuredMetrics(await readings.measure());
  const sinks = [seriesSinkOf(config, deps.connections), await otlpMetricSink(otlpPlace(config))].flatMap(
    (sink) => sink ?? [],
  );
  const pushing = sinks.map((sink) => pushMetrics({ control, log, measure }, sink));
  return {
    async stop() {
      await Promise.all(pushing.map((push) => push.stop()));
    },
  };
}
