import { Client, Connection } from '@temporalio/client';
import type { BatonConfig } from '../config/index.js';
import type { Decision, FulfilmentTurn } from '../protocol/activities.js';
import { scheduleId } from '../protocol/names.js';
import type { RunProgress, RunResult } from '../protocol/run.js';
import { callTemporal } from './failures.js';
import * as fanOuts from './fan-outs.js';
import { decideFulfilment } from './fulfilments.js';
import { describeRun, type RunDescription, runResult, type StartPipelineInput, startRun } from './runs.js';
import * as schedules from './schedules.js';
import { type WatchOptions, watchRun } from './watch.js';

export { BatonError, describeError, type ErrorView } from '../protocol/errors.js';
export type { RunState, Trigger } from '../protocol/names.js';
export type { Receipt, RunProgress, RunResult, StepProgress, TicketCounts } from '../protocol/run.js';
export { normalLogicalTime, type RunDescription, type StartPipelineInput } from './runs.js';
export type { PipelineSchedule, ScheduleView } from './schedules.js';
export type { WatchOptions } from './watch.js';

export interface ConnectOptions {
  /** `host:port` of Temporal. When given, no baton.yaml is read and the connection is without TLS. */
  readonly address?: string;
  /** Temporal namespace; of the configuration, or `default`. */
  readonly namespace?: string;
  /** A configuration already loaded; otherwise baton.yaml is found from `cwd`. */
  readonly config?: BatonConfig;
  readonly cwd?: string;
  /** How long to wait for the server, in milliseconds; 5 000 when not given. */
  readonly connectTimeoutMs?: number;
}

/** A started run, and what can be asked of it. */
export interface RunHandle {
  /** The run's id, here and as Temporal's workflow id. */
  readonly id: string;
  readonly pipeline: string;
  readonly tenant: string;
  readonly logicalTime: string;
  result(): Promise<RunResult>;
  watch(options?: WatchOptions): AsyncGenerator<RunProgress>;
  cancel(): Promise<void>;
}

/**
 * Starts and observes pipelines from another service. Needs Temporal only: no gateway, no database.
 * Every method throws ERR_TEMPORAL_UNAVAILABLE, naming the address, when the server does not answer.
 */
export class BatonClient {
  readonly address: string;
  readonly namespace: string;
  readonly #client: Client;
  readonly #check: (input: StartPipelineInput) => void;

  private constructor(
    client: Client,
    address: string,
    namespace: string,
    check: (input: StartPipelineInput) => void,
  ) {
    this.#client = client;
    this.#check = check;
    this.address = address;
    this.namespace = namespace;
  }

  static async connect(options: ConnectOptions = {}): Promise<BatonClient> {
    const target = await connectionTarget(options);
    const connectTimeout = options.connectTimeoutMs ?? 5_000;
    const connection = await callTemporal(target.connection.address, 'connecting', () =>
      Connection.connect({ ...target.connection, connectTimeout }),
    );
    const client = new Client({ connection, namespace: target.namespace });
    return new BatonClient(client, target.connection.address, target.namespace, target.check);
  }

  /**
   * Starts a run, or joins the one of that logical time that is under way. ERR_RUN_TAKEN when it has ended. An
   * unknown tenant or input is refused here when the client has the configuration, else by the run itself.
   */
  async startPipeline(input: StartPipelineInput): Promise<RunHandle> {
    this.#check(input);
    const { id, pipeline, tenant, logicalTime } = await this.#call('starting a run', () =>
      startRun(this.#client, input),
    );
    return {
      id,
      pipeline,
      tenant,
      logicalTime,
      result: () => this.runResult(id),
      watch: (options) => this.watchRun(id, options),
      cancel: () => this.cancelRun(id),
    };
  }

  /** ERR_RUN_NOT_FOUND when Temporal does not know (or no longer knows) the run. */
  describeRun(id: string): Promise<RunDescription> {
    return this.#call('describing a run', () => describeRun(this.#client, id));
  }

  /** Waits for the run's end. Throws what it failed with. */
  runResult(id: string): Promise<RunResult> {
    return this.#call('waiting for a run', () => runResult(this.#client, id));
  }

