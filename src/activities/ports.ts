import type { FilesSettings } from '../connectors/files/settings.js';
import type { Connector, OpenConnection, Stream } from '../connectors/port.js';
import type { ArrivalQueue, ArrivalStore } from '../control/arrivals.js';
import type { BatchStore } from '../control/batches.js';
import type { BudgetStore, RequestClass } from '../control/budgets.js';
import type { EffectStore } from '../control/effects.js';
import type { FanOutStore } from '../control/fan-outs.js';
import type { FileStore } from '../control/files.js';
import type { FulfilmentStore } from '../control/fulfilments.js';
import type { IncidentStore } from '../control/incidents.js';
import type { RunStore } from '../control/runs.js';
import type { SagaSettings } from '../domain/fulfilment.js';
import type { Plan } from '../domain/plan.js';
import type { QuietHours } from '../domain/quiet-hours.js';
import type { Priority, TriageSettings } from '../domain/triage.js';
import type { HandOver } from '../lake/hand-over.js';
import type { Lake } from '../lake/port.js';
import type { Logger } from '../observability/logger.js';
import type { ClaimRunInput } from '../protocol/activities.js';
import type { Encoder } from '../warehouse/encode.js';
import type { Warehouse } from '../warehouse/port.js';

/** Opens each connection once per process and class of work, so that its token and its leases are shared. */
export interface Connections {
  /** Whose requests wait for whose: `live` when not given. */
  open(name: string, requestClass?: RequestClass): OpenConnection;
  connector(name: string): Connector;
  stream(name: string, stream: string): Stream;
  close(): void;
}

/** The few things that activities ask of Temporal itself. */
export interface Orchestrator {
  /** Whether the execution is still running; true when it cannot be told. */
  isRunning(workflowId: string, temporalRunId: string): Promise<boolean>;
  /** Tells a run that waits for a slot to look again. */
  slotFreed(runId: string): Promise<void>;
  /** Tells a run that one of its extractions has more records than it stages itself. */
  stagerWanted(runId: string, stepId: string): Promise<void>;
  /** Tells a fan-out that one of its runs has ended; one that is gone needs no telling. */
  fanOutChanged(workflowId: string): Promise<void>;
  /** Asks a run to stop; one that has ended has nothing to stop. */
  cancelRun(runId: string): Promise<void>;
  /** Starts the connection's drainer, or rings its bell. */
  wakeDrain(connection: string, tenant: string): Promise<void>;
  /** Starts the queue's loader, or rings its bell. */
  wakeLoader(queue: ArrivalQueue): Promise<void>;
  /** Starts the queue's loader, and leaves alone one that runs. */
  startLoader(queue: ArrivalQueue): Promise<void>;
}

export interface AlertTargets {
  readonly on_failure: readonly AlertTarget[];
  readonly on_success: readonly AlertTarget[];
  readonly on_retry: readonly AlertTarget[];
  readonly on_schema_change: readonly AlertTarget[];
}

export interface Triage {
  readonly desk: string | undefined;
  /** Who is told of an incident: the first at once, the others when nobody has taken it up for so long. */
  readonly levels: readonly { readonly afterMs: number; readonly target: AlertTarget }[];
  /** When nobody is told of what is less than `below`. */
  readonly quietHours: (QuietHours & { readonly below: Priority }) | undefined;
  readonly settings: TriageSettings;
}

export interface AlertTarget {
  readonly connection: string;
  readonly channel: string;
}

/** Where a connection's files are, and what is to be done with them. */
export interface FilePlace {
  readonly lake: Lake;
  readonly settings: FilesSettings;
  readonly tenant: string;
}

/** What all activities are made of; a worker's composition root provides it. */
export interface ActivityDeps {
  readonly log: Logger;
  readonly runs: RunStore;
  readonly fanOuts: FanOutStore;
  readonly batches: BatchStore;
  readonly arrivals: ArrivalStore;
  readonly effects: EffectStore;
  readonly incidents: IncidentStore;
  readonly fulfilments: FulfilmentStore;
  /** What an approved order sets off, and who is told. */
  readonly fulfilment: { readonly settings: SagaSettings; readonly notify: AlertTarget | undefined };
  readonly files: FileStore;
  /** Where the files of a connection are; opened once per process. */
  readonly filePlaces: (connection: string) => Promise<FilePlace>;
  /** How alerts become incidents, and where these are told. */
  readonly triage: Triage;
  readonly budgets: BudgetStore;
  readonly warehouse: Warehouse;
  readonly lake: Lake;
  /** Maps landed lines, beside this thread. */
  readonly encoder: Encoder;
  /** What this process has just landed, for its own stagers. */
  readonly handOver: HandOver;
  readonly lakeLayout: string;
  /** How long staging waits for the next landed part before it gives its slot back. */
  readonly stagingIdleMs: number;
  /** Aborted when this worker is asked to end: whoever works for long hands back after the part in hand. */
  readonly stopping: AbortSignal;
  readonly connections: Connections;
  readonly orchestrator: Orchestrator;
  readonly alerts: AlertTargets;
  /** Where a person sees a run; for alerts and tickets. */
  readonly runUrl: (runId: string) => string;
  /** The tenants that the configuration names at this moment. */
  readonly tenants: () => readonly string[];
  /**
   * The plan of a run: its pipeline with the settings of this deployment, and its inputs in their place. Throws
   * ERR_UNKNOWN_NAME, ERR_INPUT_INVALID or ERR_PLAN_INVALID.
   */
  readonly compile: (run: Pick<ClaimRunInput, 'pipeline' | 'tenant' | 'inputs'>) => Plan;
}
