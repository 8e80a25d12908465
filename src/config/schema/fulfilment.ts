import { z } from 'zod';
import { decisions } from '../../domain/fulfilment.js';
import { duration, name } from './values.js';

const place = z
  .string({ error: 'must be a path such as order.id' })
  .regex(/^[\w-]+(?:\.[\w-]+)*$/, { error: 'must be a path such as order.id' });

const amount = z
  .union([z.string(), z.number()], { error: 'must be an amount' })
  .transform(String)
  .refine((text) => /^\d{1,15}(?:\.\d{1,6})?$/.test(text), { error: 'must be an amount' });

const limit = z.strictObject({
  currency: z
    .string({ error: 'must be a currency code of three capitals' })
    .regex(/^[A-Z]{3}$/, { error: 'must be a currency code of three capitals' })
    .meta({ description: 'Currency of the orders.', examples: ['USD'] }),
  amount: amount.meta({ description: 'The largest that nobody has to approve.', examples: ['50000'] }),
});

const step = z.strictObject({
  name: name.meta({ description: 'Name of the step.', examples: ['allocation'] }),
  connection: name.meta({ description: 'Connection of type service that does it.', examples: ['inventory'] }),
  do: name.meta({ description: 'Its command that does it.', examples: ['allocate'] }),
  undo: name.optional().meta({
    description: 'Its command that takes it back; none when nothing needs to be.',
    examples: ['release'],
  }),
});

/** Where an order's facts are in an event. */
export const orderPlaces = z.strictObject({
  id: place
    .prefault('id')
    .meta({ description: 'Where the order’s id is in the event.', examples: ['order.id'] }),
  amount: place.prefault('total').meta({ description: 'Where its amount is.', examples: ['order.total'] }),
  currency: place
    .prefault('currency.code')
    .meta({ description: 'Where its currency is.', examples: ['order.currency'] }),
});

/** What an approved order sets off (events whose rule says `do: fulfil`). */
export const fulfilmentSchema = z
  .strictObject({
    order: orderPlaces.prefault({}),
    approveAbove: z
      .array(limit, { error: 'must be a list of amounts' })
      .prefault([])
      .transform((limits) => Object.fromEntries(limits.map((one) => [one.currency, one.amount])))
      .meta({
        description:
          'An order above the amount of its currency waits until a person decides. Where some are named, one in another currency always does.',
        examples: [[{ currency: 'USD', amount: '50000' }]],
      }),
    approval: z
      .strictObject({
        timeout: duration
          .prefault('24h')
          .meta({ description: 'How long a person has to decide.', examples: ['4h'] }),
        default: z
          .enum(decisions, { error: 'must be approve or reject' })
          .prefault('reject')
          .meta({ description: 'What is decided when nobody has.', examples: ['approve'] }),
      })
      .prefault({})
      .transform(({ timeout, default: byDefault }) => ({ timeoutMs: timeout, byDefault })),
    notify: z
      .strictObject({
        connection: name.meta({ description: 'Connection that sends the message.', examples: ['slack'] }),
        channel: z
          .string({ error: 'must be a channel' })
          .min(1, { error: 'must be a channel' })
          .meta({ description: 'Channel for it.', examples: ['#approvals'] }),
      })
      .optional()
      .meta({ description: 'Who hears of an order that waits, or that could not be fulfilled.' }),
    steps: z
      .array(step, { error: 'must be a list of steps' })
      .max(20, { error: 'must be at most 20 steps' })
      .refine((steps) => new Set(steps.map((one) => one.name)).size === steps.length, {
        error: 'must have a name each of its own',
      })
      .prefault([])
      .meta({
        description: 'What is done, one after the other; taken back from the last to the first.',
        examples: [[{ name: 'allocation', connection: 'inventory', do: 'allocate', undo: 'release' }]],
      }),
  })
  .prefault({});
