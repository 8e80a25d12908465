import type { Connections } from '../activities/ports.js';
import { type BatonConfig, resolveConnection, unknownConnection } from '../config/index.js';
import { type Connector, type OpenConnection, type RequestEvent, streamsOf } from '../connectors/port.js';
import { connectors as registry } from '../connectors/registry.js';
import { BatonError } from '../protocol/errors.js';

/** The connections of baton.yaml, each opened at its first use and then shared by the whole process. `connectors` are those of this build. */
export function createConnections(
  config: BatonConfig,
  onRequest: (event: RequestEvent) => void,
  connectors: Readonly<Record<string, Connector>> = registry,
): Connections {
  const opened = new Map<string, OpenConnection>();

  function connector(name: string): Connector {
    const type = config.connections[name]?.type;
    if (type === undefined) throw unknownConnection(name, config);
    const found = connectors[type];
    if (found === undefined)
      throw new BatonError('ERR_CONNECTION_TYPE_UNKNOWN', {
        detail: `Connection ${name} is of type ${type}, which this build does not have.`,
      });
    return found;
  }

  return {
    connector,
    open(name) {
      const known = opened.get(name);
      if (known !== undefined) return known;
      const resolved = resolveConnection(config, name, connectors);
      const connection = connector(name).open({ ...resolved, onRequest });
      opened.set(name, connection);
      return connection;
    },
    stream(name, stream) {
      const found = streamsOf(connector(name), config.connections[name]?.settings)[stream];
      if (found === undefined)
        throw new BatonError('ERR_PLAN_INVALID', { detail: `Connection ${name} has no stream ${stream}.` });
      return found;
    },
    close() {
      for (const connection of opened.values()) connection.close();
      opened.clear();
    },
  };
}
