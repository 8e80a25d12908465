import type { RunState, Trigger } from './names.js';
import type { RunPipelineInput } from './run.js';

/** Many runs of one pipeline, a few at once: the intervals of a backfill, the tenants of a mapped run. */
export type FanOutState =
  | 'running'
  | 'paused'
  | 'cancelling'
  | 'succeeded'
  | 'partial'
  | 'failed'
  | 'cancelled';
export type ItemState = Exclude<RunState, 'queued'>;

/**
 * What becomes of an interval that has a run already, in Airflow's words: `none` leaves it, `failed` tries one again
 * that failed, `completed` reads it anew however it ended.
 */
export const reprocessBehaviors = ['none', 'failed', 'completed'] as const;
export type ReprocessBehavior = (typeof reprocessBehaviors)[number];

/** Argument of the workflow `backfill`. The rows in control say everything else. */
export interface BackfillInput {
  readonly id: string;
  /** Of an execution that goes on where another one stopped: its runs are its own. */
  readonly continued?: boolean;
}

/** Argument of the workflow `mapTenants`. */
export interface MapTenantsInput {
  readonly pipeline: string;
  /** `all`: those that the configuration names when the run begins. */
  readonly tenants: 'all' | readonly string[];
  /** RFC 3339 to the second; null when a schedule started it: then the workflow id carries it. */
  readonly logicalTime: string | null;
  readonly trigger: Trigger;
  readonly fullRefresh: boolean;
  readonly inputs: Readonly<Record<string, string>>;
  readonly maxParallel: number;
  /** Of the tenants, in percent, that may fail before the whole has failed. */
  readonly toleratedPercent: number;
  readonly attempt?: number;
  /** Of an execution that goes on where another one stopped: when the first one began. */
  readonly continuedSinceMs?: number;
}

/** A run to be started as a child. */
export interface FanOutStart {
  readonly id: string;
  readonly input: RunPipelineInput & { readonly logicalTime: string };
}

/** One look at a fan-out: what is to be started, and where it stands. */
export interface FanOutTurn {
  readonly state: FanOutState;
  readonly start: readonly FanOutStart[];
  readonly counts: Readonly<Record<ItemState, number>>;
}

/** Result of the workflow `backfill`. */
export interface BackfillResult {
  readonly id: string;
  readonly state: FanOutState;
  readonly counts: Readonly<Record<ItemState, number>>;
}
