import { Client, type WorkflowClientInterceptor } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { createActivities } from '../activities/index.js';
import type { ActivityDeps } from '../activities/ports.js';
import { type RingableBell, ringBell } from '../client/bells.js';
import { callTemporal } from '../client/failures.js';
import {
  type BatonConfig,
  currentTenants,
  databaseUrl,
  eventRules,
  lakePlace,
  temporalConnectionOptions,
} from '../config/index.js';
import { offersOf, connectors as registry } from '../connectors/registry.js';
import { parseStrictJson } from '../connectors/strict-json.js';
import { createArrivalStore } from '../control/arrivals.js';
import { createBatchStore } from '../control/batches.js';
import { createBellStore } from '../control/bells.js';
import { listenForChanges } from '../control/budget-changes.js';
import { createBudgetStore } from '../control/budgets.js';
import { migrateControl, openControl } from '../control/database.js';
import { createEffectStore } from '../control/effects.js';
import { createFanOutStore } from '../control/fan-outs.js';
import { createFileStore, filesChannel } from '../control/files.js';
import { createFulfilmentStore } from '../control/fulfilments.js';
import { createGates } from '../control/gates.js';
import { createInboxStore, inboxChannel } from '../control/inbox.js';
import { createIncidentStore } from '../control/incidents.js';
import { createLandingStore } from '../control/landings.js';
import { createReplicationStore } from '../control/replications.js';
import { createRequestCounter } from '../control/request-counts.js';
import { createRetainedStore } from '../control/retained.js';
import { createRunStore } from '../control/runs.js';
import { listenTo } from '../database/listen.js';
import { createConsumers } from '../events/consumers/index.js';
import { landDue } from '../events/land-events.js';
import { createHandOver } from '../lake/hand-over.js';
import { openLake } from '../lake/open.js';
import type { Logger } from '../observability/logger.js';
import { allPlans } from '../pipelines/events.js';
import { BatonError } from '../protocol/errors.js';
import { createPostgresWarehouse, openWarehouseDatabase } from '../warehouse/postgres/index.js';
import { createWarehouseRetention } from '../warehouse/postgres/retained.js';
import { compileRun, servedNow } from './compile-run.js';
import { createConnections } from './connections.js';
import { createEncoder, type EncoderOptions } from './encoder.js';
import { createFilePlaces } from './file-places.js';
import { createOrchestrator } from './orchestrator.js';

/** Landed records that wait in memory for their stager; more than this is read back from the lake. */
const handOverBytes = 16_777_216;

/** Where a build has other connectors than the registry: those, and the program that maps their records. */
type Build = Partial<Pick<EncoderOptions, 'connectors' | 'program'>> & {
  /** What traces the workflows that are started and signalled. */
  readonly clientInterceptors?: readonly WorkflowClientInterceptor[];
};

