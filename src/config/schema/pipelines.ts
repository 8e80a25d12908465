import { z } from 'zod';
import { tableSchema, upsertedTableSchema } from './tables.js';
import { cron, decimal, duration, instant, name, timezone } from './values.js';

/** Marks what one run may set otherwise (`baton run -i`): what changes no table, no account and no address. */
const perRun = { perRun: true } as const;

const schedule = z
  .strictObject({
    cron: cron.prefault('@daily').meta({ description: 'When it runs.', examples: ['0 6 * * *'] }),
    timezone: timezone
      .prefault('UTC')
      .meta({ description: 'Time zone of the cron expression.', examples: ['Europe/Berlin'] }),
    paused: z
      .boolean({ error: 'must be true or false' })
      .prefault(false)
      .meta({ description: 'Whether the schedule starts out paused.', examples: [true] }),
    catchupWindow: duration
      .prefault('1h')
      .meta({ description: 'How long after its time a missed run is still started.', examples: ['3h'] }),
  })
  .prefault({})
  .transform(({ catchupWindow, ...rest }) => ({ ...rest, catchupWindowMs: catchupWindow }));

const tolerance = z
  .strictObject({
    absolute: decimal
      .prefault('0.01')
      .meta({ ...perRun, description: 'Difference of two amounts that is ignored.', examples: ['0.05'] }),
    relative: decimal
      .prefault('0.005')
      .meta({ ...perRun, description: 'The same as a share of the larger amount.', examples: ['0.01'] }),
  })
  .prefault({});

const highPriority = z
  .strictObject({
    field: z
      .string({ error: 'must be a field name' })
      .min(1, { error: 'must be a field name' })
      .prefault('Priority__c')
      .meta({
        ...perRun,
        description: 'Field of the customer that says its priority.',
        examples: ['Tier__c'],
      }),
    value: z
      .string({ error: 'must be text' })
      .min(1, { error: 'must be text' })
      .prefault('High')
      .meta({
        ...perRun,
        description: 'Its value for customers whose orders get a ticket.',
        examples: ['Gold'],
      }),
  })
  .prefault({});

const wholeNumber = z
  .int({ error: 'must be a whole number' })
  .min(0, { error: 'must be a whole number of at least 0' })
  .max(100_000, { error: 'must be a whole number of at most 100000' });

const tenants = z
  .strictObject({
    mapped: z
      .boolean({ error: 'must be true or false' })
      .prefault(false)
      .meta({
        description:
          'Whether the schedule starts one run for all tenants that this file names by then, instead of one schedule for each.',
        examples: [true],
      }),
    maxParallel: z
      .int({ error: 'must be a whole number' })
      .min(1, { error: 'must be a whole number of at least 1' })
      .max(1_000, { error: 'must be a whole number of at most 1000' })
      .prefault(8)
      .meta({ description: 'Tenants whose runs go on at once in a mapped run.', examples: [20] }),
    toleratedFailures: z
      .number({ error: 'must be a percentage' })
      .min(0, { error: 'must be a percentage from 0 to 100' })
      .max(100, { error: 'must be a percentage from 0 to 100' })
      .prefault(100)
      .meta({
        description:
          'Percentage of the tenants that may fail before the mapped run has failed; with fewer it is partial.',
        examples: [10],
      }),
  })
  .prefault({});

const connectionName = (description: string, example: string) =>
  name.meta({ description, examples: [example] });

/** The tables of the orders pipeline, by what they hold. */
const orderTables = z
  .strictObject({
    orders: upsertedTableSchema,
    totals: tableSchema,
    suppliers: tableSchema,
    invoices: tableSchema,
    customers: tableSchema,
    rates: tableSchema,
  })
  .prefault({});
