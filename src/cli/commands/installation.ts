import { type BatonConfig, resolveConnection } from '../../config/index.js';
import type { OpenConnection, Stream } from '../../connectors/port.js';
import { connectors, offersOf, streamsIn } from '../../connectors/registry.js';
import type { Plan } from '../../domain/plan.js';
import { allPlans } from '../../pipelines/events.js';
import { BatonError } from '../../protocol/errors.js';
import type { Cli } from '../context.js';

/** A stream that something stored was read from. Throws ERR_UNKNOWN_NAME when its connection is not there any more. */
export function streamOf(config: BatonConfig, connection: string, name: string): Stream {
  const stream = streamsIn(config.connections, connection)[name];
  if (stream !== undefined) return stream;
  throw new BatonError('ERR_UNKNOWN_NAME', {
    detail: `${name} was read from the connection "${connection}", which baton.yaml does not have any more.`,
    fix: 'Put the connection back, or do it where it is.',
  });
}

/** All plans by which this configuration loads something. */
export function plansOf(config: BatonConfig): Plan[] {
  return allPlans(config, offersOf(config.connections));
}

/** Opens a connection for as long as the command runs. */
export async function openConnection(cli: Cli, name: string): Promise<OpenConnection> {
  const resolved = resolveConnection(await cli.config(), name, connectors);
  const opened = connectors[resolved.type]?.open?.(resolved);
  if (opened === undefined)
    throw new BatonError('ERR_CONNECTION_TYPE_UNKNOWN', {
      detail: `Connection ${name} is of no known type.`,
    });
  cli.onClose(async () => opened.close());
  return opened;
}
