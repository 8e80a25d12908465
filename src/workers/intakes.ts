import { type BatonConfig, knownTenant } from '../config/index.js';
import { connectors } from '../connectors/registry.js';
import { rawTable } from '../pipelines/resilient-elt-pipeline.js';
import { BatonError } from '../protocol/errors.js';
import type { Intake } from './watch-arrivals.js';

/** The intakes of baton.yaml. Throws ERR_CONFIG_INVALID for a stream that the connection does not have. */
export function intakesOf(config: BatonConfig): readonly Intake[] {
  return config.lake.intake.map(({ prefix, connection, stream, tenant }) => {
    const { streams = {} } = connectors[config.connections[connection]?.type ?? ''] ?? {};
    if (streams[stream] === undefined)
      throw new BatonError('ERR_CONFIG_INVALID', {
        detail: `The intake ${prefix} names the stream ${stream}, which ${connection} does not have; it has ${Object.keys(streams).join(', ')}.`,
        where: 'lake.intake',
      });
    return {
      folder: prefix,
      connection,
      stream,
      tenant: knownTenant(config, tenant),
      target: rawTable(connection, stream),
    };
  });
}
