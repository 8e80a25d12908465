import { z } from 'zod';
import { severities } from '../../domain/alert.js';
import { priorities } from '../../domain/triage.js';
import { duration, name, timezone } from './values.js';

const text = (what: string) => z.string({ error: `must be ${what}` }).min(1, { error: `must be ${what}` });
const count = (what: string) =>
  z.int({ error: `must be ${what}` }).min(2, { error: `must be ${what}, at least 2` });

const priority = (value: (typeof priorities)[number], severity: string) =>
  z
    .enum(priorities, { error: `must be one of ${priorities.join(', ')}` })
    .prefault(value)
    .meta({ description: `Priority of the ticket for what is ${severity}.`, examples: ['urgent'] });

const ignore = z.strictObject({
  name: name.meta({ description: 'Name of the rule.', examples: ['watchdog'] }),
  labels: z
    .record(z.string(), text('a pattern'))
    .refine((labels) => Object.keys(labels).length > 0, { error: 'must name at least one label' })
    .meta({
      description:
        'Labels that an alert must have to be ignored, `*` standing for any text; `name` is its name.',
      examples: [{ name: 'Watchdog' }],
    }),
});

const target = {
  connection: name.meta({ description: 'Connection that has a notifier.', examples: ['slack'] }),
  channel: text('a channel').meta({
    description: 'Where whoever is on call is told, with a link to the ticket.',
    examples: ['#on-call'],
  }),
};

const timeOfDay = z
  .string({ error: 'must be a time such as 22:00' })
  .regex(/^([01]\d|2[0-3]):[0-5]\d$/, { error: 'must be a time such as 22:00' });

/** How alerts (events whose rule says `do: triage`) become incidents, tickets and messages. */
export const triageSchema = z
  .strictObject({
    desk: name.optional().meta({
      description: 'Connection in which an incident gets its ticket; without one alerts cannot be triaged.',
      examples: ['zendesk'],
    }),
    notify: z.strictObject(target).optional(),
    escalate: z
      .array(
        z
          .strictObject({
            after: duration.meta({
              description: 'When nobody has taken the incident up for so long after the first message.',
              examples: ['15m'],
            }),
            ...target,
          })
          .transform(({ after, ...rest }) => ({ ...rest, afterMs: after })),
        { error: 'must be a list of {after, connection, channel}' },
      )
      .refine((levels) => levels.every(({ afterMs }, at) => afterMs > (levels[at - 1]?.afterMs ?? 0)), {
        error: 'must name times that grow from one to the next',
      })
      .prefault([])
      .meta({
        description: 'Who else is told, one after the other, until somebody does: `baton incidents ack`.',
        examples: [[{ after: '15m', connection: 'pagerduty', channel: 'on-call' }]],
      }),
    quietHours: z
      .strictObject({
        from: timeOfDay.meta({
          description: 'Nobody is told from this time of the day …',
          examples: ['22:00'],
        }),
        to: timeOfDay.meta({ description: '… to this one.', examples: ['07:00'] }),
        timezone: timezone
          .prefault('UTC')
          .meta({ description: 'By whose clocks.', examples: ['Europe/Berlin'] }),
        below: z
          .enum(priorities, { error: `must be one of ${priorities.join(', ')}` })
          .prefault('high')
          .meta({
            description: 'Only of incidents of a lower priority than this; the ticket is opened at once.',
            examples: ['urgent'],
          }),
      })
      .refine(({ from, to }) => from !== to, { error: 'must end at another time than it begins' })
      .optional(),
    ignore: z
      .array(ignore, { error: 'must be a list of rules' })
      .prefault([])
      .meta({
        description: 'Alerts that make no incident; the first rule that fits is named.',
        examples: [[{ name: 'watchdog', labels: { name: 'Watchdog' } }]],
      }),
    groupBy: z
      .array(text('a label'), { error: 'must be a list of labels' })
      .min(1, { error: 'must name at least one label' })
      .prefault(['name'])
      .meta({
        description: 'Alerts that agree in these labels are one incident; `name` is the alert’s name.',
        examples: [['name', 'cluster']],
      }),
    window: duration.prefault('24h').meta({
      description: 'An incident of which nothing was heard for so long is over.',
      examples: ['6h'],
    }),
    priority: z
      .strictObject({
        critical: priority('high', severities[0]),
        error: priority('normal', severities[1]),
        warning: priority('low', severities[2]),
        info: priority('low', severities[3]),
      })
      .prefault({}),
    wideFrom: count('a number of services')
      .prefault(3)
      .meta({
        description: 'From so many affected services on the priority is one step higher.',
        examples: [5],
      }),
    flapping: z
      .strictObject({
        changes: count('a number of changes')
          .prefault(4)
          .meta({ description: 'So many changes between firing and resolved …', examples: [6] }),
        within: duration.prefault('10m').meta({ description: '… within this time …', examples: ['30m'] }),
        quiet: duration.prefault('15m').meta({
          description: '… hold the incident open until nothing has changed for so long.',
          examples: ['1h'],
        }),
      })
      .prefault({})
      .transform(({ changes, within, quiet }) => ({ changes, withinMs: within, quietMs: quiet })),
    rollUp: duration.prefault('10m').meta({
      description: 'What fires again in this time is told in one comment.',
      examples: ['1h'],
    }),
  })
  .prefault({})
  .transform(({ window, rollUp, ...rest }) => ({ ...rest, windowMs: window, rollUpMs: rollUp }));
