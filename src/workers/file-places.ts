import type { FilePlace } from '../activities/ports.js';
import { type BatonConfig, filePlace, tenantOf } from '../config/index.js';
import type { Connector } from '../connectors/port.js';
import { connectors as registry } from '../connectors/registry.js';
import { openLake } from '../lake/open.js';

/** The places of the connections whose records come in files, each opened at its first use. */
export function createFilePlaces(
  config: BatonConfig,
  connectors: Readonly<Record<string, Connector>> = registry,
): (connection: string) => Promise<FilePlace> {
  const opened = new Map<string, FilePlace>();
  return async (connection) => {
    const known = opened.get(connection);
    if (known !== undefined) return known;
    const { place, settings } = filePlace(config, connection, connectors);
    const made = { lake: await openLake(place), settings, tenant: tenantOf(config, connection) };
    opened.set(connection, made);
    return made;
  };
}
