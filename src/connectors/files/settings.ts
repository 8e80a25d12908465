import { z } from 'zod';
import { headerName } from '../hooks/header-secret.js';
import { secretSettings } from '../hooks/secrets.js';
import { plainText, secretReference } from '../settings.js';

const member = plainText.max(200);
const count = (what: string) => z.int({ error: `must be ${what}` }).positive({ error: `must be ${what}` });

/** A decimal as text, from text or a number of baton.yaml. */
const decimal = (what: string) =>
  z
    .union([z.string(), z.number()], { error: `must be ${what}` })
    .transform(String)
    .refine((text) => /^\d{1,15}(?:\.\d{1,10})?$/.test(text), { error: `must be ${what}` });

const currency = z
  .string({ error: 'must be a currency code of three capitals' })
  .regex(/^[A-Z]{3}$/, { error: 'must be a currency code of three capitals' });

/** Where the files are: a folder, or a bucket of S3 or of a store that speaks its protocol. */
const place = {
  folder: plainText.optional(),
  bucket: plainText.optional(),
  prefix: z
    .string({ error: 'must be a folder in the bucket' })
    .regex(/^(?:[^/]+\/)*[^/]*$/, { error: 'must be a folder in the bucket' })
    .prefault(''),
  region: plainText.optional(),
  endpoint: z.url({ error: 'must be a URL' }).optional(),
  forcePathStyle: z.boolean({ error: 'must be true or false' }).prefault(false),
  auth: z
    .strictObject({
      accessKeyId: plainText,
      secretAccessKey: secretReference,
      sessionToken: secretReference.optional(),
    })
    .optional(),
};

export const filesSettings = z
  .strictObject({
    ...place,
    /** By the file's name when `auto`. */
    format: z
      .enum(['auto', 'json', 'ndjson', 'csv'], { error: 'must be auto, json, ndjson or csv' })
      .prefault('auto'),
    /** Between the values of a CSV file. */
    delimiter: z
      .string({ error: 'must be one character' })
      .length(1, { error: 'must be one character' })
      .prefault(','),
    /** Names of the orders' members: columns, in a CSV file. */
    orders: z
      .strictObject({
        id: member.prefault('order_id'),
        subtotal: member.prefault('subtotal'),
        tax: member.prefault('tax'),
        currency: member.prefault('currency'),
      })
      .prefault({}),
    /** Of an order that names none: a share, 0.08 being 8 %. */
    tax: decimal('a share such as 0.08').prefault('0.08'),
    currency: currency.prefault('USD'),
    /** In USD; what is worth more is HIGH. */
    highAbove: decimal('an amount such as 10000').prefault('10000'),
    /** Connection whose rates convert what is not in USD. */
    rates: plainText.optional(),
    /** Connection whose desk gets a ticket for each HIGH order; none when not given. */
    tickets: plainText.optional(),
    /** More HIGH orders in one file than this get one ticket together. */
    summaryAfter: count('a number of orders').prefault(50),
    /** How often it is looked for files that no event told of. */
    pollMs: count('a number of milliseconds').prefault(3_000),
    /** A file in a folder is whole when nobody has written to it for so long. */
    settleMs: count('a number of milliseconds').prefault(2_000),
    /** Address of the SQS queue that gets the bucket's events. */
    queue: z.url({ error: 'must be a URL' }).optional(),
  })
  .refine(({ folder, bucket }) => (folder === undefined) !== (bucket === undefined), {
    error: 'must have either a folder or a bucket',
    path: ['folder'],
  });

export type FilesSettings = z.infer<typeof filesSettings>;

/** Of who pushes notices: a secret in a header that it repeats, or as `token` in the address where it can set none. */
export const noticeSettings = z.strictObject({
  ...secretSettings,
  header: headerName.prefault('authorization'),
});