/** Syncs of services that move data by themselves. */
const syncs = z
  .array(
    z
      .strictObject({
        connection: connectionName('Connection of type fivetran or airbyte.', 'fivetran'),
        id: z
          .string({ error: 'must be the connection’s id at the service' })
          .regex(/^[\w-]{1,100}$/, { error: 'must be the connection’s id at the service' })
          .meta({
            description: 'What the service calls the connection that is synced.',
            examples: ['warm_trail'],
          }),
        mode: z
          .enum(['start', 'await'], { error: 'must be start or await' })
          .prefault('start')
          .meta({
            description:
              '`start`: a sync is started, unless one is under way; `await`: the next one that ends is waited for.',
            examples: ['await'],
          }),
        within: duration
          .nullable()
          .prefault(null)
          .meta({
            description:
              'With `await`: a sync that has succeeded no longer ago than this will do, and nothing is waited for.',
            examples: ['6h'],
          }),
        timeout: duration.prefault('6h').meta({
          description: 'How long it is waited for. The sync itself is not stopped.',
          examples: ['12h'],
        }),
      })
      .transform(({ within, timeout, ...rest }) => ({ ...rest, withinMs: within, timeoutMs: timeout })),
    { error: 'must be a list of {connection, id}' },
  )
  .prefault([])
  .meta({
    description: 'Syncs of Fivetran or Airbyte that are started, or awaited, before anything is read.',
    examples: [[{ connection: 'fivetran', id: 'warm_trail' }]],
  });

/** What every pipeline has that reads from vendors. */
const reading = {
  schedule,
  tenants,
  syncs,
  initialValue: instant
    .nullable()
    .prefault(null)
    .meta({
      ...perRun,
      description: 'Where the first window begins; null reads everything.',
      examples: ['2026-01-01T00:00:00Z'],
    }),
  lag: duration
    .nullable()
    .prefault(null)
    .meta({
      ...perRun,
      description: 'How far before the last watermark each run reads again; null is the stream’s own.',
      examples: ['2h'],
    }),
  retries: wholeNumber
    .prefault(3)
    .meta({ ...perRun, description: 'How often a vendor’s failure is tried again.', examples: [5] }),
  retryDelay: duration
    .prefault('2m')
    .meta({ ...perRun, description: 'How long to wait before that.', examples: ['30s'] }),
};

/** A key without its file: relative, of plain segments, one of which is the day. */
const layout = (stream: string) =>
  z
    .string({ error: 'must be a key layout' })
    .refine(
      (value) => /^[A-Za-z0-9_.=+{}-]+(?:\/[A-Za-z0-9_.=+{}-]+)*$/.test(value) && !value.includes('..'),
      {
        error: `must be a relative key such as ${stream}/{date}`,
      },
    )
    .prefault(`${stream}/{date}`)
    .meta({
      description: `Folder of the ${stream.replaceAll('_', ' ')} in the lake, from {connection}, {stream}, {tenant}, {date}, {batch}.`,
      examples: [`landing/${stream}/{tenant}/{date}`],
    });

/** `resilient_elt_pipeline`: what is extracted is only landed; loaders of their own take it from there. */
const eltSchema = z
  .strictObject({
    ...reading,
    source: connectionName('Connection that the purchase orders come from.', 'coupa'),
    desk: connectionName('Connection that the helpdesk tickets come from.', 'zendesk'),
    tables: z
      .strictObject({ purchase_orders: upsertedTableSchema, helpdesk_tickets: upsertedTableSchema })
      .prefault({}),
    layouts: z
      .strictObject({
        purchase_orders: layout('purchase_orders'),
        helpdesk_tickets: layout('helpdesk_tickets'),
      })
      .prefault({}),
  })
  .transform(({ lag, retryDelay, ...rest }) => ({ ...rest, lagMs: lag, retryDelayMs: retryDelay }));

/** `ingest_pipeline`: any streams, each into a table of its own. */
const ingestSchema = z
  .strictObject({
    ...reading,
    sources: z
      .array(
        z.strictObject({
          connection: connectionName('Connection that the streams come from.', 'zendesk'),
          streams: z
            .array(name)
            .min(1, { error: 'must name at least one stream' })
            .meta({ description: 'Its streams: see docs/reference/connectors.md.', examples: [['tickets']] }),
        }),
        { error: 'must be a list of {connection, streams}' },
      )
      .min(1, { error: 'must name at least one connection' })
      .meta({
        description: 'The streams that are loaded, each into `raw.<connection>_<stream>`.',
        examples: [[{ connection: 'zendesk', streams: ['tickets'] }]],
      }),
  })
  .transform(({ lag, retryDelay, ...rest }) => ({ ...rest, lagMs: lag, retryDelayMs: retryDelay }));