  /** The run's progress, each time it changes, until it has ended. */
  watchRun(id: string, options?: WatchOptions): AsyncGenerator<RunProgress> {
    return watchRun(this.#client, this.address, id, options);
  }

  /** Asks the run to stop; what is loaded stays loaded. Does not wait for its end. */
  async cancelRun(id: string): Promise<void> {
    await this.#call('cancelling a run', () => this.#client.workflow.getHandle(id).cancel());
  }

  /** Starts a run mapped over tenants, or joins the one of that logical time that is under way; the id is its. */
  startMapped(input: fanOuts.MappedRun): Promise<string> {
    return this.#call('starting a mapped run', () => fanOuts.startMapped(this.#client, input));
  }

  /** Starts another attempt of a run whose row was opened for it: `baton runs retry`. False when one runs. */
  startAttempt(id: string, input: fanOuts.Attempt): Promise<boolean> {
    return this.#call('starting an attempt', () => fanOuts.startAttempt(this.#client, id, input));
  }

  /** The same of a mapped run. */
  startMappedAttempt(id: string, input: fanOuts.MappedRun): Promise<boolean> {
    return this.#call('starting an attempt', () => fanOuts.startMappedAttempt(this.#client, id, input));
  }

  /** Starts the workflow of a backfill whose rows are stored; true when none ran. */
  startBackfill(id: string, summary: string): Promise<boolean> {
    return this.#call('starting a backfill', () => fanOuts.startBackfill(this.#client, id, summary));
  }

  /** Tells a fan-out to look at its rows; false when it has no workflow that runs. */
  tellFanOut(id: string): Promise<boolean> {
    return this.#call('telling a fan-out', () => fanOuts.tellFanOut(this.#client, id));
  }

  /** Decides on an order that waits for a person. ERR_APPROVAL_OVER when nothing waits there any more. */
  decide(id: string, decision: Decision): Promise<FulfilmentTurn> {
    return this.#call('deciding', () => decideFulfilment(this.#client, id, decision));
  }

  /** Creates the pipeline's schedule or brings it up to date; whether it is paused stays as a person set it. */
  ensureSchedule(
    pipeline: string,
    tenant: string,
    schedule: schedules.PipelineSchedule,
  ): Promise<'created' | 'updated'> {
    return this.#call('setting a schedule', () =>
      schedules.ensureSchedule(this.#client, pipeline, tenant, schedule),
    );
  }

  /** Removes the pipeline's schedule; false when there was none. Runs under way go on. */
  removeSchedule(pipeline: string, tenant: string): Promise<boolean> {
    return this.#call('removing a schedule', () => schedules.removeSchedule(this.#client, pipeline, tenant));
  }

  async pauseSchedule(pipeline: string, tenant: string, note?: string): Promise<void> {
    await this.#schedule('pausing a schedule', pipeline, tenant, (handle) => handle.pause(note));
  }

  async resumeSchedule(pipeline: string, tenant: string, note?: string): Promise<void> {
    await this.#schedule('resuming a schedule', pipeline, tenant, (handle) => handle.unpause(note));
  }

  /** Starts a run now, as the schedule would; nothing when one is still running. */
  async triggerSchedule(pipeline: string, tenant: string): Promise<void> {
    await this.#schedule('triggering a schedule', pipeline, tenant, (handle) => handle.trigger());
  }

  listSchedules(): Promise<readonly schedules.ScheduleView[]> {
    return this.#call('listing schedules', () => schedules.listSchedules(this.#client));
  }

  close(): Promise<void> {
    return this.#client.connection.close();
  }

  #call<T>(what: string, call: () => Promise<T>): Promise<T> {
    return callTemporal(this.address, what, call);
  }

  #schedule<T>(
    what: string,
    pipeline: string,
    tenant: string,
    call: (handle: ReturnType<Client['schedule']['getHandle']>) => Promise<T>,
  ): Promise<T> {
    const handle = this.#client.schedule.getHandle(scheduleId(pipeline, tenant));
    return this.#call(what, () => call(handle));
  }
}

async function connectionTarget(options: ConnectOptions) {
  const { address, namespace } = options;
  if (address !== undefined)
    return { connection: { address }, namespace: namespace ?? 'default', check: () => {} };
  const { loadConfig, openSecrets, settingsOfRun, temporalConnectionOptions } = await import(
    '../config/index.js'
  );
  const config = options.config ?? loadConfig(options.cwd === undefined ? {} : { cwd: options.cwd });
  await openSecrets(config);
  return {
    connection: temporalConnectionOptions(config),
    namespace: namespace ?? config.temporal.namespace,
    /** Throws what the run would fail with. An alias of a pipeline is the worker's to understand. */
    check({ pipeline, tenant = 'default', inputs = {} }: StartPipelineInput): void {
      settingsOfRun(config, { pipeline, tenant, inputs });
    },
  };
}
