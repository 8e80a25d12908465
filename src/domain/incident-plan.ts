import { type Incident, type Priority, priorities } from './triage.js';

/** What was told of an incident outside: each entry is the key of an effect's ordinal, or what it said. */
export interface Told {
  readonly opened?: boolean;
  readonly messaged?: boolean;
  readonly priority?: Priority;
  readonly recurrences?: number;
  /** When recurrences were last told. */
  readonly recurrencesAt?: string;
  /** That alerts were left out. */
  readonly leftOut?: boolean;
  readonly resolved?: boolean;
  readonly closed?: boolean;
}

/** What is known of what was told. */
export interface Answers {
  /** The ticket: null until its desk has confirmed it, `dead` when it refused it for good. */
  readonly ticket: { readonly id: string; readonly url: string | null } | 'dead' | null;
  /** The first message's id at the notifier; null until it is confirmed. */
  readonly message: string | null;
}

/** What is to be told now. */
export type Telling =
  | { readonly kind: 'open' }
  | { readonly kind: 'raise'; readonly priority: Priority }
  | { readonly kind: 'recurred'; readonly times: number; readonly ordinal: string }
  | { readonly kind: 'left_out' | 'resolve' | 'reopen' }
  | { readonly kind: 'message'; readonly ticketUrl: string | null }
  | { readonly kind: 'close'; readonly thread: string; readonly ticketUrl: string | null };

export interface IncidentPlan {
  readonly tellings: readonly Telling[];
  readonly told: Told;
  /** Until something is due by itself; null = nothing is. */
  readonly dueInMs: number | null;
}

/**
 * What is to be told of an incident, given what was told and what came of it: the ticket first, then the message with
 * its link; recurrences rolled up; the end last. Repeating it with the same arguments comes to the same.
 */
export function planIncident(
  incident: Incident,
  told: Told,
  answers: Answers,
  options: { readonly rollUpMs: number; readonly hasNotifier: boolean; readonly now: string },
): IncidentPlan {
  const { now, rollUpMs } = options;
  const tellings: Telling[] = [];
  const ticketUrl = answers.ticket === null || answers.ticket === 'dead' ? null : answers.ticket.url;
  let next: Told = told;
  const tell = (telling: Telling, change: Told) => {
    tellings.push(telling);
    next = { ...next, ...change };
  };
  let dueInMs: number | null = null;
  const due = (at: number) => {
    const wait = Math.max(0, at - Date.parse(now));
    dueInMs = dueInMs === null ? wait : Math.min(dueInMs, wait);
  };

  const leavesOut = (incident.leftOut ?? 0) > 0;
  if (next.opened !== true)
    tell(
      { kind: 'open' },
      {
        opened: true,
        priority: incident.priority,
        recurrences: 0,
        recurrencesAt: incident.openedAt,
        ...(leavesOut ? { leftOut: true } : {}),
      },
    );
  if (leavesOut && next.leftOut !== true) tell({ kind: 'left_out' }, { leftOut: true });
  if (isHigher(incident.priority, next.priority))
    tell({ kind: 'raise', priority: incident.priority }, { priority: incident.priority });
  if (options.hasNotifier && next.messaged !== true && answers.ticket !== null)
    tell({ kind: 'message', ticketUrl }, { messaged: true });
  const times = incident.recurrences - (next.recurrences ?? 0);
  if (times > 0) {
    const dueAt = Date.parse(next.recurrencesAt ?? incident.openedAt) + rollUpMs;
    if (incident.state === 'resolved' || dueAt <= Date.parse(now))
      tell(
        { kind: 'recurred', times, ordinal: `${incident.episode}.${incident.recurrences}` },
        { recurrences: incident.recurrences, recurrencesAt: now },
      );
    else due(dueAt);
  }
  if (incident.state === 'open' && next.resolved === true)
    tell({ kind: 'reopen' }, { resolved: false, closed: false });
  if (incident.state === 'resolved') {
    if (next.resolved !== true) tell({ kind: 'resolve' }, { resolved: true });
    if (next.closed !== true && answers.message !== null)
      tell({ kind: 'close', thread: answers.message, ticketUrl }, { closed: true });
  } else if (incident.heldUntil !== null) due(Date.parse(incident.heldUntil));
  return { tellings, told: next, dueInMs };
}

function isHigher(priority: Priority, told: Priority | undefined): boolean {
  return told !== undefined && priorities.indexOf(priority) > priorities.indexOf(told);
}
