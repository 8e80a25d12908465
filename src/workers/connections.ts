import type { Connections } from '../activities/ports.js';
import { type BatonConfig, resolveConnection, unknownConnection, watchSecrets } from '../config/index.js';
import type { Gate } from '../connectors/gate.js';
import {
  type Connector,
  type OpenConnection,
  type RequestEvent,
  type ResolvedConnection,
  streamsOf,
} from '../connectors/port.js';
import { connectors as registry } from '../connectors/registry.js';
import type { RequestClass } from '../control/budgets.js';
import type { Gates } from '../control/gates.js';
import { breakerDefaults } from '../domain/breaker.js';
import { ratesOf } from '../domain/rate.js';
import { BatonError } from '../protocol/errors.js';

/** Whose budget it is where a connection is not one tenant's own. */
const allTenants = '*';

/** A probe that is not heard of so long after its deadline is made again by another worker. */
const probeMarginMs = 5_000;

interface Opened {
  readonly connection: OpenConnection;
  /** Of the secrets that it was opened with. */
  readonly version: string;
}

/**
 * The connections of baton.yaml, each opened at its first use and then shared by the whole process, and opened again when its
 * secrets are other ones. `connectors` are those of this build.
 */
export function createConnections(
  config: BatonConfig,
  onRequest: (event: RequestEvent) => void,
  gates: Gates,
  connectors: Readonly<Record<string, Connector>> = registry,
): Connections {
  const opened = new Map<string, Opened>();

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

  /** One budget per account at the vendor: of the connection's one tenant, or of all that share it. */
  function gateOf({ name, limits, settings }: ResolvedConnection, requestClass: RequestClass): Gate {
    const own = ratesOf(limits);
    const vendor = connector(name).rate?.(settings);
    return gates.open({
      connection: name,
      tenant: config.connections[name]?.tenant ?? allTenants,
      requestClass,
      rates: own.length > 0 || vendor === undefined ? own : [vendor],
      breaker: { ...(limits.breaker ?? breakerDefaults), probeMs: limits.timeoutMs + probeMarginMs },
    });
  }

  function open(name: string, requestClass: RequestClass = 'live'): OpenConnection {
    const key = `${requestClass} ${name}`;
    const secrets = watchSecrets(config, config.connections[name]);
    const version = secrets.version();
    const known = opened.get(key);
    // The one before is left to those who still use it; its idle sockets keep nobody.
    if (known?.version === version) return known.connection;
    const resolved = resolveConnection(config, name, connectors);
    const gate = gateOf(resolved, requestClass);
    const renewed = async () => {
      if (secrets.version() === version) await secrets.reread();
      return secrets.version() === version ? null : open(name, requestClass);
    };
    const connection = connector(name).open?.({ ...resolved, onRequest, gate, renewed });
    if (connection === undefined) throw unknownConnection(name, config);
    opened.set(key, { connection, version });
    return connection;
  }

  return {
    connector,
    open,
    stream(name, stream) {
      const found = streamsOf(connector(name), config.connections[name]?.settings)[stream];
      if (found === undefined)
        throw new BatonError('ERR_PLAN_INVALID', { detail: `Connection ${name} has no stream ${stream}.` });
      return found;
    },
    close() {
      for (const { connection } of opened.values()) connection.close();
      opened.clear();
    },
  };
}
