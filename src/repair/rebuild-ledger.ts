import type { MarkedTicket, OpenConnection, TicketDesk, TicketUpdate } from '../connectors/port.js';
import { effectKey, effectMarker, readEffectKey, referenceWord } from '../control/intents.js';
import type { FoundTicket, LedgerRepair } from '../control/ledger-repair.js';
import { sha256Of } from '../lake/parts.js';
import type { Lake } from '../lake/port.js';
import { BatonError } from '../protocol/errors.js';
import type { PlannedTicket, WarehouseRepair } from '../warehouse/postgres/rebuild.js';
import { lakeBatches, manifestAt } from './lake-batches.js';

export interface LedgerDeps {
  readonly lake: Lake;
  readonly ledger: LedgerRepair;
  readonly repair: WarehouseRepair;
  /** The desks that pipelines open tickets at. */
  readonly desks: readonly OpenConnection[];
  readonly signal: AbortSignal;
}

export interface LedgerRebuilt {
  /** Batches put back from the lake. */
  readonly batches: number;
  /** Tickets of ours at the desks, and how many of them the ledger did not know. */
  readonly found: number;
  readonly restored: number;
  /** Tickets with a marker of ours that nothing explains: opened by a build that wrote no reference. */
  readonly unknown: readonly string[];
  /** Discrepancies whose plan for their ticket was set to what the desk has. */
  readonly replanned: number;
}

/**
 * The effect ledger of a lost control database, from our markers at the desks: each ticket's opening comes back
 * confirmed with its remote id, and so does its solving where the ticket carries our comment. A ticket says the key
 * of its opening, which is believed because the marker is its digest. Repeating it changes nothing.
 */
export async function rebuildLedger(deps: LedgerDeps): Promise<LedgerRebuilt> {
  const batches = await restoreBatches(deps);
  let found = 0;
  let restored = 0;
  const unknown: string[] = [];
  const known = await markersOfWarehouse(deps.repair);
  for (const connection of deps.desks)
    for (const ticket of (await ticketsByMarker(connection, deps.signal)).values()) {
      const key = keyOf(ticket, known);
      found += 1;
      if (key === null) unknown.push(`${connection.name}/${ticket.remoteId}`);
      else
        restored += await deps.ledger.restoreTickets([
          await foundTicket(connection, ticket, key, deps.signal),
        ]);
    }
  const replanned = await replan(deps);
  return { batches, found, restored, unknown, replanned };
}

async function restoreBatches({ lake, ledger }: LedgerDeps): Promise<number> {
  const batches = await lakeBatches(lake);
  for (const { manifestKey } of batches) {
    const manifest = await manifestAt(lake, manifestKey);
    await ledger.restoreBatch(manifest, manifestKey, await sha256Of(lake, manifestKey));
  }
  return batches.length;
}

