import type { FulfilmentState } from '../domain/fulfilment.js';
import type {
  AcknowledgeStep,
  CompareStep,
  ExtractStep,
  Plan,
  ReconcileStep,
  SweepStep,
  SyncStep,
  TicketsStep,
} from '../domain/plan.js';
import type { ErrorView } from './errors.js';
import type { FanOutTurn, MapTenantsInput } from './fan-out.js';
import type { RunClass, RunState, Trigger } from './names.js';
import type { Interval, RunResult } from './run.js';

/** What every step's activity needs to know of its run. */
export interface StepContext {
  readonly runId: string;
  readonly tenant: string;
  /** How urgent the run is, for whatever many runs share: the vendor's budget, slots. */
  readonly class: RunClass;
}

export interface SyncInput extends StepContext {
  readonly step: SyncStep;
  /** The run reads an interval of the past, for which no sync is of use. */
  readonly isOfPast: boolean;
}

export interface ClaimRunInput {
  readonly pipeline: string;
  readonly tenant: string;
  readonly logicalTime: string;
  readonly trigger: Trigger;
  readonly fullRefresh: boolean;
  readonly inputs: Readonly<Record<string, string>>;
  readonly class?: RunClass;
  readonly window?: Interval;
  readonly attempt?: number;
  readonly parent?: string;
}

export type ClaimRunResult =
  | {
      readonly outcome: 'claimed';
      readonly runId: string;
      readonly plan: Plan;
      /** Whether the run has its slot already. Absent in histories from before claiming asked for it. */
      readonly slot?: boolean;
      /** Up to so many records an extraction stages itself what it landed. Absent = each has a stager beside it. */
      readonly ownStaging?: number;
      /** Steps that an earlier attempt of the run finished, and what they left; none at the first. */
      readonly finished?: readonly FinishedStep[];
    }
  | { readonly outcome: 'taken' };

export interface PlanIncidentInput {
  /** `inc_` and 16 hex digits. */
  readonly id: string;
}

export interface PlanIncidentResult {
  /** One line on how it stands. */
  readonly story: string;
  /** Until something is due by itself; null = nothing is. */
  readonly dueInMs: number | null;
}

export interface AdvanceFanOutInput {
  readonly id: string;
  /** The first turn of an execution: what an earlier one may not have started is named again. */
  readonly resumed: boolean;
}

export interface FinishedStep {
  readonly id: string;
  /** Of an extract step. */
  readonly output: StageResult | null;
}

export interface FinishRunInput extends StepContext {
  readonly pipeline: string;
  readonly state: RunState;
  readonly receiptStep: string;
  readonly error: ErrorView | null;
  readonly startedAtMs: number;
  /** Workflow id of the fan-out that is to be told. */
  readonly parent?: string;
}

/** Argument of the workflow `fulfilOrder`: one per approved order. */
export interface PlanFulfilmentInput {
  /** `ful_` and 16 hex digits. */
  readonly id: string;
}

/** Argument of its update `decide`. */
export interface Decision {
  readonly decision: 'approve' | 'reject';
  readonly by: string;
  readonly note: string | null;
}

export interface FulfilmentTurn {
  readonly state: FulfilmentState;
  readonly isOver: boolean;
  /** One line on how it stands. */
  readonly story: string;
  /** Until something is due by itself; null = nothing is. */
  readonly dueInMs: number | null;
}

/** Argument of the workflow `processFile`, and of its activities: one per version of a file. */
export interface ProcessFileInput {
  /** `fil_` and 16 hex digits. */
  readonly id: string;
  readonly connection: string;
}

export interface LandFileResult {
  readonly state: 'waiting' | 'landed' | 'loaded' | 'done' | 'gone' | 'dead';
  /** One line on how it stands. */
  readonly story: string;
}

export interface FinishFileResult {
  /** Nothing is left to be done. */
  readonly isOver: boolean;
  readonly story: string;
}

