import type { OpenConnection, TicketUpdate } from '../connectors/port.js';
import type { EffectRow } from '../control/effects.js';
import type { Intent } from '../control/intents.js';
import { handBackIfStopping } from './failure.js';
import { actionOf, type EffectDeps } from './perform-effect.js';

/** A confirmed effect that was in doubt is swept for surplus copies this long afterwards … */
export const sweepAfterMs = 600_000;
/** … and no more when the vendor could not be asked for this long. */
const sweepForMs = 86_400_000;

/**
 * Looks for surplus copies of what was once in doubt: keeps the lowest id, closes the rest, counts them. One that
 * cannot be looked at or closed holds up no other.
 */
export async function sweepCopies(
  deps: EffectDeps,
  of: { readonly connection: string; readonly tenant: string },
  signal: AbortSignal,
): Promise<void> {
  const { due } = await deps.effects.unswept(of.connection, of.tenant, sweepAfterMs);
  if (due.length === 0) return;
  const connection = deps.connections.open(of.connection);
  for (const effect of due) {
    signal.throwIfAborted();
    handBackIfStopping(deps.stopping);
    try {
      if (await sweepOne(deps, connection, effect, signal)) continue;
    } catch (error) {
      if (signal.aborted) throw error;
      deps.log.warn({ effect: effect.key, detail: (error as Error).message }, 'a copy could not be closed');
    }
    const age = Number(effect.now_ms) - (effect.confirmed_at?.getTime() ?? 0);
    if (age > sweepForMs)
      await deps.effects.swept(effect, { id: effect.remote_id ?? '', url: null }, 0, null);
  }
}

/** False when the vendor could not be asked. */
async function sweepOne(
  deps: EffectDeps,
  connection: OpenConnection,
  effect: EffectRow,
  signal: AbortSignal,
): Promise<boolean> {
  const action = actionOf(connection, effect);
  const request = {
    key: effect.key,
    marker: effect.marker,
    firstSentAt: effect.first_sent_at,
    body: effect.body as never,
  };
  const seen = await action.look(request, signal);
  if (seen.kind === 'cannot_look') return false;
  const ids = seen.kind === 'found' ? [...seen.remoteIds].sort(byNumber) : [];
  const kept = ids[0] ?? effect.remote_id ?? '';
  if (effect.kind === 'ticket.open')
    for (const surplus of ids.slice(1)) await connection.ticketDesk?.closeDuplicate(surplus, kept, signal);
  const url = seen.kind === 'found' ? seen.remoteUrl : null;
  await deps.effects.swept(effect, { id: kept, url }, Math.max(0, ids.length - 1), resolveOf(effect, kept));
  return true;
}

/** For a ticket that had been resolved in the copy that is not kept. */
function resolveOf(effect: EffectRow, kept: string): Intent {
  const body: TicketUpdate = {
    kind: 'ticket_update',
    remoteId: kept,
    comment: 'The discrepancy is gone, as noted on a copy of this ticket. Solved.',
    status: 'solved',
  };
  return {
    tenant: effect.tenant,
    cause: effect.cause,
    action: 'resolve',
    ordinal: `${effect.ordinal}.kept`,
    episode: effect.episode,
    connection: effect.connection,
    kind: 'ticket.update',
    guarantee: effect.guarantee,
    body,
    runId: effect.run_id,
  };
}

function byNumber(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}