/** Of several tickets under one marker the lowest id is the one that is kept. */
async function ticketsByMarker(
  connection: OpenConnection,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, MarkedTicket>> {
  const tickets = new Map<string, MarkedTicket>();
  for await (const ticket of deskOf(connection).markedTickets(signal)) {
    const before = tickets.get(ticket.marker);
    if (before === undefined || Number(ticket.remoteId) <= Number(before.remoteId))
      tickets.set(ticket.marker, ticket);
  }
  return tickets;
}

function deskOf(connection: OpenConnection): TicketDesk {
  if (connection.ticketDesk !== undefined) return connection.ticketDesk;
  throw new BatonError('ERR_PLAN_INVALID', { detail: `Connection ${connection.name} has no ticket desk.` });
}

/** What the ticket itself says, or the warehouse still knows; either only when the marker agrees. */
function keyOf(ticket: MarkedTicket, known: ReadonlyMap<string, string>): string | null {
  const line = ticket.body.description.split('\n').find((text) => text.startsWith(referenceWord));
  const reference = line?.slice(referenceWord.length).trim();
  if (reference !== undefined && effectMarker(reference) === ticket.marker) return reference;
  return known.get(ticket.marker) ?? null;
}

/** Markers of the tickets that the warehouse's discrepancies have or had. */
async function markersOfWarehouse(repair: WarehouseRepair): Promise<ReadonlyMap<string, string>> {
  const known = new Map<string, string>();
  for await (const page of repair.plannedTickets())
    for (const { tenant, ticket_cause: cause, ticket_episode: latest } of page)
      for (let episode = cause.startsWith('summary:') ? 1 : latest; episode > 0; episode -= 1) {
        const key = effectKey({ tenant, cause, action: 'open', ordinal: String(episode) });
        known.set(effectMarker(key), key);
      }
  return known;
}

async function foundTicket(
  connection: OpenConnection,
  ticket: MarkedTicket,
  key: string,
  signal: AbortSignal,
): Promise<FoundTicket> {
  const { tenant, cause, ordinal } = readEffectKey(key) ?? { tenant: '', cause: '', ordinal: '1' };
  const desk = deskOf(connection);
  const isSummary = cause.startsWith('summary:');
  const openedBy = /^Found by: (\S+)$/m.exec(ticket.body.description)?.[1] ?? 'rebuild';
  return {
    tenant,
    cause,
    ordinal,
    episode: isSummary ? 1 : Number(ordinal),
    connection: connection.name,
    rule: (isSummary ? cause.split(':')[2] : cause.split(':').at(-1)) ?? '',
    body: ticket.body,
    remoteId: ticket.remoteId,
    remoteUrl: ticket.remoteUrl,
    openedAt: ticket.createdAt,
    openedBy,
    guarantee: { open: desk.open.guarantee, update: desk.update.guarantee },
    resolved: ticket.isSolved ? await resolveOf(desk, ticket, { tenant, cause, ordinal }, signal) : null,
  };
}

/** Our own solving of the ticket, by its comment; null when somebody else solved it. */
async function resolveOf(
  desk: TicketDesk,
  ticket: MarkedTicket,
  of: { readonly tenant: string; readonly cause: string; readonly ordinal: string },
  signal: AbortSignal,
): Promise<TicketUpdate | null> {
  const body: TicketUpdate = {
    kind: 'ticket_update',
    remoteId: ticket.remoteId,
    comment: '',
    status: 'solved',
  };
  const key = effectKey({ ...of, action: 'resolve' });
  const seen = await desk.update.look({ key, marker: effectMarker(key), firstSentAt: null, body }, signal);
  if (seen.kind === 'cannot_look')
    throw new BatonError('ERR_SOURCE_UNAVAILABLE', {
      detail: `Ticket ${ticket.remoteId} could not be looked at: ${seen.reason}`,
      fix: 'Rebuild again when the desk answers: what was put back stays.',
    });
  return seen.kind === 'found' ? body : null;
}

/**
 * Sets what the warehouse believes was planned for each ticket to what the desk has: an update that was stored and
 * not sent is lost with the ledger, and is planned anew by the next run.
 */
async function replan({ ledger, repair }: LedgerDeps): Promise<number> {
  let changed = 0;
  for await (const page of repair.plannedTickets()) {
    const wanted = page.map(({ tenant, ticket_cause, ticket_episode }) => ({
      tenant,
      cause: ticket_cause,
      episode: episodeOf({ ticket_cause, ticket_episode }),
    }));
    const states = new Map(
      (await ledger.ticketStates(wanted)).map((row) => [
        `${row.tenant}/${row.cause}/${row.episode}`,
        row.state,
      ]),
    );
    const corrected = page.flatMap((row) => {
      const state = states.get(`${row.tenant}/${row.ticket_cause}/${episodeOf(row)}`);
      const planned =
        state === undefined ? null : state === 'resolved' ? ('resolved' as const) : ('open' as const);
      return planned === row.planned_state ? [] : [{ ...row, planned_state: planned }];
    });
    changed += await repair.replan(corrected);
  }
  return changed;
}

/** A summary has no episodes. */
function episodeOf(row: Pick<PlannedTicket, 'ticket_cause' | 'ticket_episode'>): number {
  return row.ticket_cause.startsWith('summary:') ? 1 : row.ticket_episode;
}
