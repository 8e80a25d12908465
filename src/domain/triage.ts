import { type Alert, type Severity, severities } from './alert.js';
import { fits } from './event.js';

export const priorities = ['low', 'normal', 'high', 'urgent'] as const;
export type Priority = (typeof priorities)[number];

/** How alerts become incidents: `triage` of baton.yaml. Times in milliseconds. */
export interface TriageSettings {
  /** Alerts with these labels are nobody's business; patterns with `*`. */
  readonly ignore: readonly { readonly name: string; readonly labels: Readonly<Record<string, string>> }[];
  /** Alerts that agree in these labels have one cause; `name` stands for the alert's own name. */
  readonly groupBy: readonly string[];
  /** An incident of which nothing was heard for so long is over: what fires then is another one. */
  readonly windowMs: number;
  readonly priority: Readonly<Record<Severity, Priority>>;
  /** From so many affected services on the priority is one step higher. */
  readonly wideFrom: number;
  readonly flapping: { readonly changes: number; readonly withinMs: number; readonly quietMs: number };
  /** Recurrences are told in one comment for so long. */
  readonly rollUpMs: number;
}

/** One thing that an incident is about. */
export interface Symptom {
  readonly fingerprint: string;
  readonly status: Alert['status'];
  readonly severity: Severity;
  readonly service: string | null;
  readonly title: string;
  readonly url: string | null;
  readonly startsAt: string;
  readonly at: string;
}

/** An incident as it is stored; `episode` counts those of one cause. */
export interface Incident {
  readonly cause: string;
  readonly episode: number;
  readonly state: 'open' | 'resolved';
  readonly title: string;
  readonly severity: Severity;
  readonly priority: Priority;
  readonly services: readonly string[];
  readonly symptoms: readonly Symptom[];
  /** Until when what is not among them is known to have ended, by fingerprint: it may be told of late. */
  readonly ended: Readonly<Record<string, string>>;
  /** How often it had ended and went on. */
  readonly rounds: number;
  /** How often something fired again. */
  readonly recurrences: number;
  /** The most alerts that a notification of it could not hold: what they are is known at its sender alone. None when not given. */
  readonly leftOut?: number;
  /** When something changed between firing and resolved, newest last: as many as flapping is told by. */
  readonly changes: readonly string[];
  /** It flaps: nothing is told of its end before this time. */
  readonly heldUntil: string | null;
  readonly openedAt: string;
  readonly lastAlertAt: string;
  readonly resolvedAt: string | null;
  /** Who has taken it up: from then on nobody else is told of it. */
  readonly acknowledged?: Acknowledgement;
}

export interface Acknowledgement {
  readonly by: string;
  readonly at: string;
  readonly note: string | null;
}

export interface Decision {
  readonly kind: 'ignored' | 'opened' | 'joined' | 'repeated' | 'recurred' | 'resolved' | 'stale';
  /** One sentence for a person. */
  readonly why: string;
  /** The rule that ignores it. */
  readonly rule?: string;
}

/** What alerts of one cause have in common, as text: the same alert gives the same text whatever else it says. */
export function causeOf(alert: Alert, { groupBy }: Pick<TriageSettings, 'groupBy'>): string {
  return groupBy
    .map((label) => `${label}=${label === 'name' ? alert.name : (alert.labels[label] ?? '')}`)
    .join(', ');
}

/** The rule that an alert is ignored by; null = it matters. */
export function ignoredBy(alert: Alert, settings: Pick<TriageSettings, 'ignore'>): string | null {
  const rule = settings.ignore.find(({ labels }) =>
    Object.entries(labels).every(([label, pattern]) =>
      fits(pattern, label === 'name' ? alert.name : (alert.labels[label] ?? '')),
    ),
  );
  return rule?.name ?? null;
}

/**
 * What one alert does to the latest incident of its cause. Goes by the alerts' own times, so that the order in which
 * they arrive, and how often, changes nothing of what is open in the end. `now` is when it is handled.
 */
