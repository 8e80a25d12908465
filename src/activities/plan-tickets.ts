import { createHash } from 'node:crypto';
import type { TicketUpdate } from '../connectors/port.js';
import type { Intent } from '../control/effects.js';
import type { TicketsStep } from '../domain/plan.js';
import { BatonError } from '../protocol/errors.js';
import type { Discrepancy } from '../warehouse/port.js';
import type { ActivityDeps } from './ports.js';
import { changedComment, mendedComment, summaryFor, summaryMendedComment, ticketFor } from './ticket-text.js';

/** Discrepancies handled in one go. */
const chunk = 5_000;

type Planned = Discrepancy & { readonly cause: string };

interface Work {
  readonly deps: ActivityDeps;
  readonly runId: string;
  readonly tenant: string;
  readonly step: TicketsStep;
  readonly guarantee: { readonly open: string; readonly update: string };
}

/**
 * Compares what the tickets should say with what was planned, and stores an intent for each difference. Driven
 * by state, not by the run, so that nothing is forgotten when a run dies here: intents first, then the note in
 * the warehouse; a repeat finds the intents by their keys.
 */
export async function planTickets(
  deps: ActivityDeps,
  input: { readonly runId: string; readonly tenant: string; readonly step: TicketsStep },
): Promise<number> {
  const { ticketDesk } = deps.connections.open(input.step.connection);
  if (ticketDesk === undefined)
    throw new BatonError('ERR_PLAN_INVALID', {
      detail: `Connection ${input.step.connection} has no ticket desk.`,
    });
  const guarantee = { open: ticketDesk.open.guarantee, update: ticketDesk.update.guarantee };
  const work: Work = { deps, ...input, guarantee };
  let planned = 0;
  for (;;) {
    const items = await deps.warehouse.unplanned(input.tenant, input.step.source, chunk);
    if (items.length === 0) return planned;
    planned += await planOpen(
      work,
      items.filter((item) => item.state === 'open' && item.planned_state !== 'open'),
    );
    planned += await planChanged(
      work,
      items.filter((item) => item.state === 'open' && item.planned_state === 'open'),
    );
    planned += await planResolved(
      work,
      items.filter((item) => item.state === 'resolved'),
    );
  }
}

async function planOpen(work: Work, items: readonly Discrepancy[]): Promise<number> {
  let planned = 0;
  for (const rule of new Set(items.map((item) => item.rule))) {
    const mine = items.filter((item) => item.rule === rule);
    const summary = mine.length > work.step.summaryAfter;
    const causes = mine.map((item) => ({
      ...item,
      cause: summary ? summaryCause(work, rule) : causeOf(item),
    }));
    planned += await work.deps.effects.intend(
      summary ? [openSummary(work, rule, causes)] : causes.map((item) => open(work, item)),
    );
    await work.deps.warehouse.markPlanned(causes);
  }
  return planned;
}

function causeOf(item: Discrepancy): string {
  return `po:${item.source}:${item.po_id}:${item.rule}`;
}

/** A run's summary of a rule: the run's id is part of the cause, since the next run's is another matter. */
function summaryCause(work: Work, rule: string): string {
  const run = createHash('sha256').update(work.runId).digest('hex').slice(0, 12);
  return `summary:${work.step.source}:${rule}:${run}`;
}

function intent(
  work: Work,
  item: Planned,
  more: Pick<Intent, 'action' | 'ordinal' | 'kind' | 'body'>,
): Intent {
  return {
    tenant: work.tenant,
    cause: item.cause,
    episode: item.cause.startsWith('summary:') ? 1 : item.episode,
    connection: work.step.connection,
    guarantee: more.kind === 'ticket.open' ? work.guarantee.open : work.guarantee.update,
    runId: work.runId,
    ...more,
  };
}

function open(work: Work, item: Planned): Intent {
  const body = ticketFor(item, work.deps.runUrl(item.opened_run));
  return {
    ...intent(work, item, { action: 'open', ordinal: String(item.episode), kind: 'ticket.open', body }),
    ticket: { rule: item.rule, subject: body.subject },
  };
}

function openSummary(work: Work, rule: string, items: readonly Planned[]): Intent {
  const [first] = items;
  if (first === undefined)
    throw new BatonError('ERR_INTERNAL', { detail: 'A summary of nothing was asked for.' });
  const body = summaryFor(rule, items, work.deps.runUrl(work.runId));
  return {
    ...intent(work, first, { action: 'open', ordinal: '1', kind: 'ticket.open', body }),
    ticket: { rule, subject: body.subject },
  };
}

/** `remoteId` is filled in when the update is first sent: the ticket may still be waiting for its desk. */
function update(comment: string, status: TicketUpdate['status']): TicketUpdate {
  return { kind: 'ticket_update', remoteId: '', comment, status };
}

async function planChanged(work: Work, items: readonly Discrepancy[]): Promise<number> {
  const known = items.map((item) => ({ ...item, cause: item.ticket_cause ?? causeOf(item) }));
  const single = known.filter((item) => !item.cause.startsWith('summary:'));
  const planned = await work.deps.effects.intend(
    single.map((item) => {
      const hash = createHash('sha256').update(JSON.stringify(item.evidence)).digest('hex').slice(0, 12);
      return intent(work, item, {
        action: 'comment',
        ordinal: `${item.episode}.${hash}`,
        kind: 'ticket.update',
        body: update(changedComment(item), null),
      });
    }),
  );
  await work.deps.warehouse.markPlanned(known);
  return planned;
}

async function planResolved(work: Work, items: readonly Discrepancy[]): Promise<number> {
  const known = items.map((item) => ({ ...item, cause: item.ticket_cause ?? causeOf(item) }));
  const intents = known
    .filter((item) => !item.cause.startsWith('summary:'))
    .map((item) =>
      intent(work, item, {
        action: 'resolve',
        ordinal: String(item.episode),
        kind: 'ticket.update',
        body: update(mendedComment(item), 'solved'),
      }),
    );
  for (const cause of new Set(known.map((item) => item.cause).filter((c) => c.startsWith('summary:')))) {
    const item = known.find((candidate) => candidate.cause === cause);
    if (item === undefined || (await work.deps.warehouse.openMembers(work.tenant, cause)) > 0) continue;
    intents.push(
      intent(work, item, {
        action: 'resolve',
        ordinal: '1',
        kind: 'ticket.update',
        body: update(summaryMendedComment(item.rule), 'solved'),
      }),
    );
  }
  const planned = await work.deps.effects.intend(intents);
  await work.deps.warehouse.markPlanned(known);
  return planned;
}
