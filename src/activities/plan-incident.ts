import type { Bell } from '../control/bells.js';
import type { IncidentRow } from '../control/incidents.js';
import { effectKey, type Intent, insertIntent, referenceWord } from '../control/intents.js';
import type { Transaction } from '../database/postgres.js';
import { query } from '../database/postgres.js';
import { type Answers, planIncident as plan, type Telling } from '../domain/incident-plan.js';
import { settle } from '../domain/triage.js';
import type { PlanIncidentResult } from '../protocol/activities.js';
import { BatonError } from '../protocol/errors.js';
import { incidentMessage, incidentStory, incidentTicket, incidentUpdate } from './incident-text.js';
import type { ActivityDeps } from './ports.js';

type PlanDeps = Pick<ActivityDeps, 'incidents' | 'triage' | 'connections' | 'orchestrator'>;

/**
 * Stores what is to be told of an incident now as intents, in the transaction that notes that it was. The drainers
 * send them, and ring the incident's workflow when one has come to its end. Repeating it adds nothing.
 */
export async function planIncident(deps: PlanDeps, bell: Bell, id: string): Promise<PlanIncidentResult> {
  const desk = deskOf(deps);
  const { notify } = deps.triage;
  const now = new Date().toISOString();
  const done = await deps.incidents.withIncident(id, async (row, trx) => {
    const incident = settle(row.incident, now);
    const answers = await answersOf(trx, row);
    const { tellings, told, dueInMs } = plan(incident, row.told, answers, {
      rollUpMs: deps.triage.settings.rollUpMs,
      hasNotifier: notify !== undefined,
      now,
    });
    const work = { ...row, incident };
    for (const telling of tellings) await insertIntent(trx, intentOf(deps, work, telling, desk, bell));
    const tellsWhom = tellings.map(({ kind }) =>
      kind === 'message' || kind === 'close' ? (notify?.connection ?? '') : desk.connection,
    );
    const answer = { story: incidentStory(incident), dueInMs, tenant: row.tenant, tellsWhom };
    return { incident, told, answer };
  });
  if (done === null) return { story: 'There is no such incident any more.', dueInMs: null };
  for (const connection of new Set(done.tellsWhom))
    await deps.orchestrator.wakeDrain(connection, done.tenant);
  return { story: done.story, dueInMs: done.dueInMs };
}

interface Desk {
  readonly connection: string;
  readonly open: string;
  readonly update: string;
}

function deskOf({ triage, connections }: PlanDeps): Desk {
  const connection = triage.desk;
  const desk = connection === undefined ? undefined : connections.open(connection).ticketDesk;
  if (connection === undefined || desk === undefined)
    throw new BatonError('ERR_CONFIG_INVALID', {
      detail: `triage.desk is ${connection ?? 'not set'}: it must name a connection that has a ticket desk.`,
      where: 'triage.desk',
      retryable: true,
    });
  return { connection, open: desk.open.guarantee, update: desk.update.guarantee };
}

/** What became of the ticket and of the first message. */
async function answersOf(trx: Transaction, row: IncidentRow): Promise<Answers> {
  const { rows } = await query<{
    kind: string;
    state: string;
    remote_id: string | null;
    remote_url: string | null;
  }>(trx, `SELECT kind, state, remote_id, remote_url FROM control.effects WHERE key IN (:open, :message)`, {
    open: keyOf(row, 'open'),
    message: keyOf(row, 'message'),
  });
  const ticket = rows.find(({ kind }) => kind === 'ticket.open');
  const message = rows.find(({ kind }) => kind === 'message.send');
  const answered = ticket?.state === 'confirmed' && ticket.remote_id !== null;
  return {
    ticket:
      ticket?.state === 'dead'
        ? 'dead'
        : answered
          ? { id: ticket.remote_id ?? '', url: ticket.remote_url }
          : null,
    message: message?.state === 'confirmed' ? message.remote_id : null,
  };
}

function keyOf(row: IncidentRow, action: string): string {
  return effectKey({ tenant: row.tenant, cause: causeOf(row), action, ordinal: String(row.episode) });
}

/** As the ledger knows it: an incident's cause may hold whatever labels hold. */
function causeOf({ id }: IncidentRow): string {
  return `incident:${id}`;
}

function intentOf(deps: PlanDeps, row: IncidentRow, telling: Telling, desk: Desk, bell: Bell): Intent {
  const common = {
    tenant: row.tenant,
    cause: causeOf(row),
    episode: row.episode,
    ordinal: String(row.episode),
    runId: bell.workflowId,
    parked: true,
    tell: bell,
  };
  switch (telling.kind) {
    case 'open': {
      const body = incidentTicket(row, `${referenceWord}${keyOf(row, 'open')}`);
      return {
        ...common,
        action: 'open',
        connection: desk.connection,
        kind: 'ticket.open',
        guarantee: desk.open,
        body,
        ticket: { rule: 'incident', subject: body.subject },
      };
    }
    case 'raise':
    case 'recurred':
    case 'left_out':
    case 'resolve':
    case 'reopen': {
      const { priority, rounds } = row.incident;
      const round = `${row.episode}.${rounds}`;
      const ordinal = {
        raise: `${row.episode}.${priority}`,
        recurred: telling.kind === 'recurred' ? telling.ordinal : '',
        left_out: common.ordinal,
        resolve: round,
        reopen: round,
      }[telling.kind];
      return {
        ...common,
        action: telling.kind === 'recurred' ? 'comment' : telling.kind,
        ordinal,
        connection: desk.connection,
        kind: 'ticket.update',
        guarantee: desk.update,
        body: incidentUpdate(row, telling),
      };
    }
    case 'message':
    case 'close': {
      const { connection = '', channel = '' } = deps.triage.notify ?? {};
      const { notifier } = deps.connections.open(connection);
      return {
        ...common,
        action: telling.kind,
        ordinal: telling.kind === 'close' ? `${row.episode}.${row.incident.rounds}` : common.ordinal,
        connection,
        kind: 'message.send',
        guarantee: notifier?.send.guarantee ?? 'at_least_once',
        body: incidentMessage(row, telling, channel),
      };
    }
  }
}
