import { loadConfig } from './load.js';
import { environmentOf } from './secrets.js';
import type { BatonConfig } from './types.js';

/** Whose what comes in at a connection is: its one tenant's, or the first one's. */
export function tenantOf(config: Pick<BatonConfig, 'connections' | 'tenants'>, connection: string): string {
  return config.connections[connection]?.tenant ?? config.tenants[0] ?? 'default';
}

/**
 * The tenants as the configuration names them at this moment: a new one is served without a restart. Everything
 * else of a configuration that changed is taken up when the process starts again.
 */
export function currentTenants(config: BatonConfig): readonly string[] {
  return loadConfig({ cwd: config.root, env: environmentOf(config) }).tenants;
}
