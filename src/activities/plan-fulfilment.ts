import type { Command, Message } from '../connectors/port.js';
import { type FulfilmentRow, fulfilmentBell, fulfilmentCause } from '../control/fulfilments.js';
import { effectKey, type Intent, insertIntent } from '../control/intents.js';
import { query, type Transaction } from '../database/postgres.js';
import {
  type CommandEnd,
  fulfilmentIsOver,
  nextMove,
  type SagaMove,
  type SagaSettings,
  type SagaSituation,
} from '../domain/fulfilment.js';
import type { FulfilmentTurn } from '../protocol/activities.js';
import { BatonError } from '../protocol/errors.js';
import { fulfilmentWorkflowId } from '../protocol/names.js';
import type { ActivityDeps } from './ports.js';

type PlanDeps = Pick<ActivityDeps, 'fulfilments' | 'fulfilment' | 'connections' | 'orchestrator'>;

/**
 * Takes an order's saga one move on: stores the command that is due as an intent, in the transaction that notes how it
 * stands. The drainers send it, and ring the saga's workflow when it has come to its end. Repeating it adds nothing.
 */
export async function planFulfilment(deps: PlanDeps, id: string): Promise<FulfilmentTurn> {
  const { settings } = deps.fulfilment;
  const done = await deps.fulfilments.with(id, async (row, trx) => {
    const situation = await situationOf(trx, row, settings);
    const move = nextMove(settings, situation);
    const intents = [...commandOf(deps, row, move), ...messagesOf(deps, row, move)];
    for (const one of intents) await insertIntent(trx, one);
    if (move.failed !== null) await putAway(trx, row, move.failed.step);
    const story = storyOf(row, move);
    const answer = { row, move, story, wakes: new Set(intents.map(({ connection }) => connection)) };
    return { state: move.state, story, decision: move.decision, answer };
  });
  if (done === null)
    return { state: 'rejected', isOver: true, story: 'There is no such order any more.', dueInMs: null };
  const { row, move, story, wakes } = done;
  for (const connection of wakes) await deps.orchestrator.wakeDrain(connection, row.tenant);
  const waits = move.state === 'waiting' && row.decide_until !== null;
  const dueInMs = waits ? Math.max(100, (row.decide_until?.getTime() ?? 0) - row.now.getTime() + 50) : null;
  return { state: move.state, isOver: fulfilmentIsOver.has(move.state), story, dueInMs };
}

type Way = 'do' | 'undo';

function keyOf(row: FulfilmentRow, step: string, way: Way) {
  return { tenant: row.tenant, cause: fulfilmentCause(row.id), action: `${way}:${step}`, ordinal: '1' };
}

async function situationOf(
  trx: Transaction,
  row: FulfilmentRow & { readonly now: Date },
  { steps }: SagaSettings,
): Promise<SagaSituation> {
  const { rows } = await query<{
    key: string;
    state: string;
    remote_id: string | null;
    last_error: string | null;
  }>(
    trx,
    `SELECT key, state, remote_id, last_error FROM control.effects
     WHERE tenant = :tenant AND cause = :cause AND kind = 'command.send'`,
    { tenant: row.tenant, cause: fulfilmentCause(row.id) },
  );
  const endOf = (step: string, way: Way): CommandEnd => {
    const key = effectKey(keyOf(row, step, way));
    const effect = rows.find((one) => one.key === key);
    if (effect === undefined) return { kind: 'none' };
    if (effect.state === 'confirmed') return { kind: 'done', remoteId: effect.remote_id ?? '' };
    return effect.state === 'dead'
      ? { kind: 'dead', reason: effect.last_error ?? 'refused' }
      : { kind: 'open' };
  };
  return {
    decision: row.decision,
    needsDecision: row.decide_until !== null,
    isTooLate: row.decide_until !== null && row.decide_until <= row.now,
    ends: Object.fromEntries(
      steps.map(({ name }) => [name, { do: endOf(name, 'do'), undo: endOf(name, 'undo') }]),
    ),
  };
}

