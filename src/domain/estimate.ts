import type { Interval } from '../protocol/run.js';

/** What is known of a stream from before. Null = nothing was loaded yet. */
export interface StreamPast {
  readonly connection: string;
  readonly stream: string;
  /** Each run reads all of it, whatever its interval. */
  readonly readsEverything: boolean;
  /** Rows of the table, and the change times of the oldest and the newest. */
  readonly loaded: { readonly rows: number; readonly oldest: Date; readonly newest: Date } | null;
  /** Of those: changed within the intervals. */
  readonly within: number;
  /** The most records that one call has brought. */
  readonly recordsPerCall: number | null;
  /** As the vendor allows them. */
  readonly callsPerSecond: number;
}

export interface StreamEstimate {
  readonly connection: string;
  readonly stream: string;
  readonly rows: number | null;
  readonly calls: number | null;
  /** Part of the intervals lies before what is loaded: counted as if it were as dense. */
  readonly extrapolated: boolean;
}

export interface Estimate {
  readonly runs: number;
  readonly streams: readonly StreamEstimate[];
  /** The longest of what each vendor allows and what the runs have taken so far; null when nothing is known. */
  readonly minutes: number | null;
}

/** A run asks the vendor for its time before it reads. */
const callsBesidePages = 1;

/**
 * What a backfill will read, by what was loaded before. An interval of the past gives the records that were changed
 * last in it, and those are the rows that the table has from it.
 */
export function estimateOf(
  intervals: readonly Interval[],
  streams: readonly StreamPast[],
  pace: { readonly maxActive: number; readonly typicalRunMs: number | null },
): Estimate {
  const estimated = streams.map((past) => estimateStream(intervals, past));
  const seconds = streams.map(({ connection }) => {
    const calls = estimated.filter((other) => other.connection === connection);
    const rate = streams.find((other) => other.connection === connection)?.callsPerSecond ?? Infinity;
    return calls.reduce((sum, stream) => sum + (stream.calls ?? 0), 0) / rate;
  });
  const byRuns =
    pace.typicalRunMs === null ? 0 : (intervals.length * pace.typicalRunMs) / 1000 / pace.maxActive;
  const known = pace.typicalRunMs !== null || estimated.some(({ calls }) => calls !== null);
  const minutes = Math.max(byRuns, ...seconds) / 60;
  return { runs: intervals.length, streams: estimated, minutes: known ? minutes : null };
}

function estimateStream(intervals: readonly Interval[], past: StreamPast): StreamEstimate {
  const { connection, stream, loaded, recordsPerCall } = past;
  const runs = intervals.length;
  if (loaded === null) return { connection, stream, rows: null, calls: null, extrapolated: false };
  const before = past.readsEverything ? 0 : msBefore(intervals, loaded.oldest);
  const span = Math.max(1, loaded.newest.getTime() - loaded.oldest.getTime());
  const rows = past.readsEverything
    ? loaded.rows * runs
    : past.within + Math.round((loaded.rows * before) / span);
  const calls = recordsPerCall === null ? null : callsFor(rows, runs, recordsPerCall);
  return { connection, stream, rows, calls, extrapolated: before > 0 };
}

/** Each run has a last page that is not full. */
function callsFor(rows: number, runs: number, recordsPerCall: number): number {
  return runs * (callsBesidePages + 1) + Math.floor(rows / Math.max(1, recordsPerCall));
}

function msBefore(intervals: readonly Interval[], time: Date): number {
  const end = time.getTime();
  return intervals.reduce((sum, { from, to }) => {
    const begin = Date.parse(from);
    return sum + Math.max(0, Math.min(Date.parse(to), end) - begin);
  }, 0);
}

/** Intervals that follow one another, as one. */
export function spansOf(intervals: readonly Interval[]): Interval[] {
  const spans: { from: string; to: string }[] = [];
  for (const { from, to } of [...intervals].sort((a, b) => a.from.localeCompare(b.from))) {
    const last = spans.at(-1);
    if (last !== undefined && last.to === from) last.to = to;
    else spans.push({ from, to });
  }
  return spans;
}
