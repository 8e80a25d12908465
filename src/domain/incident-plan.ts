import { type Incident, type Priority, priorities } from './triage.js';

/** What was told of an incident outside: each entry is the key of an effect's ordinal, or what it said. */
export interface Told {
  readonly opened?: boolean;
  readonly priority?: Priority;
  readonly recurrences?: number;
  /** When recurrences were last told. */
  readonly recurrencesAt?: string;
  /** That alerts were left out. */
  readonly leftOut?: boolean;
  /** In the ticket, that somebody has taken it up. */
  readonly acknowledged?: boolean;
  readonly resolved?: boolean;
  /** Whoever was told of it, in the order in which they are told. */
  readonly messages?: readonly ToldMessage[];
  /** Of incidents from before there were several. */
  readonly messaged?: boolean;
  readonly closed?: boolean;
}

export interface ToldMessage {
  readonly at: string;
  readonly acknowledged?: boolean;
  readonly closed?: boolean;
}

/** What is known of what was told. */
export interface Answers {
  /** The ticket: null until its desk has confirmed it, `dead` when it refused it for good. */
  readonly ticket: { readonly id: string; readonly url: string | null } | 'dead' | null;
  /** The id of each message at its notifier, by level; null until it is confirmed. */
  readonly messages: readonly (string | null)[];
}

/** What is to be told now. Messages by the level of whom they are for, 0 being the first. */
export type Telling =
  | { readonly kind: 'open' }
  | { readonly kind: 'raise'; readonly priority: Priority }
  | { readonly kind: 'recurred'; readonly times: number; readonly ordinal: string }
  | { readonly kind: 'left_out' | 'taken_up' | 'resolve' | 'reopen' }
  | { readonly kind: 'message'; readonly level: number; readonly ticketUrl: string | null }
  | { readonly kind: 'acknowledge'; readonly level: number; readonly thread: string }
  | {
      readonly kind: 'close';
      readonly level: number;
      readonly thread: string;
      readonly ticketUrl: string | null;
    };

export interface IncidentPlan {
  readonly tellings: readonly Telling[];
  readonly told: Told;
  /** Until something is due by itself; null = nothing is. */
  readonly dueInMs: number | null;
}

export interface TellingOptions {
  readonly rollUpMs: number;
  /** After how long each level is told when nobody has taken the incident up; the first at once. */
  readonly levelsMs: readonly number[];
  /** When the quiet hours end in which nobody is told of an incident of this priority; null = there are none now. */
  readonly quietUntil: string | null;
  readonly now: string;
}

/**
 * What is to be told of an incident, given what was told and what came of it: the ticket first, then the messages with
 * its link, one level after the other; recurrences rolled up; the end last. Repeating it with the same arguments comes
 * to the same.
 */
export function planIncident(
  incident: Incident,
  told: Told,
  answers: Answers,
  options: TellingOptions,
): IncidentPlan {
  const now = Date.parse(options.now);
  const tellings: Telling[] = [];
  const ticketUrl = answers.ticket === null || answers.ticket === 'dead' ? null : answers.ticket.url;
  let next: Told = { ...told, messages: messagesOf(told, incident) };
  const tell = (telling: Telling, change: Told) => {
    tellings.push(telling);
    next = { ...next, ...change };
  };
  let dueInMs: number | null = null;
  const due = (at: number) => {
    const wait = Math.max(0, at - now);
    dueInMs = dueInMs === null ? wait : Math.min(dueInMs, wait);
  };
  const isOpen = incident.state === 'open';
  const isTakenUp = incident.acknowledged !== undefined;

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
  if (isTakenUp && next.acknowledged !== true) tell({ kind: 'taken_up' }, { acknowledged: true });

  const level = next.messages?.length ?? 0;
  const dueAt = levelDueAt(options.levelsMs, next.messages ?? [], now);
  const isWanted = !isTakenUp && (level === 0 ? answers.ticket !== null : isOpen);
  if (dueAt !== null && isWanted) {
    const quiet = options.quietUntil === null ? dueAt : Math.max(dueAt, Date.parse(options.quietUntil));
    if (quiet <= now)
      tell(
        { kind: 'message', level, ticketUrl },
        { messages: [...(next.messages ?? []), { at: options.now }] },
      );
    // What has ended before anybody was to be woken is told by its ticket alone.
    else if (isOpen) due(quiet);
  }
  const after = levelDueAt(options.levelsMs, next.messages ?? [], now);
  if (after !== null && (next.messages?.length ?? 0) > level && isOpen && !isTakenUp) due(after);

  const times = incident.recurrences - (next.recurrences ?? 0);
  if (times > 0) {
    const rolledUpAt = Date.parse(next.recurrencesAt ?? incident.openedAt) + options.rollUpMs;
    if (!isOpen || rolledUpAt <= now)
      tell(
        { kind: 'recurred', times, ordinal: `${incident.episode}.${incident.recurrences}` },
        { recurrences: incident.recurrences, recurrencesAt: options.now },
      );
    else due(rolledUpAt);
  }
  if (isOpen && next.resolved === true)
    tell({ kind: 'reopen' }, { resolved: false, messages: next.messages?.map(reopened) ?? [] });
  if (!isOpen && next.resolved !== true) tell({ kind: 'resolve' }, { resolved: true });
  for (const [at, message] of (next.messages ?? []).entries()) {
    const thread = answers.messages[at] ?? null;
    if (thread === null) continue;
    const change = (more: Partial<ToldMessage>): Told => ({
      messages: next.messages?.map((one, index) => (index === at ? { ...one, ...more } : one)) ?? [],
    });
    if (isOpen && isTakenUp && message.acknowledged !== true)
      tell({ kind: 'acknowledge', level: at, thread }, change({ acknowledged: true }));
    if (!isOpen && message.closed !== true)
      tell({ kind: 'close', level: at, thread, ticketUrl }, change({ closed: true }));
  }
  if (isOpen && incident.heldUntil !== null) due(Date.parse(incident.heldUntil));
  return { tellings, told: next, dueInMs };
}

/** When the next level is to be told; null when there is none. */
function levelDueAt(
  levelsMs: readonly number[],
  messages: readonly ToldMessage[],
  now: number,
): number | null {
  const afterMs = levelsMs[messages.length];
  const [first] = messages;
  if (afterMs === undefined) return null;
  return first === undefined ? now : Date.parse(first.at) + afterMs;
}

function messagesOf({ messages, messaged, closed }: Told, { openedAt }: Incident): readonly ToldMessage[] {
  if (messages !== undefined) return messages;
  return messaged === true ? [{ at: openedAt, closed: closed === true }] : [];
}

function reopened(message: ToldMessage): ToldMessage {
  return { ...message, closed: false };
}

function isHigher(priority: Priority, told: Priority | undefined): boolean {
  return told !== undefined && priorities.indexOf(priority) > priorities.indexOf(told);
}
