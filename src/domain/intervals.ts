import type { ReprocessBehavior } from '../protocol/fan-out.js';
import { finalRunStates, type RunState, toLogicalTime } from '../protocol/names.js';
import type { Interval } from '../protocol/run.js';

export interface IntervalRange {
  /** Where the first interval begins. */
  readonly from: Date;
  /** No interval begins later; one that begins here is the last. */
  readonly to: Date;
  readonly intervalMs: number;
  readonly backwards: boolean;
}

/**
 * The intervals of a range, in the order in which they are run. As in Airflow both ends count: from the 1st to the 3rd
 * by days are three. One that has not ended by `now` is left out: what still changes in it would be missed.
 */
export function intervalsOf(range: IntervalRange, now: Date): { intervals: Interval[]; leftOut: number } {
  const { intervalMs, backwards } = range;
  const intervals: Interval[] = [];
  let leftOut = 0;
  for (let at = range.from.getTime(); at <= range.to.getTime(); at += intervalMs) {
    if (at + intervalMs > now.getTime()) leftOut += 1;
    else intervals.push({ from: toLogicalTime(new Date(at)), to: toLogicalTime(new Date(at + intervalMs)) });
  }
  return { intervals: backwards ? intervals.reverse() : intervals, leftOut };
}

/** The run that an item has already. */
export interface ExistingRun {
  readonly state: RunState;
  readonly attempt: number;
}

export type ItemDecision =
  | { readonly kind: 'start' }
  /** Somebody else's run of it is under way: its end is awaited. */
  | { readonly kind: 'join' }
  /** With `again` nothing of the attempt before is used. */
  | { readonly kind: 'retry'; readonly again: boolean }
  | { readonly kind: 'skip'; readonly detail: string };

/** What is to be done about an item. Total: every state of a run has an answer. */
export function decideItem(run: ExistingRun | null, reprocess: ReprocessBehavior): ItemDecision {
  if (run === null) return { kind: 'start' };
  if (!finalRunStates.has(run.state)) return { kind: 'join' };
  if (reprocess === 'completed') return { kind: 'retry', again: true };
  const unfinished = run.state === 'failed' || run.state === 'cancelled';
  if (reprocess === 'failed' && unfinished) return { kind: 'retry', again: false };
  return {
    kind: 'skip',
    detail: `has a run that ${run.state === 'cancelled' ? 'was cancelled' : run.state}`,
  };
}

/** How a fan-out has ended, from the ends of its runs. What was skipped was not its business. */
export function endOf(
  counts: Readonly<Record<'succeeded' | 'partial' | 'failed' | 'cancelled', number>>,
  toleratedPercent: number,
): 'succeeded' | 'partial' | 'failed' {
  const lost = counts.failed + counts.cancelled;
  const all = lost + counts.succeeded + counts.partial;
  if (lost === 0) return counts.partial === 0 ? 'succeeded' : 'partial';
  return lost === all || (lost / all) * 100 > toleratedPercent ? 'failed' : 'partial';
}
