import type { BatonConfig } from '../../config/types.js';
import { defaultPorts } from './ports.js';
import type { StackNeeds } from './supervisor.js';

/**
 * What the local stack has to bring: each part whose default local address the configuration names. An
 * address that an environment variable gives is someone's own server, even on this machine.
 */
export function stackNeeds(config: BatonConfig): StackNeeds {
  const { origins } = config;
  const local = (setting: string, address: string, port: number) =>
    origins[setting] !== 'env' && isLocal(address, port);
  return {
    temporal: local('temporal.address', config.temporal.address, defaultPorts.temporal),
    postgres:
      local('control.url', config.control.url, defaultPorts.postgres) ||
      local('warehouse.url', config.warehouse.url, defaultPorts.postgres),
    sandbox: Object.entries(config.connections).some(([name, { baseUrl }]) =>
      local(`connections.${name}.baseUrl`, String(baseUrl), defaultPorts.sandbox),
    ),
  };
}

function isLocal(address: string, port: number): boolean {
  const { hostname, port: named } = new URL(address.includes('://') ? address : `tcp://${address}`);
  return ['127.0.0.1', 'localhost', '[::1]'].includes(hostname) && named === String(port);
}
