import type { Stage } from '../servers.js';
import type { TemporalCost } from './history.js';
import type { Counts } from './orders.js';
import type { Vendor } from './vendor.js';

/** `first` = into empty tables; `again` = everything once more, a tenth of it changed; `changes` = only those. */
export const phases = ['first', 'again', 'changes'] as const;
export type Phase = (typeof phases)[number];

export interface StepTime {
  readonly id: string;
  /** Seconds since the run was started. */
  readonly beganAt: number;
  readonly endedAt: number;
}

export interface Loaded {
  /** Orders read, whatever became of them. */
  readonly records: number;
  readonly wallMs: number;
  /** Compares what was loaded with the API's own counts; throws when they differ. Not part of what is measured. */
  check(changed: Counts | null): Promise<Details>;
}

/** Where a run's time went and what it cost, for a contestant that has steps. */
export interface Details {
  readonly steps?: readonly StepTime[];
  readonly temporal?: TemporalCost;
}

/** One way of getting the orders into PostgreSQL. */
export interface Contestant {
  readonly name: ContestantName;
  /** Its own processes, by what they are called in the report. */
  readonly processes: Readonly<Record<string, number>>;
  load(phase: Phase): Promise<Loaded>;
  /** Ends its processes and drops its databases. */
  close(): Promise<void>;
}

export const contestantNames = ['raw', 'pipeline', 'dlt'] as const;
export type ContestantName = (typeof contestantNames)[number];

export interface Scene {
  readonly stage: Stage;
  readonly vendor: Vendor;
  readonly records: number;
  readonly pageSize: number;
  /** Where processor profiles of the data worker go, if anywhere. */
  readonly profiles: string | null;
  /** One line for a person. */
  readonly say: (line: string) => void;
}

/** Throws when a count differs from the independent one, naming every one that does. */
export function requireEqual(who: string, counts: Readonly<Record<string, readonly [number, number]>>): void {
  const wrong = Object.entries(counts)
    .filter(([, [found, expected]]) => found !== expected)
    .map(([what, [found, expected]]) => `${what} ${found} instead of ${expected}`);
  if (wrong.length > 0) throw new Error(`${who} is not right: ${wrong.join(', ')}`);
}
