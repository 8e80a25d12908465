import { z } from 'zod';
import { breakerDefaults } from '../../domain/breaker.js';
import { name, nameMessage, namePattern, vendorUrl } from './values.js';

const count = (what: string) => z.int({ error: `must be ${what}` }).positive({ error: `must be ${what}` });

const share = 'must be a share between 0 and 1';

const breaker = z
  .strictObject({
    failures: count('a number of failures')
      .prefault(breakerDefaults.failures)
      .meta({
        description: 'Failures in a row, of all workers together, that hold requests back.',
        examples: [3],
      }),
    ratio: z
      .number({ error: share })
      .gt(0, { error: share })
      .max(1, { error: share })
      .prefault(breakerDefaults.ratio)
      .meta({ description: 'Share of failures within `windowMs` that does so too …', examples: [0.8] }),
    minimum: count('a number of requests')
      .prefault(breakerDefaults.minimum)
      .meta({ description: '… when there were at least so many requests.', examples: [50] }),
    windowMs: count('a number of milliseconds')
      .prefault(breakerDefaults.windowMs)
      .meta({
        description: 'The time over which the share is counted, in milliseconds.',
        examples: [60_000],
      }),
    openMs: count('a number of milliseconds')
      .prefault(breakerDefaults.openMs)
      .meta({
        description: 'Until one request looks whether the vendor is back; doubles each time.',
        examples: [10_000],
      }),
    longestOpenMs: count('a number of milliseconds')
      .prefault(breakerDefaults.longestOpenMs)
      .meta({ description: 'The longest that this becomes.', examples: [60_000] }),
  })
  .prefault({});

const limits = z
  .strictObject({
    timeoutMs: count('a number of milliseconds')
      .prefault(30_000)
      .meta({ description: 'Deadline of one request, in milliseconds.', examples: [5_000] }),
    requestsPerSecond: z
      .number({ error: 'must be a number' })
      .positive({ error: 'must be more than 0' })
      .optional()
      .meta({ description: 'Most requests a second; the vendor’s own limit when not given.', examples: [7] }),
    requestsPerMinute: count('a number of requests')
      .optional()
      .meta({ description: 'Most requests a minute, of which a quarter may go at once.', examples: [400] }),
    requestsPerDay: count('a number of requests')
      .optional()
      .meta({ description: 'Most requests in 24 hours, of which half may go at once.', examples: [100_000] }),
    breaker,
    requestsInFlight: count('a number of requests')
      .max(16, { error: 'must be at most 16' })
      .prefault(4)
      .meta({ description: 'Most requests at once, where a stream can be read in ranges.', examples: [1] }),
    maxResponseBytes: count('a number of bytes')
      .prefault(67_108_864)
      .meta({ description: 'Largest answer that is read, in bytes.', examples: [1_048_576] }),
  })
  .prefault({});

/** Types whose place is no HTTP address. */
const placedOtherwise: ReadonlySet<string> = new Set(['files', 'postgres']);

/** What every connection has; everything else is the connector's own and goes into `settings`. */
export const connectionSchema = z
  .looseObject({
    type: z
      .string({ error: 'must be a connector type' })
      .min(1, { error: 'must be a connector type' })
      .meta({ description: 'Connector of this connection.', examples: ['coupa'] }),
    baseUrl: vendorUrl.optional().meta({
      description: 'Address of the vendor’s API, or of a sandbox; not of a system that only sends to us.',
      examples: ['https://api.example.com'],
    }),
    tenant: name
      .optional()
      .meta({ description: 'The one tenant that may use it; all when not given.', examples: ['acme'] }),
    webhook: z
      .looseObject({})
      .optional()
      .meta({
        description:
          'How the vendor’s webhooks are verified; with it they are taken at `POST /hooks/<connection>`. Its settings are the connector’s own.',
        examples: [{ secret: 'secret://env/HOOK_SECRET' }],
      }),
    limits,
  })
  .superRefine(({ type, baseUrl, webhook }, context) => {
    if (baseUrl === undefined && webhook === undefined && !placedOtherwise.has(type))
      context.addIssue({ code: 'custom', path: ['baseUrl'], message: 'is required' });
    if (baseUrl !== undefined && /^smtps?:/.test(baseUrl) !== (type === 'email'))
      context.addIssue({
        code: 'custom',
        path: ['baseUrl'],
        message: `must be an ${type === 'email' ? 'smtp:// or smtps://' : 'http:// or https://'} address`,
      });
  })
  .transform(({ type, baseUrl, tenant, webhook, limits: bounds, ...settings }) => ({
    type,
    baseUrl: baseUrl ?? null,
    tenant: tenant ?? null,
    ...(webhook === undefined ? {} : { webhook }),
    limits: bounds,
    settings,
  }));

/** The keys of a connection that are not the connector's own. */
export const commonConnectionKeys: ReadonlySet<string> = new Set([
  'type',
  'baseUrl',
  'tenant',
  'webhook',
  'limits',
]);

export const connectionsSchema = z
  .record(z.string().regex(namePattern, { error: nameMessage }), connectionSchema)
  .prefault({});
