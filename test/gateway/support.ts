import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { loadConfig } from '../../src/config/index.js';
import { migrateControl } from '../../src/control/database.js';
import { createAccess } from '../../src/gateway/access.js';
import { openParts } from '../../src/gateway/parts.js';
import { createServer } from '../../src/gateway/server.js';
import { createLogger } from '../../src/observability/logger.js';
import { createDatabase } from '../setup/database.js';
import { projectRoot } from '../setup/shared.js';

export interface GatewayOptions {
  readonly temporalAddress: string;
  readonly namespace?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export type TestGateway = Awaited<ReturnType<typeof startGateway>>;

/** The gateway's server in this process, over two new databases that a worker would have prepared. */
export async function startGateway(options: GatewayOptions) {
  const home = mkdtempSync(path.join(os.tmpdir(), 'baton-gateway-'));
  const [control, warehouse] = await Promise.all([createDatabase(), createDatabase()]);
  const env: Record<string, string> = {
    BATON_HOME: home,
    BATON_CONTROL__URL: control.url,
    BATON_WAREHOUSE__URL: warehouse.url,
    TEMPORAL_ADDRESS: options.temporalAddress,
    TEMPORAL_NAMESPACE: options.namespace ?? 'default',
    ...options.env,
  };
  const config = loadConfig({ cwd: projectRoot, env });
  const parts = openParts(config, createLogger('gateway', 'silent'));
  await migrateControl(parts.control);
  await parts.warehouse.prepare();
  const server = createServer(parts, createAccess(config));
  const url = await server.listen({ host: '127.0.0.1', port: 0 });
  return {
    url,
    env,
    parts,
    server,
    controlUrl: control.url,
    warehouseUrl: warehouse.url,
    dropControl: control.drop,
    get: (at: string, headers: Record<string, string> = {}) => fetch(url + at, { headers }),
    async stop(): Promise<void> {
      await server.close();
      await parts.close();
      await Promise.all([control.drop(), warehouse.drop()]);
      rmSync(home, { recursive: true, force: true });
    },
  };
}
