import type { Connections } from '../../activities/ports.js';
import type { BatonConfig } from '../../config/index.js';
import type { Measured } from '../../connectors/port.js';
import type { Metric } from '../../gateway/metrics/exposition.js';
import { BatonError } from '../../protocol/errors.js';
import type { MetricSink } from './push.js';

/** The connection that keeps series, as `observability.series` names it; null when it names none. Throws ERR_CONFIG_INVALID. */
export function seriesSinkOf({ observability }: BatonConfig, connections: Connections): MetricSink | null {
  if (observability.series === undefined) return null;
  const { connection, every } = observability.series;
  const { series } = connections.open(connection);
  if (series === undefined)
    throw new BatonError('ERR_CONFIG_INVALID', {
      detail: `observability.series.connection is ${connection}, which keeps no series.`,
      where: 'observability.series.connection',
    });
  return {
    name: `series:${connection}`,
    everyMs: every,
    push: (metrics, at, signal) => series.push(metrics.flatMap(measuredOf), at, signal),
  };
}

/** Each number of a metric, named as `/metrics` names it. */
function measuredOf({ name, samples }: Metric): Measured[] {
  return samples.map(({ suffix = '', labels = {}, value }) => ({ name: `${name}${suffix}`, labels, value }));
}
