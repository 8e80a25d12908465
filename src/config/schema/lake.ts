import { z } from 'zod';
import { duration, httpUrl, name, secretRef } from './values.js';

const text = (what: string) => z.string({ error: `must be ${what}` }).min(1, { error: `must be ${what}` });

const auth = z.strictObject({
  accessKeyId: text('an access key id').meta({
    description: 'Access key id, or a reference to it.',
    examples: ['secret://env/LAKE_KEY_ID'],
  }),
  secretAccessKey: secretRef.meta({
    description: 'The secret that belongs to it.',
    examples: ['secret://env/LAKE_SECRET_KEY'],
  }),
  sessionToken: secretRef
    .optional()
    .meta({ description: 'Token of a temporary key.', examples: ['secret://env/LAKE_SESSION_TOKEN'] }),
});

const intake = z.strictObject({
  prefix: z
    .string({ error: 'must be a folder of the lake that ends with a slash' })
    .regex(/^(?:[A-Za-z0-9_.=+-]+\/)+$/, { error: 'must be a folder of the lake that ends with a slash' })
    .meta({ description: 'The folder.', examples: ['incoming/tickets/'] }),
  connection: name.meta({ description: 'Connection whose records they are.', examples: ['zendesk'] }),
  stream: text('a stream').meta({
    description: 'Its stream: one record a line, as the vendor has it.',
    examples: ['tickets'],
  }),
  tenant: name.prefault('default').meta({ description: 'Whose records they are.', examples: ['acme'] }),
});

const notifications = z.strictObject({
  queue: httpUrl.meta({
    description: 'Address of the SQS queue that gets the bucket’s events; the keys are those of the lake.',
    examples: ['https://sqs.eu-central-1.amazonaws.com/123456789012/acme-lake'],
  }),
});

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html */
const bucketPattern = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

/** In a folder, or in a bucket of S3. What only one of them has is ignored by the other. */
export const lakeSchema = z
  .strictObject({
    type: z
      .enum(['local', 's3'], { error: 'must be local or s3' })
      .prefault('local')
      .meta({ description: 'Kind of lake: a folder (`local`) or a bucket (`s3`).', examples: ['s3'] }),
    path: text('a folder')
      .prefault('.baton/lake')
      .meta({
        description: 'Folder of the lake, relative to baton.yaml; below `.baton/` it moves with BATON_HOME.',
        examples: ['/srv/lake'],
      }),
    bucket: z
      .string({ error: 'must be a bucket name' })
      .regex(bucketPattern, { error: 'must be a bucket name: small letters, digits, dots and dashes' })
      .optional()
      .meta({ description: 'Bucket of a lake on S3.', examples: ['acme-lake'] }),
    prefix: z
      .string({ error: 'must be a folder in the bucket' })
      .regex(/^(?:[A-Za-z0-9_.=+-]+\/)*[A-Za-z0-9_.=+-]*$/, { error: 'must be a folder in the bucket' })
      .refine((value) => !value.split('/').some((part) => part === '.' || part === '..'), {
        error: 'must be a folder in the bucket',
      })
      .prefault('')
      .meta({ description: 'Folder of the lake in the bucket; empty for all of it.', examples: ['baton'] }),
    region: text('a region')
      .optional()
      .meta({
        description: 'Region of the bucket; AWS_REGION, else us-east-1, when not given.',
        examples: ['eu-central-1'],
      }),
    endpoint: httpUrl.optional().meta({
      description: 'Address of an S3-compatible store; AWS_ENDPOINT_URL_S3, else AWS itself, when not given.',
      examples: ['https://s3.example.com'],
    }),
    forcePathStyle: z
      .boolean({ error: 'must be true or false' })
      .prefault(false)
      .meta({
        description: 'The bucket in the path, as most S3-compatible stores want it.',
        examples: [true],
      }),
    auth: auth.optional().meta({
      description: 'Keys of the bucket; AWS_* variables, a profile or the machine’s own role when not given.',
    }),
    layout: z
      .string({ error: 'must be a key layout' })
      .refine((value) => value.includes('{batch}') && !/^\/|\.\./.test(value), {
        error: 'must be a relative key that contains {batch}: raw/{connection}/{stream}/{date}/{batch}',
      })
      .prefault('raw/{connection}/{stream}/{date}/{batch}')
      .meta({
        description: 'Key of a batch in the lake, from {connection}, {stream}, {tenant}, {date}, {batch}.',
        examples: ['landing/{stream}/{batch}'],
      }),
    intake: z
      .array(intake, { error: 'must be a list of folders' })
      .prefault([])
      .meta({
        description:
          'Folders in which others put objects of JSON lines, each loaded into `raw.<connection>_<stream>`.',
        examples: [[{ prefix: 'incoming/tickets/', connection: 'zendesk', stream: 'tickets' }]],
      }),
    notifications: notifications.optional().meta({
      description: 'Where a bucket tells of new objects in the intakes, so that nothing waits for `poll`.',
    }),
    poll: duration.prefault('3s').meta({
      description: 'How often it is looked for what has arrived when no event told.',
      examples: ['10s'],
    }),
  })
  .superRefine((lake, context) => {
    if (lake.type === 's3' && lake.bucket === undefined)
      context.addIssue({
        code: 'custom',
        path: ['bucket'],
        message: 'is missing: a lake on S3 is in a bucket',
      });
  })
  .transform(({ poll, ...rest }) => ({ ...rest, pollMs: poll }))
  .prefault({});