/** Queue baton-extract. */
export interface FileActivities {
  /** Reads the file once, lands its records and their enriched copy, and hands them to the loader of their table. */
  landFile(input: ProcessFileInput): Promise<LandFileResult>;
}

/** Queue baton-workflow: short database steps. All may be repeated. */
export interface ControlActivities {
  /** Stores the command that an order's saga asks for next; answers how it stands. */
  planFulfilment(input: PlanFulfilmentInput): Promise<FulfilmentTurn>;
  /** Notes what a person decided; false when it is decided already, or too late. */
  decideFulfilment(input: PlanFulfilmentInput & Decision): Promise<boolean>;
  /** Opens tickets for what is HIGH in a file that is loaded; tells when it is not yet. */
  finishFile(input: ProcessFileInput): Promise<FinishFileResult>;
  /** Stores what is to be told of an incident now; answers when to look again. */
  planIncident(input: PlanIncidentInput): Promise<PlanIncidentResult>;
  /** Compiles the plan, claims the logical time for this execution, and takes a slot if one is free. */
  claimRun(input: ClaimRunInput): Promise<ClaimRunResult>;
  /** Takes a slot, reaping one whose owner is gone. */
  acquireSlot(
    input: StepContext & { readonly pipeline: string; readonly limit: number },
  ): Promise<{ acquired: boolean }>;
  noteStep(
    input: StepContext & { stepId: string; state: 'skipped' | 'failed' | 'cancelled'; detail: string },
  ): Promise<void>;
  /** Turns discrepancies into stored intents. */
  planTickets(input: StepContext & { readonly step: TicketsStep }): Promise<{ readonly planned: number }>;
  /** Claims the mapped run and stores its tenants, as the configuration names them now. */
  openMap(
    input: MapTenantsInput & { readonly logicalTime: string },
  ): Promise<{ readonly outcome: 'claimed' | 'taken' }>;
  /** One turn of a fan-out; see `FanOutStore.advance`. Of a cancelled one it asks the runs under way to stop. */
  advanceFanOut(input: AdvanceFanOutInput): Promise<FanOutTurn>;
  /** Notes that the fan-out is to end; the next turn acts on it. */
  cancelFanOut(input: { readonly id: string }): Promise<void>;
  /** Writes the end of a mapped run: the sums over its tenants' runs. */
  finishMap(input: { readonly id: string; readonly startedAtMs: number }): Promise<RunResult>;
  /** Writes receipt and state, frees the slot, stores the alerts, wakes whoever waits. */
  finishRun(input: FinishRunInput): Promise<RunResult>;
}

export interface ExtractResult {
  readonly batchId: string;
  readonly generation: number;
  readonly pages: number;
  readonly records: number;
  /** Present when the extraction staged it itself. */
  readonly staged?: StageResult;
  /** Present when it merged it as well. */
  readonly merged?: LoadStepResult;
}

/** What an extraction of few records does with them, so that nobody has to be told of it. */
export interface OwnStaging {
  /** Beyond so many it rings for a stager while it reads on. */
  readonly records: number;
  readonly rangeColumn: string | null;
  /** The load step that waits for this extraction only; null when there is none: then it is not merged. */
  readonly loadStepId: string | null;
}

