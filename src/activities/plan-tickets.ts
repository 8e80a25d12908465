import { createHash } from 'node:crypto';
import type { TicketUpdate } from '../connectors/port.js';
import { effectKey, type Intent } from '../control/intents.js';
import type { TicketsStep } from '../domain/plan.js';
import { BatonError } from '../protocol/errors.js';
import type { Discrepancy } from '../warehouse/port.js';
import type { ActivityDeps } from './ports.js';
import {
  changedComment,
  mendedComment,
  returnedComment,
  summaryFor,
  summaryMendedComment,
  supersededComment,
  ticketFor,
} from './ticket-text.js';

/** Discrepancies handled in one go. */
const chunk = 5_000;

/** What planning needs of a worker. */
export interface PlanningDeps extends Pick<ActivityDeps, 'warehouse' | 'runUrl'> {
  readonly effects: Pick<ActivityDeps['effects'], 'intend'>;
  readonly connections: Pick<ActivityDeps['connections'], 'open'>;
}

interface Work {
  readonly deps: PlanningDeps;
  readonly runId: string;
  readonly tenant: string;
  readonly step: TicketsStep;
  readonly guarantee: { readonly open: string; readonly update: string };
}

/**
 * Compares what the tickets should say with what was planned, and stores an intent for each difference. Driven
 * by state, not by the run, so that nothing is forgotten when a run dies here. Which ticket a discrepancy has is
 * decided once and kept in the warehouse before there is an intent; the note of what was planned comes after
 * the intents. A repeat thus comes to the same keys, whichever run it is.
 */
export async function planTickets(
  deps: PlanningDeps,
  input: { readonly runId: string; readonly tenant: string; readonly step: TicketsStep },
): Promise<number> {
  const { ticketDesk } = deps.connections.open(input.step.connection);
  if (ticketDesk === undefined)
    throw new BatonError('ERR_PLAN_INVALID', {
      detail: `Connection ${input.step.connection} has no ticket desk.`,
    });
  const guarantee = { open: ticketDesk.open.guarantee, update: ticketDesk.update.guarantee };
  const work: Work = { deps, ...input, guarantee };
  // What has a ticket first: one of an earlier episode must be closed before its discrepancy gets another.
  const before = await planAll(work);
  await deps.warehouse.assignTickets({
    tenant: input.tenant,
    source: input.step.source,
    summaryAfter: input.step.summaryAfter,
    reopenWithinMs: input.step.reopenWithinMs ?? 0,
    openAfter: input.step.openAfter ?? 1,
    summaryTag: createHash('sha256').update(input.runId).digest('hex').slice(0, 12),
  });
  return before + (await planAll(work));
}

async function planAll(work: Work): Promise<number> {
  let planned = 0;
  for (;;) {
    const items = await work.deps.warehouse.unplanned(work.tenant, work.step.source, chunk);
    if (items.length === 0) return planned;
    const fresh = items.filter((item) => item.planned_state === null);
    const wanted = items.map((item) => ({ ...item, planned: wantedState(item) }));
    const intents = [
      ...(await opens(work, fresh)),
      ...reopens(
        work,
        wanted.filter((item) => item.planned === 'open' && item.planned_state === 'resolved'),
      ),
      ...comments(
        work,
        wanted.filter((item) => item.planned === 'open' && item.planned_state === 'open'),
      ),
      ...(await resolves(
        work,
        wanted.filter((item) => item.planned === 'resolved'),
      )),
    ];
    planned += await work.deps.effects.intend(intents);
    await work.deps.warehouse.markPlanned(work.tenant, work.step.source, wanted);
  }
}

/** What the ticket should be: one of an earlier episode has had its day. */
function wantedState(item: Discrepancy): 'open' | 'resolved' {
  return item.ticket_episode === item.episode ? item.state : 'resolved';
}

function isSummary(item: Discrepancy): boolean {
  return item.ticket_cause.startsWith('summary:');
}

/** The summaries among the tickets of these items: one member of each, and all that are here. */
function summariesOf(items: readonly Discrepancy[]): [first: Discrepancy, members: Discrepancy[]][] {
  const summaries = new Map<string, [Discrepancy, Discrepancy[]]>();
  for (const item of items.filter(isSummary)) {
    const [, members] = summaries.get(item.ticket_cause) ?? [];
    if (members === undefined) summaries.set(item.ticket_cause, [item, [item]]);
    else members.push(item);
  }
  return [...summaries.values()];
}

