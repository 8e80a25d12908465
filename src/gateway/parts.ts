import { Client, Connection } from '@temporalio/client';
import { type BatonConfig, databaseUrl, temporalConnectionOptions } from '../config/index.js';
import { type BatchStore, createBatchStore } from '../control/batches.js';
import { openControl } from '../control/database.js';
import { createEffectStore, type EffectStore } from '../control/effects.js';
import { createFanOutStore, type FanOutStore } from '../control/fan-outs.js';
import { createRunStore, type RunStore } from '../control/runs.js';
import type { Database } from '../database/postgres.js';
import type { Logger } from '../observability/logger.js';
import type { Warehouse } from '../warehouse/port.js';
import { createPostgresWarehouse, openWarehouseDatabase } from '../warehouse/postgres/index.js';

/** What the gateway is made of. */
export interface GatewayParts {
  readonly config: BatonConfig;
  readonly log: Logger;
  readonly control: Database;
  readonly warehouseDatabase: Database;
  readonly warehouse: Warehouse;
  readonly runs: RunStore;
  readonly batches: BatchStore;
  readonly effects: EffectStore;
  readonly fanOuts: FanOutStore;
  readonly temporal: Client;
  close(): Promise<void>;
}

/** Opens pools and a client that connect when first used: the gateway starts, and says so, when all else is down. */
export function openParts(config: BatonConfig, log: Logger): GatewayParts {
  const names = { poolMax: 4, applicationName: 'baton-gateway' };
  const control = openControl(databaseUrl(config.control, config), names);
  const warehouseDatabase = openWarehouseDatabase(databaseUrl(config.warehouse, config), names);
  const connection = Connection.lazy({ ...temporalConnectionOptions(config), connectTimeout: 1_500 });
  return {
    config,
    log,
    control,
    warehouseDatabase,
    warehouse: createPostgresWarehouse(warehouseDatabase),
    runs: createRunStore(control),
    batches: createBatchStore(control),
    effects: createEffectStore(control),
    fanOuts: createFanOutStore(control),
    temporal: new Client({ connection, namespace: config.temporal.namespace }),
    async close() {
      await Promise.allSettled([control.close(), warehouseDatabase.close(), connection.close()]);
    },
  };
}