export function triage(
  latest: Incident | null,
  alert: Alert,
  settings: TriageSettings,
  now: string,
): { readonly incident: Incident | null; readonly decision: Decision } {
  const known = latest?.symptoms.find(({ fingerprint }) => fingerprint === alert.fingerprint) ?? null;
  if (known !== null && isOlder(alert, known))
    return { incident: latest, decision: olderDecision(alert, known) };
  const endedAt = latest?.ended[alert.fingerprint];
  if (
    known === null &&
    endedAt !== undefined &&
    (alert.status === 'firing' ? alert.startsAt : alert.at) <= endedAt
  )
    return {
      incident: latest,
      decision: { kind: 'stale', why: `it is of ${alert.at}, and ended at ${endedAt}` },
    };
  if (alert.status === 'resolved') return resolve(latest, alert, known, settings, now);
  if (latest === null || isOver(latest, alert, settings)) {
    const incident = opened(latest, alert, settings);
    const why =
      latest === null
        ? `nothing of this cause (${latest === null ? causeOf(alert, settings) : ''}) was known`
        : latest.state === 'resolved'
          ? `the incident before it (number ${latest.episode}) had ended at ${latest.resolvedAt}`
          : `nothing was heard of the incident before it (number ${latest.episode}) since ${latest.lastAlertAt}`;
    return { incident, decision: { kind: 'opened', why } };
  }
  const next = withSymptom(goOn(latest), alert, settings);
  if (known === null)
    return {
      incident: next,
      decision: {
        kind: 'joined',
        why: `it has the cause of the open incident (${causeOf(alert, settings)})${raisedWords(latest, next)}`,
      },
    };
  if (known.status === 'firing' && alert.startsAt === known.startsAt)
    return {
      incident: next,
      decision: { kind: 'repeated', why: `it fires since ${known.startsAt} and was told before` },
    };
  const changed = known.status === 'resolved' ? flapped(next, alert.at, settings, now) : next;
  return {
    incident: { ...changed, recurrences: changed.recurrences + 1 },
    decision: {
      kind: 'recurred',
      why: `it fires again since ${alert.startsAt}${changed.heldUntil === null ? '' : `; the incident flaps, and is held until ${changed.heldUntil}`}`,
    },
  };
}

/** An incident whose hold has ended while nothing of it fires has ended too; else as it is. */
export function settle(incident: Incident, now: string): Incident {
  if (incident.state === 'resolved' || incident.heldUntil === null || incident.heldUntil > now)
    return incident;
  const quiet = { ...incident, heldUntil: null };
  return isQuiet(quiet) ? { ...quiet, state: 'resolved', resolvedAt: now } : quiet;
}

/** Whether an alert is of before what is known of its thing. */
function isOlder(alert: Alert, known: Symptom): boolean {
  if (alert.status === 'firing')
    return known.status === 'resolved' ? alert.startsAt <= known.at : alert.startsAt < known.startsAt;
  return known.status === 'resolved' ? alert.at <= known.at : alert.at < known.startsAt;
}

function olderDecision(alert: Alert, known: Symptom): Decision {
  if (alert.status === known.status && alert.at === known.at)
    return { kind: 'repeated', why: `it was told before: ${known.status} at ${known.at}` };
  return { kind: 'stale', why: `it is of ${alert.at}; known is that it was ${known.status} at ${known.at}` };
}

/** Whether what fires now is another incident. */
function isOver(latest: Incident, alert: Alert, { windowMs, flapping }: TriageSettings): boolean {
  const sinceMs = (time: string | null) => Date.parse(alert.at) - Date.parse(time ?? '');
  // What ended a moment ago goes on: it flaps, and would open a ticket each time.
  if (latest.state === 'resolved')
    return latest.symptoms.length === 0 || sinceMs(latest.resolvedAt) > flapping.withinMs;
  return sinceMs(latest.lastAlertAt) > windowMs;
}

/** An incident that had ended, when something of it fires again. */
function goOn(incident: Incident): Incident {
  if (incident.state === 'open') return incident;
  return { ...incident, state: 'open', resolvedAt: null, rounds: incident.rounds + 1 };
}

function opened(before: Incident | null, alert: Alert, settings: TriageSettings): Incident {
  const symptom = symptomOf(alert);
  const incident: Incident = {
    cause: causeOf(alert, settings),
    episode: (before?.episode ?? 0) + 1,
    state: 'open',
    title: alert.title,
    severity: alert.severity,
    priority: 'low',
    services: [],
    symptoms: [symptom],
    ended: before === null ? {} : endedOf(before),
    rounds: 0,
    recurrences: 0,
    changes: [],
    heldUntil: null,
    openedAt: alert.startsAt,
    lastAlertAt: alert.at,
    resolvedAt: null,
    ...leftOutOf({}, alert),
  };
  return graded(incident, settings);
}

