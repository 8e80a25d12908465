import { nearest } from '../../config/closest.js';
import {
  createIncidentStore,
  type DecisionRow,
  type IncidentRow,
  type IncidentStore,
} from '../../control/incidents.js';
import type { Acknowledgement } from '../../domain/triage.js';
import { BatonError } from '../../protocol/errors.js';
import { incidentWorkflowId } from '../../protocol/names.js';
import { person } from '../ask.js';
import type { Handler } from '../context.js';
import { list, one } from '../render/result.js';
import { formatAge, type Style } from '../render/style.js';
import { choice } from './choice.js';
import { temporalLink } from './links.js';

const states = ['open', 'resolved'] as const;
const decisionsShown = 100;

/** Incidents, newest first. */
export const listIncidents: Handler = async (cli, _, options) => {
  const { limit } = cli.settings;
  const state = choice(options, 'state', states);
  const found = await createIncidentStore(await cli.control()).list({
    ...(state === undefined ? {} : { state }),
    limit: limit + 1,
  });
  const now = new Date();
  return {
    result: list<IncidentRow>({
      items: found.slice(0, limit),
      data: incidentData,
      empty: 'No incidents.',
      next: found.length > limit ? `--limit ${limit * 2}` : null,
      columns: [
        { title: 'Incident', value: ({ id }) => id },
        { title: 'State', value: stateOf },
        { title: 'Priority', value: ({ incident }) => incident.priority },
        { title: 'Severity', value: ({ incident }) => incident.severity },
        { title: 'Title', value: ({ incident }) => incident.title },
        { title: 'Services', value: ({ incident }) => incident.services.join(', ') },
        { title: 'Taken up', value: ({ incident }) => incident.acknowledged?.by ?? '' },
        { title: 'Alerts', value: ({ incident }) => String(incident.symptoms.length) },
        { title: 'Again', value: ({ incident }) => String(incident.recurrences) },
        {
          title: 'Since',
          value: ({ incident }) => incident.openedAt,
          show: ({ incident }) => formatAge(new Date(incident.openedAt), now),
        },
      ],
    }),
  };
};

/** One incident: its alerts, what was told of it, and why it is as it is. */
export const showIncident: Handler = async (cli, [reference = '']) => {
  const store = createIncidentStore(await cli.control());
  const found = await known(store, reference);
  const decisions = await store.decisions(found.id, decisionsShown);
  const link = temporalLink(await cli.config(), incidentWorkflowId(found.id));
  const data = {
    ...incidentData(found),
    alerts: found.incident.symptoms,
    told: found.told,
    decisions: decisions.map(decisionData),
    links: { temporal: link },
  };
  return { result: one(data, (style) => describe(found, decisions, link, style)) };
};

/** Somebody takes an incident up: the ticket and whoever was told of it hear so, and nobody else is told. */
export const acknowledgeIncident: Handler = async (cli, [reference = ''], options) => {
  const store = createIncidentStore(await cli.control());
  const before = await known(store, reference);
  const note = typeof options['note'] === 'string' && options['note'] !== '' ? options['note'] : null;
  const row = await store.acknowledge(before.id, person(), note?.slice(0, 1_000) ?? null);
  if (row === null)
    throw new BatonError('ERR_INCIDENT_OVER', {
      detail: `${before.id} (${before.incident.title}) has ended at ${before.incident.resolvedAt}.`,
    });
  const { by = '', at = '' } = row.incident.acknowledged ?? {};
  return {
    result: one(incidentData(row), (style) =>
      [
        `${style.green('✓')} ${style.bold(row.id)}  ${row.incident.title}: taken up by ${by} at ${at}`,
        `  ${style.dim(`next: baton incidents show ${row.id}`)}`,
        '',
      ].join('\n'),
    ),
  };
};

async function known(store: IncidentStore, reference: string): Promise<IncidentRow> {
  const found = await store.find(reference);
  if (found !== null) return found;
  const some = (await store.list({ limit: 100 })).map(({ id }) => id);
  throw new BatonError('ERR_UNKNOWN_NAME', {
    detail: `No incident "${reference}".${nearest(reference, some, '')}`,
    fix: 'See all: baton incidents list',
  });
}

function stateOf({ incident }: IncidentRow): string {
  return incident.state === 'open' && incident.heldUntil !== null
    ? `open, held until ${incident.heldUntil}`
    : incident.state;
}

function incidentData({ id, tenant, cause, connection, incident }: IncidentRow) {
  const { episode, state, severity, priority, title, services, recurrences, rounds, heldUntil } = incident;
  const { openedAt, lastAlertAt, resolvedAt } = incident;
  return {
    id,
    tenant,
    cause,
    episode,
    connection,
    state,
    severity,
    priority,
    title,
    services,
    alertCount: incident.symptoms.length,
    leftOut: incident.leftOut ?? 0,
    recurrences,
    reopened: rounds,
    heldUntil,
    openedAt,
    lastAlertAt,
    resolvedAt,
    acknowledged: incident.acknowledged ?? null,
  };
}

function decisionData({ kind, why, event_id, fingerprint, title, decided_at }: DecisionRow) {
  return { kind, why, eventId: event_id, fingerprint, title, decidedAt: decided_at.toISOString() };
}

function describe(row: IncidentRow, decisions: readonly DecisionRow[], link: string, style: Style): string {
  const { incident } = row;
  const services = incident.services.length === 1 ? '1 service' : `${incident.services.length} services`;
  const lines = [
    ['state', `${stateOf(row)}, priority ${incident.priority} (${incident.severity}, ${services})`],
    ['cause', `${row.cause}, number ${row.episode}`],
    ['since', `${incident.openedAt}${incident.resolvedAt === null ? '' : `, until ${incident.resolvedAt}`}`],
    ...(incident.acknowledged === undefined ? [] : [['taken', takenWords(incident.acknowledged)]]),
    ['told', toldWords(row)],
    ['story', link],
  ].map(([name = '', value]) => `  ${style.dim(name.padEnd(7))} ${value}`);
  const alerts = incident.symptoms.map(
    ({ status, title, service, at }) =>
      `  ${status === 'firing' ? style.red('▲') : style.green('✓')} ${title}${service === null ? '' : `  ${service}`}  ${style.dim(`${status} since ${at}`)}`,
  );
  if (incident.leftOut !== undefined)
    alerts.push(`  ${style.dim('…')} up to ${incident.leftOut} more that its sender left out`);
  const reasons = decisions.map(
    ({ decided_at, kind, title, why }) =>
      `  ${style.dim(decided_at.toISOString())}  ${kind.padEnd(9)} ${title}: ${why}`,
  );
  return `${[`${style.bold(row.id)}  ${incident.title}`, ...lines, '', 'Alerts', ...alerts, '', 'Why', ...reasons].join('\n')}\n`;
}

function takenWords({ by, at, note }: Acknowledgement): string {
  return `by ${by} at ${at}${note === null ? '' : `: ${note}`}`;
}

function toldWords({ id, told }: IncidentRow): string {
  const messages = told.messages?.length ?? (told.messaged === true ? 1 : 0);
  const words = [
    told.opened === true ? 'ticket' : '',
    messages === 0 ? '' : messages === 1 ? 'message' : `${messages} messages`,
    told.acknowledged === true ? 'who has taken it up' : '',
    (told.recurrences ?? 0) > 0 ? `${told.recurrences} recurrences` : '',
    told.resolved === true ? 'its end' : '',
  ].filter((word) => word !== '');
  return words.length === 0 ? 'nothing yet' : `${words.join(', ')}; see baton effects list (incident:${id})`;
}
