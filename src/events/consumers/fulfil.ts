import { Big } from 'big.js';
import type { Bell } from '../../control/bells.js';
import { beginFulfilment, fulfilmentBell } from '../../control/fulfilments.js';
import type { InboxRow, Outcome } from '../../control/inbox.js';
import { type OrderPlaces, valueAt } from '../../domain/event.js';
import type { SagaSettings } from '../../domain/fulfilment.js';
import { BatonError } from '../../protocol/errors.js';
import type { Consumer } from '../consumer.js';

export interface FulfilSettings {
  readonly order: OrderPlaces;
  readonly settings: SagaSettings;
  readonly decideMs: number;
}

/** Begins the fulfilment of each order, once: one that is approved again has it already. */
export function fulfilConsumer(
  { order: places, settings, decideMs }: FulfilSettings,
  contentOf: (event: InboxRow) => unknown,
): Consumer {
  return {
    most: 200,
    async handle(events, { trx, rule }) {
      const outcomes: Outcome[] = [];
      const bells: Bell[] = [];
      for (const event of events) {
        const read = readOrder(event, contentOf, rule(event.rule)?.order ?? places);
        if ('problem' in read) {
          outcomes.push({ id: event.id, state: 'rejected', reason: read.problem });
          continue;
        }
        const { order, content } = read;
        const { id, isNew } = await beginFulfilment(trx, {
          tenant: event.tenant,
          connection: event.connection,
          order_id: order.id,
          event_id: event.event_id,
          amount: order.amount,
          currency: order.currency,
          content,
          decideMs: needsDecision(order, settings) ? decideMs : null,
        });
        outcomes.push({ id: event.id, state: 'processed', by: isNew ? id : `${id}, begun before` });
        if (isNew) bells.push(fulfilmentBell(id));
      }
      return { outcomes, bells };
    },
  };
}

function needsDecision(
  order: { readonly amount: string; readonly currency: string },
  of: SagaSettings,
): boolean {
  const limits = of.approveAbove;
  if (Object.keys(limits).length === 0) return false;
  const limit = Object.hasOwn(limits, order.currency) ? limits[order.currency] : undefined;
  return limit === undefined || new Big(order.amount).gt(limit);
}

/** What an event says of an order; a body that cannot be read is its own fault, and no other event's. */
function readOrder(
  event: InboxRow,
  contentOf: (event: InboxRow) => unknown,
  places: OrderPlaces,
): { readonly order: Order; readonly content: Content } | { readonly problem: string } {
  try {
    const content = contentOf(event);
    const order = orderIn(content, places);
    return 'problem' in order
      ? { problem: `${order.problem} (fulfilment.order)` }
      : { order, content: content as Content };
  } catch (error) {
    if (!(error instanceof BatonError)) throw error;
    return { problem: `${error.message} (${error.code})` };
  }
}

type Content = Readonly<Record<string, unknown>>;
type Order = { readonly id: string; readonly amount: string; readonly currency: string };

function orderIn(content: unknown, places: OrderPlaces): Order | { readonly problem: string } {
  const id = valueAt(content, places.id);
  const amount = valueAt(content, places.amount);
  const currency = valueAt(content, places.currency);
  const isId = typeof id === 'string' ? id !== '' && id.length <= 200 : Number.isSafeInteger(id);
  if (!isId) return { problem: `There is no id of an order at ${places.id}` };
  if (!isAmount(amount)) return { problem: `There is no amount at ${places.amount}` };
  if (typeof currency !== 'string' || !/^[A-Z]{3}$/.test(currency))
    return { problem: `There is no currency code at ${places.currency}` };
  return { id: String(id), amount: String(amount), currency };
}

function isAmount(value: unknown): boolean {
  return (
    (typeof value === 'string' || typeof value === 'number') &&
    /^-?\d{1,15}(?:\.\d{1,10})?$/.test(String(value))
  );
}