function commandOf(deps: PlanDeps, row: FulfilmentRow, { next }: SagaMove): Intent[] {
  if (next === null) return [];
  const { step, way, remoteId } = next;
  const command = way === 'do' ? step.do : (step.undo ?? '');
  const desk = deps.connections.open(step.connection).commands;
  if (desk === undefined || !desk.names.includes(command))
    throw new BatonError('ERR_CONFIG_INVALID', {
      detail: `The step ${step.name} wants ${command} of ${step.connection}, which has no such command.`,
      where: 'fulfilment.steps',
      retryable: true,
    });
  const body: Command = {
    kind: 'command',
    command,
    remoteId,
    payload: {
      fulfilment: row.id,
      order_id: row.order_id,
      amount: row.amount,
      currency: row.currency,
      ...(remoteId === null ? { order: row.content } : { id: remoteId }),
    },
  };
  return [
    {
      ...keyOf(row, step.name, way),
      episode: 1,
      connection: step.connection,
      kind: 'command.send',
      guarantee: desk.send.guarantee,
      body,
      runId: fulfilmentWorkflowId(row.id),
      parked: true,
      tell: fulfilmentBell(row.id),
    },
  ];
}

/** Of what a person should know: that an order waits for them, and that one was not to be had. */
function messagesOf(deps: PlanDeps, row: FulfilmentRow, move: SagaMove): Intent[] {
  const { notify } = deps.fulfilment;
  const isNews = move.state === 'waiting' || move.state === 'compensated' || move.state === 'stuck';
  if (notify === undefined || !isNews) return [];
  const body: Message = {
    kind: 'message',
    channel: notify.channel,
    title: titleOf(row, move),
    text: storyOf(row, move),
    severity: move.state === 'waiting' ? 'info' : move.state === 'stuck' ? 'critical' : 'warning',
    fields: [
      { name: 'Order', value: row.order_id },
      { name: 'Amount', value: `${row.amount} ${row.currency}` },
    ],
    links: [],
  };
  const { notifier } = deps.connections.open(notify.connection);
  return [
    {
      tenant: row.tenant,
      cause: fulfilmentCause(row.id),
      action: `tell:${move.state}`,
      ordinal: '1',
      episode: 1,
      connection: notify.connection,
      kind: 'message.send',
      guarantee: notifier?.send.guarantee ?? 'at_least_once',
      body,
      runId: fulfilmentWorkflowId(row.id),
      parked: true,
    },
  ];
}

function titleOf(row: FulfilmentRow, { state }: SagaMove): string {
  switch (state) {
    case 'waiting':
      return `Order ${row.order_id} waits for approval`;
    case 'stuck':
      return `Order ${row.order_id} is half done`;
    default:
      return `Order ${row.order_id} could not be fulfilled`;
  }
}

function storyOf(row: FulfilmentRow, { state, next, failed, decision }: SagaMove): string {
  const about = `Order ${row.order_id} of ${row.amount} ${row.currency}`;
  const by = row.decided_by ?? (decision === null ? '' : 'nobody in time');
  switch (state) {
    case 'waiting':
      return `${about} waits for a person until ${row.decide_until?.toISOString()}: baton approvals approve ${row.id}, or reject.`;
    case 'rejected':
      return `${about} was rejected by ${by}${row.decided_note === null ? '' : `: ${row.decided_note}`}. Nothing was done.`;
    case 'running':
      return next === null ? `${about} is under way.` : `${about}: ${next.step.name} is asked for.`;
    case 'compensating':
      return `${about}: ${failed?.step} was refused for good (${failed?.reason}); what was done before is taken back.`;
    case 'compensated':
      return `${about}: ${failed?.step} was refused for good (${failed?.reason}). What was done before is taken back.`;
    case 'stuck':
      return `${about}: ${failed?.step} was refused for good (${failed?.reason}), and so was taking back what was done before: baton dlq list --kind effect.`;
    case 'fulfilled':
      return `${about} is fulfilled.`;
  }
}

/** What was refused is no dead letter: sent once more, it would be done alone, when the others are taken back. */
async function putAway(trx: Transaction, row: FulfilmentRow, step: string): Promise<void> {
  await query(
    trx,
    `INSERT INTO control.discards (kind, id, discarded_by) VALUES ('effect', :key, :by) ON CONFLICT DO NOTHING`,
    { key: effectKey(keyOf(row, step, 'do')), by: fulfilmentWorkflowId(row.id) },
  );
}
