import type { HistoryEvent } from '../extract-load/history.js';
import { millis } from './time.js';

/** An activity as the history tells it; times in ms. */
export interface Told {
  readonly id: string;
  readonly type: string;
  readonly scheduledMs: number;
  readonly startedMs: number;
  readonly closedMs: number;
  /** The longest chain of activities that it stands at the end of, itself included. */
  readonly wave: number;
  /** Of the event that scheduled it, and of the workflow task that did so. */
  readonly decidedBy: number;
  readonly closedEvent: number;
}

/** One workflow task. */
interface Decision {
  readonly completedEvent: number;
  readonly startedEvent: number;
  readonly scheduledMs: number;
  readonly startedMs: number;
  readonly completedMs: number;
}

/** Where the time between start and end went, along the chain of what each waited for: it adds up to all of it. */
export interface Segment {
  readonly kind: 'workflow task waits' | 'workflow task' | 'activity waits' | 'activity';
  /** Of an activity. */
  readonly activity: Told | null;
  readonly ms: number;
}

export interface Story {
  readonly startedMs: number;
  readonly endedMs: number;
  readonly activities: readonly Told[];
  readonly path: readonly Segment[];
  /** How many activities stand in each wave. */
  readonly waves: readonly number[];
}

/** Reads a closed workflow's history. */
export function storyOf(events: readonly HistoryEvent[]): Story {
  const byId = new Map(events.map((event) => [Number(event.eventId), event]));
  const timeOf = (id: number) => millis(byId.get(id)?.eventTime);
  const decisions = events.flatMap((event) => decisionOf(event, timeOf) ?? []);
  const activities: Told[] = [];
  for (const event of events) {
    const told = toldOf(event, events, timeOf, decisions, activities);
    if (told !== null) activities.push(told);
  }
  const waves: number[] = [];
  for (const { wave } of activities) waves[wave - 1] = (waves[wave - 1] ?? 0) + 1;
  return {
    startedMs: timeOf(1),
    endedMs: millis(events.at(-1)?.eventTime),
    activities,
    path: pathOf(activities, decisions, millis(events.at(-1)?.eventTime)),
    waves: Array.from(waves, (width) => width ?? 1),
  };
}

function decisionOf(event: HistoryEvent, timeOf: (id: number) => number): Decision | null {
  const completed = event.workflowTaskCompletedEventAttributes;
  if (completed == null) return null;
  const startedEvent = Number(completed.startedEventId);
  return {
    completedEvent: Number(event.eventId),
    startedEvent,
    scheduledMs: timeOf(Number(completed.scheduledEventId)),
    startedMs: timeOf(startedEvent),
    completedMs: millis(event.eventTime),
  };
}

function toldOf(
  event: HistoryEvent,
  events: readonly HistoryEvent[],
  timeOf: (id: number) => number,
  decisions: readonly Decision[],
  before: readonly Told[],
): Told | null {
  const scheduled = event.activityTaskScheduledEventAttributes;
  if (scheduled == null) return null;
  const closed = events.find(
    (candidate) =>
      Number(candidate.activityTaskCompletedEventAttributes?.scheduledEventId) === Number(event.eventId),
  );
  const completed = closed?.activityTaskCompletedEventAttributes;
  if (closed === undefined || completed == null) return null;
  const decidedBy = Number(scheduled.workflowTaskCompletedEventId);
  const triggers = triggersOf(decidedBy, decisions, before);
  return {
    id: scheduled.activityId ?? '',
    type: scheduled.activityType?.name ?? '',
    scheduledMs: millis(event.eventTime),
    startedMs: timeOf(Number(completed.startedEventId)),
    closedMs: millis(closed.eventTime),
    wave: 1 + Math.max(0, ...triggers.map((trigger) => trigger.wave)),
    decidedBy,
    closedEvent: Number(closed.eventId),
  };
}

/** The activities whose end a workflow task was about: closed since the one before it. */
function triggersOf(decidedBy: number, decisions: readonly Decision[], activities: readonly Told[]): Told[] {
  const at = decisions.findIndex((decision) => decision.completedEvent === decidedBy);
  const until = decisions[at]?.startedEvent ?? 0;
  const since = decisions[at - 1]?.startedEvent ?? 0;
  return activities.filter(({ closedEvent }) => closedEvent > since && closedEvent < until);
}

/** Backwards from the end: each workflow task, the activity that woke it, the task that had asked for that. */
function pathOf(activities: readonly Told[], decisions: readonly Decision[], endedMs: number): Segment[] {
  const path: Segment[] = [];
  let reachedMs = endedMs;
  let decision = decisions.at(-1);
  const back = (kind: Segment['kind'], toMs: number, activity: Told | null = null) => {
    path.unshift({ kind, activity, ms: reachedMs - toMs });
    reachedMs = toMs;
  };
  while (decision !== undefined) {
    back('workflow task', decision.startedMs);
    const triggers = triggersOf(decision.completedEvent, decisions, activities);
    // A task that was already waiting was woken by the first of them.
    const waker = triggers.toSorted((a, b) => a.closedEvent - b.closedEvent)[0];
    if (waker === undefined) {
      back('workflow task waits', decision.scheduledMs);
      break;
    }
    back('workflow task waits', waker.closedMs);
    back('activity', waker.startedMs, waker);
    back('activity waits', waker.scheduledMs, waker);
    decision = decisions.find(({ completedEvent }) => completedEvent === waker.decidedBy);
  }
  return path;
}
