import { z } from 'zod';
import { duration, httpUrl, name, secretRef } from './values.js';

const every = (what: string) =>
  duration
    .refine((ms) => ms >= 1_000, { error: 'must be at least 1s' })
    .prefault('60s')
    .meta({ description: what, examples: ['15s'] });

const otlp = z
  .strictObject({
    endpoint: httpUrl.optional().meta({
      description:
        'Where OTLP over HTTP is taken; traces go to `/v1/traces` there, metrics to `/v1/metrics`. Nothing is sent when none is set.',
      examples: ['http://127.0.0.1:4318'],
    }),
    tracesEndpoint: httpUrl.optional().meta({
      description: 'The whole address for traces, where it is another one.',
      examples: ['https://traces.example.com/v1/traces'],
    }),
    metricsEndpoint: httpUrl.optional().meta({
      description: 'The whole address for metrics, where it is another one.',
      examples: ['https://metrics.example.com/v1/metrics'],
    }),
    headers: z
      .record(
        z.string().regex(/^[A-Za-z0-9-]{1,64}$/, { error: 'must be the name of a header' }),
        secretRef.meta({
          description:
            'A header of each request, such as `dd-api-key` or `authorization`: a reference to a secret.',
          examples: ['secret://env/DD_API_KEY'],
        }),
      )
      .prefault({}),
    temporality: z
      .enum(['cumulative', 'delta'], { error: 'must be cumulative or delta' })
      .prefault('cumulative')
      .meta({
        description:
          'What a counter tells: all since the beginning, or what came since it was last told (Datadog).',
        examples: ['delta'],
      }),
    every: every('How often metrics are sent.'),
    sampleRatio: z
      .number({ error: 'must be a share from 0 to 1' })
      .min(0, { error: 'must be a share from 0 to 1' })
      .max(1, { error: 'must be a share from 0 to 1' })
      .prefault(1)
      .meta({ description: 'Share of the traces that are sent, each as a whole.', examples: [0.1] }),
    serviceName: name
      .prefault('baton')
      .meta({ description: 'What Baton is called there: `service.name`.', examples: ['baton-eu'] }),
  })
  .prefault({});

/** Where metrics and traces are sent, besides the metrics' being there to be read at the gateway's `/metrics`. */
export const observabilitySchema = z
  .strictObject({
    otlp,
    series: z
      .strictObject({
        connection: name.meta({
          description: 'Connection that keeps series, of type `datadog`; the metrics of `/metrics` go there.',
          examples: ['zendesk'],
        }),
        every: every('How often they are sent.'),
      })
      .optional(),
  })
  .prefault({});
