import type { ErrorView } from './errors.js';
import type { RunClass, RunState, Trigger } from './names.js';

/** Argument of the workflow `runPipeline`. References only; settings are read where the work is done. */
export interface RunPipelineInput {
  readonly pipeline: string;
  readonly tenant: string;
  /** RFC 3339 to the second; null when a schedule started it: then the workflow id carries it. */
  readonly logicalTime: string | null;
  readonly trigger: Trigger;
  readonly fullRefresh: boolean;
  readonly inputs: Readonly<Record<string, string>>;
  /** Live when not given. */
  readonly class?: RunClass;
  /** The interval that the run owns: it reads what changed in it and leaves the watermark alone. */
  readonly window?: Interval;
  /** 2 and more: a run that is tried again, whose finished steps are done. */
  readonly attempt?: number;
  /** Workflow id of the fan-out that is told of the end. */
  readonly parent?: string;
}

/** From (inclusive) to (exclusive), RFC 3339 in UTC to the second. */
export interface Interval {
  readonly from: string;
  readonly to: string;
}

/** read = loaded + unchanged + quarantined + duplicate + stale + filtered + waiting, always. */
export interface Receipt {
  readonly pages: number;
  readonly calls: number;
  readonly read: number;
  readonly loaded: number;
  readonly unchanged: number;
  readonly quarantined: number;
  readonly duplicate: number;
  readonly stale: number;
  readonly filtered: number;
  /** Landed, and not loaded yet: only of a run whose loads are apart. */
  readonly waiting?: number;
}

export interface TicketCounts {
  readonly opened: number;
  readonly updated: number;
  readonly resolved: number;
}

/** Result of the workflow `runPipeline`. */
export interface RunResult {
  readonly id: string;
  readonly pipeline: string;
  readonly state: RunState;
  readonly durationMs: number;
  readonly receipt: Receipt;
  readonly tickets: TicketCounts;
  readonly error: ErrorView | null;
}

export const stepStates = [
  'pending',
  'running',
  'retrying',
  'succeeded',
  'skipped',
  'failed',
  'cancelled',
] as const;
export type StepState = (typeof stepStates)[number];

/** One line of the live step tree; times RFC 3339. */
export interface StepProgress {
  readonly id: string;
  readonly title: string;
  readonly state: StepState;
  readonly attempt: number;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  /** Named counts in display order: `{read: 3000, pages: 60}`. */
  readonly counts: Readonly<Record<string, number>>;
  /** One sentence: why it is retrying, skipped or failed. */
  readonly detail: string | null;
}

/** Query `progress` of the workflow, and what `control.runs` and `control.steps` say together. */
export interface RunProgress {
  readonly id: string;
  readonly pipeline: string;
  readonly tenant: string;
  readonly logicalTime: string;
  readonly state: RunState;
  readonly steps: readonly StepProgress[];
}