/** Queue baton-extract. */
export interface ExtractActivities {
  extractStream(
    input: StepContext & {
      readonly step: ExtractStep;
      readonly fullRefresh: boolean;
      /** The interval that the run owns, instead of the window that the watermark gives. */
      readonly window?: Interval;
      readonly parameters: Readonly<Record<string, string>>;
      readonly ownStaging?: OwnStaging;
    },
  ): Promise<ExtractResult>;
  /** Lists the vendor's keys and notes which of them lake or warehouse lack. Answers counts; the keys stay in the warehouse. */
  compareStream(input: StepContext & { readonly step: CompareStep }): Promise<CompareResult>;
  /** Asks for each key that was not listed, and marks the rows of those that the vendor does not have. */
  /** How the syncs stand before ours: the mark of the last one that has ended, and whether there is nothing to wait for. */
  beginSync(input: SyncInput): Promise<{ readonly mark: string | null; readonly isOver: boolean }>;
  /**
   * Starts a sync unless one runs or has ended since `mark`. A repeat looks first, and again when the vendor would have
   * started it by then: what was started is not started twice.
   */
  startSync(input: SyncInput & { readonly mark: string | null }): Promise<void>;
  /** Whether a sync has ended since `mark`. ERR_SYNC_FAILED when it has not succeeded, ERR_SYNC_LATE when it should have ended. */
  checkSync(input: SyncInput & { readonly mark: string | null; readonly isLate: boolean }): Promise<{
    readonly isOver: boolean;
    /** Nothing is under way. Absent in histories from before it was told. */
    readonly isIdle?: boolean;
  }>;
  /** Tells the vendor of each record that was loaded. Idempotent; a repeat goes on behind the last part that was told. */
  acknowledge(
    input: StepContext & { readonly step: AcknowledgeStep; readonly extracted: ExtractStep },
  ): Promise<{ readonly told: number }>;
  sweepDeleted(
    input: StepContext & { readonly step: SweepStep; readonly compared: CompareStep },
  ): Promise<{ readonly marked: number }>;
}

export interface CompareResult {
  readonly listed: number;
  readonly differing: number;
}

export interface StageResult {
  readonly staging: string;
  readonly records: number;
  /** Of the column that another step takes its range from; null when nothing was staged. */
  readonly range: { readonly from: string; readonly to: string } | null;
}

export interface LoadStepResult {
  readonly loaded: number;
  readonly quarantined: number;
}

/** Queue baton-load. */
export interface LoadActivities {
  stageBatch(
    input: StepContext & { readonly step: ExtractStep; readonly rangeColumn: string | null },
  ): Promise<StageResult>;
  mergeBatch(
    input: StepContext & {
      readonly step: ExtractStep;
      readonly loadStepId: string;
      readonly staging: string;
    },
  ): Promise<LoadStepResult>;
}

/** Argument of the workflow `loadArrivals`, and of its activity: one per tenant and table. */
export interface LoadArrivalsInput {
  readonly tenant: string;
  readonly target: string;
}

export interface LoadArrivalsResult {
  readonly loaded: number;
  readonly refused: number;
  /** Still there when this round was over. */
  readonly waiting: number;
}

/** Queue baton-load. */
export interface ArrivalActivities {
  /** Loads what has arrived, in order, until nothing waits or the round has lasted long enough. */
  loadArrived(input: LoadArrivalsInput): Promise<LoadArrivalsResult>;
}

/** Queue baton-transform. */
export interface TransformActivities {
  reconcile(
    input: StepContext & { readonly step: ReconcileStep },
  ): Promise<{ readonly opened: number; readonly resolved: number }>;
}

export interface SendResult {
  readonly confirmed: number;
  readonly dead: number;
  /** Tried and not confirmed: the vendor was at fault. */
  readonly failed: number;
  /** Not at their end: refused for now, unknown, or not yet tried. */
  readonly open: number;
  /** Until the next of them is due; null when none is open. */
  readonly nextDueMs: number | null;
  /** Confirmed ones still to be swept for surplus copies. */
  readonly unswept: number;
}

/** Queue baton-effect. */
export interface EffectActivities {
  /** One round over a connection's open effects. With `park`, what is still open afterwards is left to the drainer. */
  sendEffects(input: {
    readonly connection: string;
    readonly tenant: string;
    readonly run: { readonly runId: string; readonly stepId: string; readonly park: boolean } | null;
  }): Promise<SendResult>;
}

/** Argument of the workflow `drainEffects`; one per connection and tenant. */
export interface DrainEffectsInput {
  readonly connection: string;
  readonly tenant: string;
  /** Rounds without progress so far, carried over a continue-as-new. */
  readonly idleRounds: number;
}
