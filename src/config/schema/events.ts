import { z } from 'zod';
import { consumerNames } from '../../domain/event.js';
import { orderPlaces } from './fulfilment.js';
import { duration, name } from './values.js';

const deeds = ['land', 'ignore', ...consumerNames] as const;

const value = z.union([z.string(), z.number(), z.boolean(), z.null()]);

const rule = z.strictObject({
  name: name.optional().meta({
    description: 'Name of the rule, as `baton events list` shows it; `<connection>-<place>` when not given.',
    examples: ['tickets'],
  }),
  connection: name.meta({ description: 'Connection whose events it is for.', examples: ['zendesk'] }),
  types: z
    .array(z.string({ error: 'must be a pattern' }).min(1, { error: 'must be a pattern' }), {
      error: 'must be a list of patterns',
    })
    .optional()
    .meta({
      description: 'Types of events, `*` standing for any text; all when not given.',
      examples: [['zen:event-type:ticket.*']],
    }),
  do: z
    .enum(deeds, { error: `must be one of ${deeds.join(', ')}` })
    .prefault('land')
    .meta({
      description:
        'What is done besides landing: `land` nothing; `ignore` = it is not even landed; `run` = a run of `pipeline` is started; `triage` = its alerts become incidents; `fulfil` = it tells of an approved order, and sets off what `fulfilment` says; `files` = it tells of files, which are looked for at once.',
      examples: ['ignore'],
    }),
  pipeline: name.optional().meta({
    description: 'With `run`: the pipeline of which a run is started.',
    examples: ['po_data_pipeline'],
  }),
  when: z
    .record(
      z.string().regex(/^[\w-]+(?:\.[\w-]+)*$/, { error: 'must be a path such as after.status' }),
      z
        .union([value, z.array(value).min(1)], { error: 'must be a value, or a list of them' })
        .transform((given) => (Array.isArray(given) ? given : [given])),
      { error: 'must say what its content must have' },
    )
    .optional()
    .meta({
      description: 'What an event’s content must have, by dotted path: this value, or one of these.',
      examples: [{ 'after.status': ['approved', 'released'] }],
    }),
  order: orderPlaces
    .optional()
    .meta({ description: 'With `fulfil`: where the order is in the event, instead of `fulfilment.order`.' }),
  objects: z
    .string({ error: 'must be a key of the lake' })
    .regex(/^(?:[A-Za-z0-9_.=+-]|\{(?:connection|tenant|year|month|day|subject)\}|\/(?!\/))+\.json$/, {
      error:
        'must be a key of the lake that ends with .json, made of {connection}, {tenant}, {year}, {month}, {day} and {subject}',
    })
    .refine((key) => !key.startsWith('/') && !key.includes('..'), { error: 'must be a relative key' })
    .optional()
    .meta({
      description:
        'Where each event’s bytes also become an object of their own; a later one about the same subject is `<subject>.<event id>.json`.',
      examples: ['raw/helpdesk/year={year}/month={month}/{subject}.json'],
    }),
});

/** What is done with what comes in through webhooks and other doors. */
export const eventsSchema = z
  .strictObject({
    batch: z
      .strictObject({
        size: z
          .int({ error: 'must be a number of events' })
          .min(1, { error: 'must be a number of events' })
          .max(10_000, { error: 'must be at most 10000' })
          .prefault(1_000)
          .meta({ description: 'Events that are landed and loaded together, at most.', examples: [200] }),
        age: duration.prefault('1s').meta({
          description: 'Events are landed when there are so many, or when the oldest has waited this long.',
          examples: ['10s'],
        }),
      })
      .prefault({})
      .transform(({ size, age }) => ({ size, ageMs: age })),
    rules: z
      .array(rule, { error: 'must be a list of rules' })
      .prefault([])
      .meta({
        description: 'The first that fits an event decides; one that none fits is landed.',
        examples: [[{ connection: 'zendesk', types: ['zen:event-type:ticket.*'] }]],
      }),
  })
  .prefault({});
