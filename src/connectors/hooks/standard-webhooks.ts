import type { Secret } from '../../domain/secret.js';
import type { HookRequest } from '../webhook.js';
import { type HmacScheme, unixSeconds } from './hmac.js';

/**
 * `v1` of Standard Webhooks: base64 of the HMAC of `<id>.<time>.<body>`, several of them while the secret is rotated.
 * Svix's names of the headers are aliases.
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export function standardScheme(secrets: readonly Secret[], { headers }: HookRequest): HmacScheme {
  const prefix = headers['webhook-signature'] === undefined ? 'svix' : 'webhook';
  const id = headers[`${prefix}-id`] ?? '';
  return {
    secrets,
    header: `${prefix}-signature`,
    encoding: 'base64',
    // Without an id nothing fits: it is what tells a delivery from its repetition.
    signatures: (header) =>
      id === '' ? [] : header.split(' ').flatMap((one) => (one.startsWith('v1,') ? [one.slice(3)] : [])),
    content: (body, time) => [`${id}.${time}.`, body],
    time: { header: `${prefix}-timestamp`, read: unixSeconds },
    keyOf: (secret) => Buffer.from(secret.replace(/^whsec_/, ''), 'base64'),
  };
}
