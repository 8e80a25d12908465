import { z } from 'zod';
import { idAt, timeAt } from '../hooks/content.js';
import { verifyHmac } from '../hooks/hmac.js';
import { secretSettings, secretsOf } from '../hooks/secrets.js';
import type { Webhook } from '../webhook.js';
import { pagerdutyAlerts } from './alerts.js';

/**
 * PagerDuty's v3 webhooks: several `v1=` signatures of the body while its secret is rotated, no time.
 * https://developer.pagerduty.com/docs/verifying-webhook-signatures
 */
export const pagerdutyWebhook: Webhook = {
  docs: 'https://developer.pagerduty.com/docs/verifying-webhook-signatures',
  contentTypes: ['application/json'],
  settings: z.strictObject(secretSettings),
  resendMs: 86_400_000,
  alerts: pagerdutyAlerts,
  open: (settings) => ({
    verify: (request) =>
      verifyHmac(
        {
          secrets: secretsOf(settings),
          header: 'x-pagerduty-signature',
          encoding: 'hex',
          signatures: (header) =>
            header
              .split(',')
              .map((one) => one.trim())
              .filter((one) => one.startsWith('v1='))
              .map((one) => one.slice(3)),
        },
        request,
      ),
    describe: (_, content) => ({
      id: idAt(content, 'event', 'id'),
      type: idAt(content, 'event', 'event_type') ?? 'event',
      subject: idAt(content, 'event', 'data', 'id'),
      occurredAt: timeAt(content, 'event', 'occurred_at'),
    }),
  }),
};