/** Everything a worker process is made of: built here and nowhere else. */
export async function compose(config: BatonConfig, log: Logger, build: Build = {}) {
  const lake = await openLake(lakePlace(config));
  const control = openControl(databaseUrl(config.control, config), { poolMax: 8 });
  await migrateControl(control);
  const warehouseDatabase = openWarehouseDatabase(databaseUrl(config.warehouse, config), { poolMax: 12 });
  const warehouse = createPostgresWarehouse(warehouseDatabase);
  await warehouse.prepare();
  const counter = createRequestCounter(control);
  // A pool of its own: a place that has to wait for a connection is no place any more.
  const budgetDatabase = openControl(databaseUrl(config.control, config), {
    poolMax: 2,
    applicationName: 'baton-budget',
  });
  const gates = createGates(createBudgetStore(budgetDatabase));
  const changes = listenForChanges(budgetDatabase, gates.changed);
  const connections = createConnections(config, (event) => counter.count(event), gates, build.connectors);
  const encoder = createEncoder({ connectors: registry, log, ...build });
  const temporal = await connectTemporal(config);
  const client = new Client({
    connection: temporal,
    namespace: config.temporal.namespace,
    interceptors: { workflow: [...(build.clientInterceptors ?? [])] },
  });
  const stopping = new AbortController();
  const { approveAbove, approval, steps } = config.fulfilment;
  const saga = { approveAbove, steps, byDefault: approval.byDefault };
  const deps: ActivityDeps = {
    log,
    runs: createRunStore(control),
    fanOuts: createFanOutStore(control),
    batches: createBatchStore(control),
    arrivals: createArrivalStore(control),
    effects: createEffectStore(control),
    incidents: createIncidentStore(control),
    fulfilments: createFulfilmentStore(control),
    fulfilment: { settings: saga, notify: config.fulfilment.notify },
    files: createFileStore(control),
    filePlaces: createFilePlaces(config, build.connectors),
    triage: triageOf(config.triage),
    budgets: createBudgetStore(control),
    warehouse,
    lake,
    encoder,
    handOver: createHandOver(handOverBytes),
    lakeLayout: config.lake.layout,
    stagingIdleMs: 30_000,
    stopping: stopping.signal,
    connections,
    orchestrator: createOrchestrator(client, config.temporal.address),
    alerts: config.alerts,
    runUrl: (runId) =>
      `${config.temporal.uiUrl}/namespaces/${config.temporal.namespace}/workflows/${encodeURIComponent(runId)}`,
    tenants: () => currentTenants(config),
    compile: (run) => compileRun(servedNow(config, run.tenant), run),
  };
  const rules = eventRules(config);
  const ruleOf = (name: string | null) => rules.find((rule) => rule.name === name) ?? null;
  const landings = createLandingStore(control);
  return {
    deps,
    temporal,
    activities: createActivities(deps),
    /** What happens to events that are stored. */
    events: {
      inbox: createInboxStore(control),
      bells: createBellStore(control),
      consumers: createConsumers({
        triage: config.triage,
        fulfil: { order: config.fulfilment.order, settings: saga, decideMs: approval.timeoutMs },
        contentOf: ({ body }) => parseStrictJson(body),
        alertsOf({ connection, body }) {
          const { alerts } = registry[config.connections[connection]?.type ?? '']?.webhook ?? {};
          return alerts === undefined ? [] : alerts(parseStrictJson(body));
        },
      }),
      rule: ruleOf,
      ring: (bell: RingableBell) =>
        callTemporal(config.temporal.address, `ringing ${bell.workflowId}`, () => ringBell(client, bell)),
      land: () =>
        landDue(
          { ...deps, landings, objectsOf: (rule: string | null) => ruleOf(rule)?.objects ?? null },
          config.events.batch,
        ),
      log,
    },
    /** What follows the changes of databases. */
    changes: {
      control,
      inbox: createInboxStore(control),
      replications: createReplicationStore(control),
      log,
    },
    /** Hears of which connection's files something was told. */
    onFiles: (heard: (connection: string) => void) => listenTo(control, filesChannel, heard),
    /** Hears that something was stored. */
    onEvents: (heard: () => void) => listenTo(control, inboxChannel, heard),
    /** What the sweep of what is past its time works with. */
    retention: {
      log,
      retained: createRetainedStore(control),
      needs: createWarehouseRetention(warehouseDatabase),
      warehouse,
      lake,
      plans: allPlans(config, offersOf(config.connections, build.connectors)),
      stream: connections.stream,
      now: () => new Date(),
    },
    /** What metrics are read from. */
    measured: { config, log, control, warehouseDatabase, temporal: client },
    /** Long activities hand back what they do; the workers themselves are the caller's to shut down. */
    stop: () => stopping.abort(),
    async close(): Promise<void> {
      connections.close();
      await encoder.close();
      changes.close();
      await gates.close();
      await budgetDatabase.close();
      await counter.close();
      await temporal.close();
      await warehouse.close();
      await control.close();
      lake.close();
    },
  };
}

async function connectTemporal(config: BatonConfig): Promise<NativeConnection> {
  try {
    return await NativeConnection.connect(temporalConnectionOptions(config));
  } catch (cause) {
    throw new BatonError('ERR_TEMPORAL_UNAVAILABLE', {
      detail: `No Temporal server answers at ${config.temporal.address}.`,
      cause,
    });
  }
}

function triageOf(settings: BatonConfig['triage']): ActivityDeps['triage'] {
  const { desk, notify, escalate, quietHours } = settings;
  const first = notify === undefined ? [] : [{ afterMs: 0, target: notify }];
  const others = escalate.map(({ afterMs, ...target }) => ({ afterMs, target }));
  return { desk, levels: [...first, ...others], quietHours, settings };
}
