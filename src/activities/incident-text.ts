import type { Message, TicketBody, TicketUpdate } from '../connectors/port.js';
import type { IncidentRow } from '../control/incidents.js';
import type { Telling } from '../domain/incident-plan.js';
import type { Incident, Symptom } from '../domain/triage.js';

/** Things named one by one; the others are counted. */
const shown = 20;

/** The ticket of an incident, pre-filled with what is known when it is opened. */
export function incidentTicket({ id, incident }: IncidentRow, reference: string): TicketBody {
  return {
    kind: 'ticket',
    subject: `[${incident.severity}] ${incident.title}`.slice(0, 150),
    description: [
      `${incident.symptoms.length === 1 ? 'An alert fires' : `${incident.symptoms.length} alerts fire`} since ${incident.openedAt}.`,
      '',
      ...symptomLines(incident.symptoms),
      ...leftOutLines(incident),
      '',
      `Severity: ${incident.severity}`,
      `Services: ${incident.services.join(', ') || 'not said'}`,
      `Cause by which alerts are put together: ${incident.cause}`,
      `Why it is as it is: baton incidents show ${id}`,
      reference,
    ].join('\n'),
    priority: incident.priority,
    tags: ['baton', 'incident', `severity-${incident.severity}`],
  };
}

/** What is told of an incident after its ticket was opened. */
export function incidentUpdate(
  { incident }: IncidentRow,
  telling: Extract<Telling, { kind: 'raise' | 'recurred' | 'left_out' | 'taken_up' | 'resolve' | 'reopen' }>,
): TicketUpdate {
  const update = (comment: string, more: Partial<TicketUpdate> = {}): TicketUpdate => ({
    kind: 'ticket_update',
    remoteId: '',
    comment,
    status: null,
    ...more,
  });
  switch (telling.kind) {
    case 'raise':
      return update(
        [
          `The priority rises to ${telling.priority}: ${incident.severity}, ${incident.services.length} services (${incident.services.join(', ')}).`,
          '',
          ...symptomLines(incident.symptoms),
        ].join('\n'),
        { priority: telling.priority },
      );
    case 'recurred':
      return update(
        `It fired again ${telling.times === 1 ? 'once' : `${telling.times} times`}, last at ${incident.lastAlertAt}.`,
      );
    case 'left_out':
      return update(leftOutLines(incident).join('\n'));
    case 'taken_up':
      return update(takenUpWords(incident));
    case 'reopen':
      return update(`It fires again, since ${incident.lastAlertAt}.`, { status: 'open' });
    case 'resolve':
      return update([endWords(incident), ...leftOutLines(incident)].join('\n'), { status: 'solved' });
  }
}

/** What whoever is on call is told: with the ticket's link, and in one thread. */
export function incidentMessage(
  { id, incident }: IncidentRow,
  telling: Extract<Telling, { kind: 'message' | 'acknowledge' | 'close' }>,
  channel: string,
): Message {
  const severity = { critical: 'critical', error: 'critical', warning: 'warning', info: 'info' } as const;
  if (telling.kind === 'close')
    return {
      kind: 'message',
      channel,
      title: `Ended: ${incident.title}`.slice(0, 150),
      text: [endWords(incident), ...leftOutLines(incident)].join('\n'),
      severity: 'info',
      // Not every notifier has threads: there the card itself has to say which incident it is of.
      fields: [{ name: 'Incident', value: id }],
      links: telling.ticketUrl === null ? [] : [{ label: 'Ticket', url: telling.ticketUrl }],
      thread: telling.thread,
    };
  if (telling.kind === 'acknowledge')
    return {
      kind: 'message',
      channel,
      title: `Taken up: ${incident.title}`.slice(0, 150),
      text: takenUpWords(incident),
      severity: 'info',
      fields: [{ name: 'Incident', value: id }],
      links: [],
      thread: telling.thread,
      acknowledges: true,
    };
  const first = incident.symptoms.find(({ url }) => url !== null)?.url ?? null;
  return {
    kind: 'message',
    channel,
    title: incident.title.slice(0, 150),
    text:
      telling.ticketUrl === null
        ? 'The desk refused its ticket: see `baton effects list --state dead`.'
        : `Priority ${incident.priority}; fires since ${incident.openedAt}.${telling.level === 0 ? '' : ' Nobody has taken it up.'}`,
    severity: severity[incident.severity],
    fields: [
      { name: 'Severity', value: incident.severity },
      { name: 'Services', value: incident.services.join(', ') || 'not said' },
      { name: 'Alerts', value: alertCount(incident) },
      { name: 'Incident', value: id },
    ],
    links: [
      ...(telling.ticketUrl === null ? [] : [{ label: 'Ticket', url: telling.ticketUrl }]),
      ...(first === null ? [] : [{ label: 'Alert', url: first }]),
    ],
  };
}

function takenUpWords({ acknowledged }: Incident): string {
  const { by = '', at = '', note = null } = acknowledged ?? {};
  return `${by} has taken it up at ${at}${note === null ? '.' : `: ${note}`}`;
}

function endWords({ symptoms, resolvedAt }: Incident): string {
  return `All ${symptoms.length} alerts have ended, the last at ${resolvedAt}.`;
}

function alertCount({ symptoms, leftOut }: Incident): string {
  return leftOut === undefined ? String(symptoms.length) : `${symptoms.length} and up to ${leftOut} not told`;
}

/** Alerts that the sender cuts off are told by nobody, and may fire on when all others have ended. */
function leftOutLines({ leftOut }: Incident): string[] {
  return leftOut === undefined
    ? []
    : [
        `Up to ${leftOut} more alerts did not fit into a notification of the sender: look there what they are.`,
      ];
}

/** One line for Temporal's Web UI. */
export function incidentStory({
  episode,
  state,
  severity,
  priority,
  symptoms,
  recurrences,
  acknowledged,
}: Incident): string {
  const firing = symptoms.filter(({ status }) => status === 'firing').length;
  return `${state}, ${severity}, priority ${priority}; ${firing} of ${symptoms.length} alerts fire, ${recurrences} recurrences; episode ${episode}${acknowledged === undefined ? '' : `; taken up by ${acknowledged.by}`}.`;
}

function symptomLines(symptoms: readonly Symptom[]): string[] {
  const lines = symptoms
    .slice(0, shown)
    .map(
      ({ title, service, startsAt, url }) =>
        `- ${title}${service === null ? '' : ` (${service})`}, since ${startsAt}${url === null ? '' : `: ${url}`}`,
    );
  return symptoms.length > shown ? [...lines, `- and ${symptoms.length - shown} more`] : lines;
}
