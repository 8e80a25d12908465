import type { Bell } from '../control/bells.js';
import type { EffectRow } from '../control/effects.js';
import type { IncidentRow } from '../control/incidents.js';
import { effectKey, type Intent, insertIntent, referenceWord } from '../control/intents.js';
import type { Transaction } from '../database/postgres.js';
import { type Answers, planIncident as plan, type Telling } from '../domain/incident-plan.js';
import { quietUntil } from '../domain/quiet-hours.js';
import { type Priority, priorities, settle } from '../domain/triage.js';
import type { PlanIncidentResult } from '../protocol/activities.js';
import { BatonError } from '../protocol/errors.js';
import { incidentMessage, incidentStory, incidentTicket, incidentUpdate } from './incident-text.js';
import type { ActivityDeps, AlertTarget } from './ports.js';

type PlanDeps = Pick<ActivityDeps, 'incidents' | 'triage' | 'connections' | 'orchestrator'>;

/**
 * Stores what is to be told of an incident now as intents, in the transaction that notes that it was. The drainers
 * send them, and ring the incident's workflow when one has come to its end. Repeating it adds nothing.
 */
export async function planIncident(deps: PlanDeps, bell: Bell, id: string): Promise<PlanIncidentResult> {
  const desk = deskOf(deps);
  const { levels } = deps.triage;
  const now = new Date();
  const done = await deps.incidents.withIncident(id, async (row, trx) => {
    const incident = settle(row.incident, now.toISOString());
    const { answers, places } = await answersOf(
      trx,
      row,
      Math.max(levels.length, row.told.messages?.length ?? 0),
    );
    const { tellings, told, dueInMs } = plan(incident, row.told, answers, {
      rollUpMs: deps.triage.settings.rollUpMs,
      levelsMs: levels.map(({ afterMs }) => afterMs),
      quietUntil: quietFor(deps.triage, incident.priority, now),
      now: now.toISOString(),
    });
    const work = { ...row, incident };
    const placeOf = ({ kind, level }: LevelTelling) =>
      (kind === 'message' ? levels[level]?.target : places[level]) ?? nowhere;
    for (const telling of tellings)
      await insertIntent(trx, intentOf(deps, work, telling, { desk, bell, placeOf }));
    const tellsWhom = tellings.map((telling) =>
      'level' in telling ? placeOf(telling).connection : desk.connection,
    );
    const answer = { story: incidentStory(incident), dueInMs, tenant: row.tenant, tellsWhom };
    return { incident, told, answer };
  });
  if (done === null) return { story: 'There is no such incident any more.', dueInMs: null };
  for (const connection of new Set(done.tellsWhom))
    await deps.orchestrator.wakeDrain(connection, done.tenant);
  return { story: done.story, dueInMs: done.dueInMs };
}

type LevelTelling = Extract<Telling, { readonly level: number }>;

const nowhere: AlertTarget = { connection: '', channel: '' };

/** Where what is told goes, and who is told what came of it. */
interface Ways {
  readonly desk: Desk;
  readonly bell: Bell;
  /** A message to its level; what answers one to where that one went, whatever the level is now. */
  readonly placeOf: (telling: LevelTelling) => AlertTarget;
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

function quietFor({ quietHours }: ActivityDeps['triage'], priority: Priority, now: Date): string | null {
  if (quietHours === undefined || priorities.indexOf(priority) >= priorities.indexOf(quietHours.below))
    return null;
  return quietUntil(now, quietHours)?.toISOString() ?? null;
}

/** What became of the ticket and of the messages, and where these went. */
async function answersOf(
  trx: Transaction,
  row: IncidentRow,
  levels: number,
): Promise<{ readonly answers: Answers; readonly places: readonly (AlertTarget | undefined)[] }> {
  const open = keyOf(row, 'open');
  const messages = Array.from({ length: levels }, (_, level) => keyOf(row, atLevel('message', level)));
  const keys = [open, ...messages];
  const { rows } = (await trx.raw(
    `SELECT key, state, remote_id, remote_url, connection, body->>'channel' AS channel
     FROM control.effects WHERE key = ANY (?)`,
    [keys] as never[],
  )) as { rows: (Pick<EffectRow, 'key' | 'state' | 'remote_id' | 'remote_url'> & AlertTarget)[] };
  const ticket = rows.find(({ key }) => key === open);
  const answered = ticket?.state === 'confirmed' && ticket.remote_id !== null;
  const sent = messages.map((message) => rows.find(({ key }) => key === message));
  const answers: Answers = {
    ticket:
      ticket?.state === 'dead'
        ? 'dead'
        : answered
          ? { id: ticket.remote_id ?? '', url: ticket.remote_url }
          : null,
    messages: sent.map((one) => (one?.state === 'confirmed' ? one.remote_id : null)),
  };
  return { answers, places: sent };
}

/** What the ledger calls it: the first level's name has no number, as when it was the only one. */
function atLevel(action: string, level: number): string {
  return level === 0 ? action : `${action}:${level}`;
}

function keyOf(row: IncidentRow, action: string): string {
  return effectKey({ tenant: row.tenant, cause: causeOf(row), action, ordinal: String(row.episode) });
}

/** As the ledger knows it: an incident's cause may hold whatever labels hold. */
function causeOf({ id }: IncidentRow): string {
  return `incident:${id}`;
}

function intentOf(deps: PlanDeps, row: IncidentRow, telling: Telling, { desk, bell, placeOf }: Ways): Intent {
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
    case 'taken_up':
    case 'resolve':
    case 'reopen': {
      const { priority, rounds } = row.incident;
      const round = `${row.episode}.${rounds}`;
      const ordinal = {
        raise: `${row.episode}.${priority}`,
        recurred: telling.kind === 'recurred' ? telling.ordinal : '',
        left_out: common.ordinal,
        taken_up: common.ordinal,
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
    case 'acknowledge':
    case 'close': {
      const { connection, channel } = placeOf(telling);
      const { notifier } = deps.connections.open(connection);
      return {
        ...common,
        action: atLevel(telling.kind, telling.level),
        ordinal: telling.kind === 'close' ? `${row.episode}.${row.incident.rounds}` : common.ordinal,
        connection,
        kind: 'message.send',
        guarantee: notifier?.send.guarantee ?? 'at_least_once',
        body: incidentMessage(row, telling, channel),
      };
    }
  }
}
