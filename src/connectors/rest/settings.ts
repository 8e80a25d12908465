import { z } from 'zod';
import { plainText, secretReference } from '../settings.js';

const parameter = z
  .string({ error: 'must be the name of a query parameter' })
  .regex(/^[\w.[\]$-]{1,64}$/, { error: 'must be the name of a query parameter' });
const member = plainText.max(64);
const count = z.int({ error: 'must be a whole number' }).min(0, { error: 'must not be below 0' });

/** How pages follow one another; what each style guarantees: docs/reference/paging.md. */
const pages = z.discriminatedUnion('style', [
  z.strictObject({ style: z.literal('offset'), offset: parameter, limit: parameter }),
  z.strictObject({ style: z.literal('page'), page: parameter, size: parameter, first: count.prefault(1) }),
  /** By rising numeric primary key. */
  z.strictObject({ style: z.literal('keyset'), after: parameter, limit: parameter }),
  z.strictObject({
    style: z.literal('cursor'),
    parameter,
    limit: parameter,
    /** Where the next page's token is: a top-level member of the body, or a header. */
    token: z.union([z.strictObject({ member }), z.strictObject({ header: member.toLowerCase() })]),
    /** Top-level member that is false on the last page. When not given, the page without a token is the last. */
    more: member.optional(),
  }),
  z.strictObject({ style: z.literal('next_url'), member, limit: parameter }),
  z.strictObject({ style: z.literal('link_header'), limit: parameter }),
]);

const stream = z
  .strictObject({
    /** Below baseUrl: `/v1/orders`. */
    path: z
      .string({ error: 'must be a path' })
      .regex(/^\/[\w./~-]*$/, { error: 'must be a path that begins with a slash' }),
    /** Top-level member that holds the records; when not given, the answer is a bare array. */
    records: member.optional(),
    primaryKey: member,
    /** Member with the time of a record's last change, RFC 3339: with it, only what changed is read. */
    cursorField: member.optional(),
    /** Query parameters that take the window: changed at or after, and before. */
    window: z.strictObject({ from: parameter, to: parameter.optional() }).optional(),
    /** How long before the last watermark to read again, in milliseconds. */
    lagMs: count.prefault(120_000),
    /** Sent with each page's request: an order, a filter. */
    query: z.record(parameter, z.union([z.string(), z.number()])).prefault({}),
    pages,
    pageSize: z.int().min(1).max(10_000).prefault(100),
    /** Members that get a column of their own, and its type. The whole record is in `raw` anyway. */
    columns: z.record(member, z.enum(['text', 'integer', 'numeric', 'boolean', 'timestamp'])).prefault({}),
    docs: z.url().optional(),
  })
  .refine(({ cursorField, window }) => (cursorField === undefined) === (window === undefined), {
    error: 'cursorField and window belong together',
    path: ['window'],
  });

const auth = z.union([
  z.strictObject({ token: secretReference }),
  z.strictObject({ username: plainText, password: secretReference }),
  z.strictObject({
    tokenPath: plainText,
    clientId: plainText,
    clientSecret: secretReference,
    scope: plainText.optional(),
  }),
]);

export const restSettings = z.strictObject({
  /** A bearer token, a name and password, or OAuth 2 client credentials; none when not given. */
  auth: auth.optional(),
  streams: z.record(z.string().regex(/^[a-z][a-z0-9_]{0,40}$/, { error: 'must be a name' }), stream),
});

export type RestSettings = z.infer<typeof restSettings>;
export type RestStream = z.infer<typeof stream>;
