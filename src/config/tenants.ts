import { loadConfig } from './load.js';
import { environmentOf } from './secrets.js';
import type { BatonConfig } from './types.js';

/**
 * The tenants as the configuration names them at this moment: a new one is served without a restart. Everything
 * else of a configuration that changed is taken up when the process starts again.
 */
export function currentTenants(config: BatonConfig): readonly string[] {
  return loadConfig({ cwd: config.root, env: environmentOf(config) }).tenants;
}
