import { Cron } from 'croner';
import { z } from 'zod';
import { vaultRefPattern } from '../../vaults/reference.js';
import { parseUrl } from '../address.js';
import { parseDuration } from '../duration.js';

/**
 * The kinds of value that settings are made of. Messages name what is accepted and never repeat what was
 * found there, because it may be a secret in the wrong place.
 */

/** A reference such as `secret://env/NAME`: the only form in which a secret may stand in the configuration. */
export type SecretRef = string;

const localRefPattern =
  /^secret:\/\/(?:env\/[A-Za-z_][A-Za-z0-9_]*|env-url\/[A-Za-z_][A-Za-z0-9_]*|file\/.+)$/;

export const secretRefPattern = new RegExp(`${localRefPattern.source}|${vaultRefPattern.source}`);

export const secretMessage =
  'must be a reference to a secret (secret://env/NAME, secret://file/path, secret://vault/mount/path#field, secret://aws/name#field or secret://gcp/project/name#field), never the secret itself';

export const secretRef = z.string({ error: secretMessage }).regex(secretRefPattern, { error: secretMessage });

const durationMessage = 'must be a duration: 30s, 2m, 1h30m, 7d, PT5M, or a number of seconds';

/** A duration in any of the accepted forms; the value is in milliseconds. */
export const duration = z
  .union([z.string(), z.number()], { error: durationMessage })
  .transform((value, context) => {
    const milliseconds = parseDuration(value);
    if (milliseconds !== null) return milliseconds;
    context.addIssue({ code: 'custom', message: durationMessage });
    return z.NEVER;
  });

const decimalMessage = 'must be a decimal number that is not negative, best in quotes: "10000.00"';
const decimalPattern = /^\d{1,30}(\.\d{1,18})?$/;

/** A non-negative decimal, kept as text. A bare YAML number is accepted while a float holds it exactly. */
export const decimal = z
  .union([z.string(), z.number()], { error: decimalMessage })
  .transform((value, context) => {
    const text = String(value).trim();
    const exact = typeof value === 'string' || text.replace('.', '').length <= 15;
    if (exact && decimalPattern.test(text)) return text;
    context.addIssue({ code: 'custom', message: decimalMessage });
    return z.NEVER;
  });

const instantPattern = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2}))?$/;

/** An RFC 3339 time, or a date that means midnight UTC; the value is UTC to the millisecond. */
export const instant = z
  .string({ error: 'must be a time such as 2026-01-31T00:00:00Z' })
  .transform((value, context) => {
    const time = instantPattern.test(value) ? Date.parse(value) : Number.NaN;
    if (!Number.isNaN(time)) return new Date(time).toISOString();
    context.addIssue({ code: 'custom', message: 'must be a time such as 2026-01-31T00:00:00Z' });
    return z.NEVER;
  });

/** An http(s) address without credentials, query or fragment; the value has no trailing slash. */
export const httpUrl = address(/^https?:$/, 'an http:// or https:// address');

/** The same of a vendor, which may be a mail server. */
export const vendorUrl = address(/^(?:http|smtp)s?:$/, 'an http:// or https:// address');

function address(protocols: RegExp, what: string) {
  return z.string({ error: 'must be an address such as https://example.com' }).transform((value, context) => {
    const problem = urlProblem(value, protocols, what);
    if (problem === null) return value.replace(/\/+$/, '');
    context.addIssue({ code: 'custom', message: problem });
    return z.NEVER;
  });
}

function urlProblem(value: string, protocols: RegExp, what: string): string | null {
  const url = parseUrl(value);
  if (url === null || !protocols.test(url.protocol)) return `must be ${what}`;
  if (url.username !== '' || url.password !== '') return 'must not contain credentials: put them under auth';
  if (url.search !== '' || url.hash !== '') return 'must not contain a query or a fragment';
  return null;
}

/** `host:port`. */
export const hostPort = z
  .string({ error: 'must be host:port' })
  .regex(/^(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9_.-]+):\d{1,5}$/, {
    error: 'must be host:port, such as 127.0.0.1:7233',
  });

export const port = z.int({ error: 'must be a port number from 0 to 65535' }).min(0).max(65535);

/** A name of ours: tenant, connection, pipeline. */
export const namePattern = /^[a-z0-9][a-z0-9_.-]{0,62}$/;
export const nameMessage = 'must be a name of small letters, digits, dot, dash and underscore (at most 63)';
export const name = z.string({ error: nameMessage }).regex(namePattern, { error: nameMessage });

export const timezone = z
  .string({ error: 'must be a time zone such as Europe/Berlin' })
  .refine(isTimezone, { error: 'must be a time zone of the IANA list, such as UTC or Europe/Berlin' });

function isTimezone(value: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: value }) !== null;
  } catch {
    return false;
  }
}

/** A cron expression of five fields, or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`. */
export const cron = z
  .string({ error: 'must be a cron expression such as "0 6 * * *" or "@daily"' })
  .refine(isCron, { error: 'must be a cron expression such as "0 6 * * *" or "@daily"' });

function isCron(value: string): boolean {
  if (/^@(hourly|daily|midnight|weekly|monthly|yearly|annually)$/.test(value)) return true;
  if (value.trim().split(/\s+/).length !== 5) return false;
  try {
    return new Cron(value, { paused: true }) !== null;
  } catch {
    return false;
  }
}