function resolve(
  latest: Incident | null,
  alert: Alert,
  known: Symptom | null,
  settings: TriageSettings,
  now: string,
): { readonly incident: Incident | null; readonly decision: Decision } {
  if (latest === null || known === null) {
    // What it ends may still be on its way: it is remembered, so that it does not open anything then.
    const none = {
      ...opened(null, alert, settings),
      state: 'resolved' as const,
      resolvedAt: alert.at,
      symptoms: [],
    };
    const base = latest ?? none;
    const incident = { ...base, ended: { ...base.ended, [alert.fingerprint]: alert.at } };
    return { incident, decision: { kind: 'stale', why: 'it ended before it was known to have begun' } };
  }
  const changed = flapped(withSymptom(latest, alert, settings), alert.at, settings, now);
  if (latest.state === 'resolved' || !isQuiet(changed))
    return {
      incident: changed,
      decision: {
        kind: 'resolved',
        why: `it has ended; ${changed.symptoms.filter(isFiring).length} others of the incident still fire`,
      },
    };
  if (changed.heldUntil !== null)
    return {
      incident: changed,
      decision: {
        kind: 'resolved',
        why: `it has ended; the incident flaps, and is held until ${changed.heldUntil}`,
      },
    };
  return {
    incident: { ...changed, state: 'resolved', resolvedAt: alert.at },
    decision: { kind: 'resolved', why: 'it has ended, and with it the incident' },
  };
}

/** So many are remembered: what is told of later than that is taken for new. */
const mostEnded = 1_000;

/** What is known to have ended, for the incident that comes after this one. */
function endedOf({ ended, symptoms }: Incident): Record<string, string> {
  const all = { ...ended };
  for (const { fingerprint, status, at } of symptoms) if (status === 'resolved') all[fingerprint] = at;
  const newest = Object.entries(all).sort(([, a], [, b]) => (a < b ? 1 : -1));
  return Object.fromEntries(newest.slice(0, mostEnded));
}

/** Notes a change between firing and resolved; with enough of them in a while the incident is held. */
function flapped(incident: Incident, at: string, { flapping }: TriageSettings, now: string): Incident {
  const changes = [...incident.changes, at].sort().slice(-flapping.changes);
  const [first = at] = changes;
  const last = changes.at(-1) ?? at;
  const flaps =
    changes.length >= flapping.changes && Date.parse(last) - Date.parse(first) <= flapping.withinMs;
  const until = new Date(Date.parse(now) + flapping.quietMs).toISOString();
  return { ...incident, changes, heldUntil: flaps ? until : incident.heldUntil };
}

function withSymptom(incident: Incident, alert: Alert, settings: TriageSettings): Incident {
  const before = incident.symptoms.find((symptom) => !isOther(alert)(symptom));
  // What says that it has ended says less of what it was.
  const { status, at } = alert;
  const symptom =
    status === 'resolved' && before !== undefined ? { ...before, status, at } : symptomOf(alert);
  const symptoms = [...incident.symptoms.filter(isOther(alert)), symptom];
  const lastAlertAt = alert.at > incident.lastAlertAt ? alert.at : incident.lastAlertAt;
  return graded({ ...incident, ...leftOutOf(incident, alert), symptoms, lastAlertAt }, settings);
}

function leftOutOf({ leftOut = 0 }: Pick<Incident, 'leftOut'>, alert: Alert): Pick<Incident, 'leftOut'> {
  const most = Math.max(leftOut, alert.leftOut ?? 0);
  return most > 0 ? { leftOut: most } : {};
}

/** Severity, services and priority of all that fired in it: an incident is never lowered while it is open. */
function graded(incident: Incident, { priority, wideFrom }: TriageSettings): Incident {
  const worst =
    severities.find((one) => incident.symptoms.some(({ severity }) => severity === one)) ?? 'info';
  const services = [...new Set(incident.symptoms.flatMap(({ service }) => service ?? []))].sort();
  const step = services.length >= wideFrom ? 1 : 0;
  const at = Math.min(priorities.indexOf(priority[worst]) + step, priorities.length - 1);
  const raised = Math.max(at, priorities.indexOf(incident.priority));
  return { ...incident, severity: worst, services, priority: priorities[raised] ?? 'normal' };
}

function raisedWords(before: Incident, after: Incident): string {
  if (before.priority === after.priority) return '';
  return `; its priority rises to ${after.priority}: ${after.severity}, ${after.services.length} services`;
}

function symptomOf(alert: Alert): Symptom {
  const { fingerprint, status, severity, service, title, url, startsAt, at } = alert;
  return { fingerprint, status, severity, service, title, url, startsAt, at };
}

const isFiring = ({ status }: Symptom) => status === 'firing';
const isOther = (alert: Alert) => (symptom: Symptom) => symptom.fingerprint !== alert.fingerprint;
const isQuiet = ({ symptoms }: Incident) => !symptoms.some(isFiring);
