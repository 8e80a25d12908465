import { z } from 'zod';
import { BatonError } from '../../protocol/errors.js';
import { idAt, valueAt } from '../hooks/content.js';
import { unixSeconds, verifyHmac } from '../hooks/hmac.js';
import { secretSettings, secretsOf } from '../hooks/secrets.js';
import { parseStrictJson } from '../strict-json.js';
import type { Webhook } from '../webhook.js';

/**
 * Slack's Events API and interactivity: `v0=` and the HMAC of `v0:<time>:<body>`, hex.
 * https://docs.slack.dev/authentication/verifying-requests-from-slack
 */
export const slackWebhook: Webhook = {
  docs: 'https://docs.slack.dev/authentication/verifying-requests-from-slack',
  contentTypes: ['application/json', 'application/x-www-form-urlencoded'],
  settings: z.strictObject(secretSettings),
  resendMs: 3_600_000,
  open: (settings) => ({
    verify: (request) =>
      verifyHmac(
        {
          secrets: secretsOf(settings),
          header: 'x-slack-signature',
          encoding: 'hex',
          signatures: (header) => (header.startsWith('v0=') ? [header.slice(3)] : []),
          content: (body, time) => [`v0:${time}:`, body],
          time: { header: 'x-slack-request-timestamp', read: unixSeconds },
        },
        request,
      ),
    parse: (body) => (body[0] === openBrace ? parseStrictJson(body) : formPayload(body)),
    describe: (_, content) => ({
      id: idAt(content, 'event_id'),
      type: idAt(content, 'event', 'type') ?? idAt(content, 'type') ?? 'event',
      subject: idAt(content, 'event', 'channel') ?? idAt(content, 'channel', 'id'),
      occurredAt: secondsAt(valueAt(content, 'event_time')),
    }),
    /** https://docs.slack.dev/reference/events/url_verification */
    handshake(_, content) {
      const challenge = valueAt(content, 'challenge');
      if (valueAt(content, 'type') !== 'url_verification' || typeof challenge !== 'string') return null;
      return { contentType: 'text/plain; charset=utf-8', body: challenge };
    },
  }),
};

const openBrace = 0x7b;

/** What a person pressed comes as a form with one field that is JSON. */
function formPayload(body: Buffer): unknown {
  const payload = new URLSearchParams(body.toString('utf8')).get('payload');
  if (payload !== null) return parseStrictJson(Buffer.from(payload));
  throw new BatonError('ERR_EVENT_CONTENT', { detail: 'The form has no field “payload”.' });
}

function secondsAt(value: unknown): Date | null {
  return Number.isSafeInteger(value) && Number(value) > 0 && Number(value) < 4_102_444_800
    ? new Date(Number(value) * 1_000)
    : null;
}
