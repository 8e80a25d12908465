import { Client, Connection } from '@temporalio/client';
import { type BatonConfig, databaseUrl, temporalConnectionOptions } from '../config/index.js';
import { connectors } from '../connectors/registry.js';
import { type BatchStore, createBatchStore } from '../control/batches.js';
import { openControl } from '../control/database.js';
import { createEffectStore, type EffectStore } from '../control/effects.js';
import { createFanOutStore, type FanOutStore } from '../control/fan-outs.js';
import { createInboxStore, type InboxStore } from '../control/inbox.js';
import { createRunStore, type RunStore } from '../control/runs.js';
import type { Database } from '../database/postgres.js';
import type { Logger } from '../observability/logger.js';
import type { Warehouse } from '../warehouse/port.js';
import { createPostgresWarehouse, openWarehouseDatabase } from '../warehouse/postgres/index.js';
import { createAcceptor } from './intake/acceptor.js';
import { createIntake, type Intake } from './intake/intake.js';

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
  readonly inbox: InboxStore;
  readonly intake: Intake;
  readonly temporal: Client;
  close(): Promise<void>;
}

/** Senders wait for five to fifteen seconds. */
const acceptMs = 4_000;

/** Opens pools and a client that connect when first used: the gateway starts, and says so, when all else is down. */
export function openParts(config: BatonConfig, log: Logger): GatewayParts {
  const names = { poolMax: 4, applicationName: 'baton-gateway' };
  const control = openControl(databaseUrl(config.control, config), names);
  // A pool of its own: a page that is looked at must not keep an event waiting.
  const inboxDatabase = openControl(databaseUrl(config.control, config), {
    poolMax: 2,
    applicationName: 'baton-intake',
  });
  const acceptor = createAcceptor({ store: createInboxStore(inboxDatabase).accept, deadlineMs: acceptMs });
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
    inbox: createInboxStore(control),
    intake: createIntake({
      config,
      connectors,
      accept: acceptor.accept,
      onForged: (connection, why) => log.warn({ connection, why }, 'a request was not genuine'),
    }),
    temporal: new Client({ connection, namespace: config.temporal.namespace }),
    async close() {
      await acceptor.drain();
      await Promise.allSettled([
        control.close(),
        inboxDatabase.close(),
        warehouseDatabase.close(),
        connection.close(),
      ]);
    },
  };
}
