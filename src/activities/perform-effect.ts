import type { EffectAction, EffectRequest, OpenConnection, TicketUpdate } from '../connectors/port.js';
import type { EffectRow } from '../control/effects.js';
import {
  drainDelayMs,
  type EffectMove,
  nextMove,
  retryDelayMs,
  sendTimeoutMs,
  sendWindowMs,
} from '../domain/effect.js';
import { redact } from '../domain/secret.js';
import { BatonError } from '../protocol/errors.js';
import type { ActivityDeps } from './ports.js';

/** What writing at vendors needs of a worker. */
export type EffectDeps = Pick<
  ActivityDeps,
  'log' | 'runs' | 'effects' | 'budgets' | 'connections' | 'orchestrator' | 'stopping' | 'alerts' | 'runUrl'
>;

/** What one step with one effect came to. `failed` = the vendor was at fault: reason enough to spare it the rest. */
export type Performed = 'confirmed' | 'dead' | 'waiting' | 'failed' | 'lost';

/** Absent once: how long until the second look. */
const secondLookMs = 2_000;

/** The one door through which Baton writes at a vendor. Takes the effect one move further; never throws for the vendor. */
export async function performEffect(
  deps: EffectDeps,
  effect: EffectRow,
  runId: string | null,
  signal: AbortSignal,
): Promise<Performed> {
  const action = actionOf(deps.connections.open(effect.connection), effect);
  const body = frozenBody(effect);
  const request: EffectRequest = {
    key: effect.key,
    marker: effect.marker,
    firstSentAt: effect.first_sent_at,
    body: body as EffectRequest['body'],
  };
  switch (moveOf(effect, action, request).kind) {
    case 'done':
    case 'wait':
      return 'waiting';
    case 'look':
      return look(deps, effect, action, request, runId, signal);
    case 'send':
      return send(deps, effect, action, request, runId, signal);
  }
}

/** A run tries again within seconds, the drainer ever more rarely. */
function delayMs(runId: string | null, attempts: number): number {
  return runId === null ? drainDelayMs(attempts) : retryDelayMs(attempts);
}

/** The machine's verdict, by the ledger's clock. */
export function moveOf(effect: EffectRow, action: EffectAction, request: EffectRequest): EffectMove {
  const now = Number(effect.now_ms);
  return nextMove(
    {
      state: effect.state,
      dueAt: effect.due_at.getTime(),
      deadAt: effect.dead_at?.getTime() ?? null,
      absentLooks: effect.absent_looks,
      resendIsSafe: effect.first_sent_at !== null && action.resendIsSafe(request, new Date(now)),
      settleMs: action.settleMs,
    },
    now,
  );
}

export function actionOf(
  connection: OpenConnection,
  effect: Pick<EffectRow, 'kind' | 'connection'>,
): EffectAction {
  const { ticketDesk, notifier, commands } = connection;
  const action = {
    'ticket.open': ticketDesk?.open,
    'ticket.update': ticketDesk?.update,
    'message.send': notifier?.send,
    'command.send': commands?.send,
  }[effect.kind];
  if (action === undefined)
    throw new BatonError('ERR_PLAN_INVALID', {
      detail: `Connection ${effect.connection} cannot do ${effect.kind}.`,
    });
  return action;
}

/** The stored body; an update learns its ticket's id before its first send, and never changes again. */
function frozenBody(effect: EffectRow): unknown {
  if (effect.kind !== 'ticket.update' || effect.first_sent_at !== null) return effect.body;
  return { ...(effect.body as TicketUpdate), remoteId: effect.ticket_remote_id ?? '' };
}

async function send(
  deps: EffectDeps,
  effect: EffectRow,
  action: EffectAction,
  request: EffectRequest,
  runId: string | null,
  signal: AbortSignal,
): Promise<Performed> {
  const claimedAt = performance.now();
  const claim = await deps.effects.claim(effect, request.body);
  if (claim === null) return 'lost';
  // Whoever was frozen between claim and here must not send: the row says from when on another one may.
  if (performance.now() - claimedAt > sendWindowMs) return 'lost';
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(sendTimeoutMs)]);
  const outcome = await action.send({ ...request, firstSentAt: effect.first_sent_at }, deadline);
  const attempts = effect.attempts + 1;
  switch (outcome.kind) {
    case 'confirmed': {
      const done = await deps.effects.settle(effect, claim.epoch, {
        state: 'confirmed',
        remoteId: outcome.remoteId,
        remoteUrl: outcome.remoteUrl,
        adopted: outcome.adopted,
        runId,
      });
      return done ? 'confirmed' : 'lost';
    }
    case 'refused': {
      const error = redact(outcome.reason);
      if (!outcome.retryable) {
        await deps.effects.settle(effect, claim.epoch, { state: 'dead', error });
        return 'dead';
      }
      // After a doubtful send a refusal now says nothing of what came before.
      const state =
        effect.doubtful || effect.state === 'sending' || effect.state === 'unknown' ? 'unknown' : 'refused';
      await deps.effects.settle(effect, claim.epoch, {
        state,
        error,
        delayMs: outcome.retryAfterMs ?? delayMs(runId, attempts),
      });
      return 'failed';
    }
    case 'unknown': {
      const again = action.resendIsSafe(
        { ...request, firstSentAt: claim.firstSentAt },
        new Date(Number(effect.now_ms)),
      );
      const wait = again ? delayMs(runId, attempts) : action.settleMs;
      await deps.effects.settle(effect, claim.epoch, {
        state: 'unknown',
        error: redact(outcome.reason),
        delayMs: wait,
      });
      return 'failed';
    }
  }
}

async function look(
  deps: EffectDeps,
  effect: EffectRow,
  action: EffectAction,
  request: EffectRequest,
  runId: string | null,
  signal: AbortSignal,
): Promise<Performed> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(sendTimeoutMs)]);
  const seen = await action.look(request, deadline);
  switch (seen.kind) {
    case 'found': {
      const [first] = seen.remoteIds;
      const done = await deps.effects.settle(effect, effect.epoch, {
        state: 'confirmed',
        remoteId: first ?? '',
        remoteUrl: seen.remoteUrl,
        adopted: true,
        runId,
        doubtful: true,
      });
      return done ? 'confirmed' : 'lost';
    }
    case 'absent': {
      const absentLooks = effect.absent_looks + 1;
      await deps.effects.settle(effect, effect.epoch, {
        state: 'absent',
        absentLooks,
        delayMs: absentLooks === 1 ? secondLookMs : 0,
        error: effect.last_error ?? 'not found at the vendor',
      });
      return 'waiting';
    }
    case 'cannot_look': {
      await deps.effects.settle(effect, effect.epoch, {
        state: 'unknown',
        error: redact(seen.reason),
        delayMs: drainDelayMs(effect.attempts + 2),
      });
      return 'failed';
    }
  }
}