function intent(
  work: Work,
  item: Discrepancy,
  more: Pick<Intent, 'action' | 'ordinal' | 'kind' | 'body'>,
): Intent {
  return {
    tenant: work.tenant,
    cause: item.ticket_cause,
    episode: isSummary(item) ? 1 : item.ticket_ordinal,
    connection: work.step.connection,
    guarantee: more.kind === 'ticket.open' ? work.guarantee.open : work.guarantee.update,
    runId: work.runId,
    ...more,
  };
}

/** A summary is opened by whichever of its members comes first; the others find it there. */
async function opens(work: Work, items: readonly Discrepancy[]): Promise<Intent[]> {
  const single = items
    .filter((item) => !isSummary(item))
    .map((item) => {
      const ordinal = String(item.ticket_ordinal);
      const body = ticketFor(item, work.deps.runUrl(item.opened_run), referenceOf(work, item, ordinal));
      return {
        ...intent(work, item, { action: 'open', ordinal, kind: 'ticket.open', body }),
        ticket: { rule: item.rule, subject: body.subject },
      };
    });
  const summaries = summariesOf(items).map(async ([first, members]) => {
    const { all } = await work.deps.warehouse.summarised(work.tenant, first.ticket_cause);
    const runUrl = work.deps.runUrl(first.opened_run);
    const body = summaryFor(first.rule, members, all, runUrl, referenceOf(work, first, '1'));
    return {
      ...intent(work, first, { action: 'open', ordinal: '1', kind: 'ticket.open', body }),
      ticket: { rule: first.rule, subject: body.subject },
    };
  });
  return [...single, ...(await Promise.all(summaries))];
}

/** The key of the ticket's opening: what a lost ledger is known by again. */
function referenceOf(work: Work, item: Discrepancy, ordinal: string): string {
  return effectKey({ tenant: work.tenant, cause: item.ticket_cause, action: 'open', ordinal });
}

/** `remoteId` is filled in when the update is first sent: the ticket may still be waiting for its desk. */
function update(comment: string, status: TicketUpdate['status']): TicketUpdate {
  return { kind: 'ticket_update', remoteId: '', comment, status };
}

/** Of a ticket that was reopened its rounds are told apart by the episode. */
function roundOf({ ticket_ordinal: ordinal, ticket_episode: episode }: Discrepancy): string {
  return ordinal === episode ? String(ordinal) : `${ordinal}.${episode}`;
}

function reopens(work: Work, items: readonly Discrepancy[]): Intent[] {
  return items
    .filter((item) => !isSummary(item))
    .map((item) =>
      intent(work, item, {
        action: 'reopen',
        ordinal: roundOf(item),
        kind: 'ticket.update',
        body: update(returnedComment(item), 'open'),
      }),
    );
}

function comments(work: Work, items: readonly Discrepancy[]): Intent[] {
  return items
    .filter((item) => !isSummary(item))
    .map((item) => {
      const hash = createHash('sha256').update(JSON.stringify(item.evidence)).digest('hex').slice(0, 12);
      return intent(work, item, {
        action: 'comment',
        ordinal: `${item.ticket_ordinal}.${hash}`,
        kind: 'ticket.update',
        // Who solved it by hand did so without knowing this.
        body: { ...update(changedComment(item), null), reopens: true },
      });
    });
}

async function resolves(work: Work, items: readonly Discrepancy[]): Promise<Intent[]> {
  const resolve = (item: Discrepancy, ordinal: string, comment: string) =>
    intent(work, item, {
      action: 'resolve',
      ordinal,
      kind: 'ticket.update',
      body: update(comment, 'solved'),
    });
  const intents = items
    .filter((item) => !isSummary(item))
    .map((item) => {
      const comment = item.ticket_episode === item.episode ? mendedComment(item) : supersededComment(item);
      return resolve(item, roundOf(item), comment);
    });
  for (const [first] of summariesOf(items)) {
    const { open } = await work.deps.warehouse.summarised(work.tenant, first.ticket_cause);
    if (open === 0) intents.push(resolve(first, '1', summaryMendedComment(first.rule)));
  }
  return intents;
}