export const pipelineSchema = z
  .strictObject({
    ...reading,
    source: connectionName('Connection that the orders come from.', 'coupa'),
    customers: connectionName('Connection that the customer profiles come from.', 'salesforce'),
    rates: connectionName('Connection that the exchange rates come from.', 'rates'),
    desk: connectionName('Connection at which tickets are opened.', 'zendesk'),
    reportingCurrency: z
      .string({ error: 'must be an ISO 4217 code' })
      .regex(/^[A-Z]{3}$/, { error: 'must be an ISO 4217 code such as USD' })
      .prefault('USD')
      .meta({ description: 'Currency of all reported amounts.', examples: ['EUR'] }),
    threshold: decimal.prefault('10000').meta({
      ...perRun,
      description: 'Orders of more than this, in the reporting currency, get a ticket.',
      examples: ['2500.50'],
    }),
    tolerance,
    customerField: z
      .string({ error: 'must be a field name' })
      .min(1, { error: 'must be a field name' })
      .prefault('customer-account-id')
      .meta({
        ...perRun,
        description: 'Field of the order that names the customer’s account.',
        examples: ['account-ref'],
      }),
    highPriority,
    tables: orderTables,
    summaryAfter: wholeNumber.prefault(50).meta({
      ...perRun,
      description: 'With more findings of one rule than this, one summary ticket is opened instead.',
      examples: [20],
    }),
    reopenWithin: duration.prefault('72h').meta({
      ...perRun,
      description:
        'A finding that comes back so soon after it was gone reopens the ticket that it had; later, or with 0, it gets another.',
      examples: ['24h'],
    }),
    openAfter: wholeNumber
      .min(1, { error: 'must be at least 1' })
      .prefault(1)
      .meta({
        ...perRun,
        description: 'A ticket is opened when a finding is there in so many runs in a row.',
        examples: [3],
      }),
  })
  .transform(({ lag, retryDelay, reopenWithin, ...rest }) => ({
    ...rest,
    lagMs: lag,
    retryDelayMs: retryDelay,
    reopenWithinMs: reopenWithin,
  }));

type PipelineSchema = typeof pipelineSchema | typeof eltSchema | typeof ingestSchema;
type Settings = z.output<PipelineSchema>;

/** Settings as a file would hold them, for the schema to read again; all but what is no single run's. */
export function asWritten(settings: Settings): Record<string, unknown> {
  const { schedule: _schedule, tenants: _tenants, lagMs, retryDelayMs, ...others } = settings;
  const { reopenWithinMs, syncs: services, ...rest } = { reopenWithinMs: undefined, ...others };
  return {
    ...rest,
    ...(reopenWithinMs === undefined ? {} : { reopenWithin: reopenWithinMs / 1_000 }),
    syncs: services.map(({ withinMs, timeoutMs, ...service }) => ({
      ...service,
      within: withinMs === null ? null : withinMs / 1_000,
      timeout: timeoutMs / 1_000,
    })),
    lag: lagMs === null ? null : lagMs / 1_000,
    retryDelay: retryDelayMs / 1_000,
  };
}

export const pipelinesSchema = z
  .strictObject({
    po_data_pipeline: pipelineSchema.optional(),
    resilient_elt_pipeline: eltSchema.optional(),
    ingest_pipeline: ingestSchema.optional(),
  })
  .prefault({});

/** The schema of a pipeline's settings; of one that does not exist, that of the first: its name is the problem. */
export function schemaOfPipeline(name: string): PipelineSchema {
  if (name === 'ingest_pipeline') return ingestSchema;
  return name === 'resilient_elt_pipeline' ? eltSchema : pipelineSchema;
}
