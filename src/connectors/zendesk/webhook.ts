import { z } from 'zod';
import { firstOf, idAt, timeAt } from '../hooks/content.js';
import { verifyHmac } from '../hooks/hmac.js';
import { secretSettings, secretsOf } from '../hooks/secrets.js';
import type { Webhook } from '../webhook.js';

const invocation = 'x-zendesk-webhook-invocation-id';

/**
 * Zendesk signs its time and the body, base64. Event webhooks name what happened; those of triggers and automations
 * carry a template of the customer's.
 * https://developer.zendesk.com/documentation/webhooks/verifying/
 */
export const zendeskWebhook: Webhook = {
  docs: 'https://developer.zendesk.com/documentation/webhooks/verifying/',
  contentTypes: ['application/json'],
  settings: z.strictObject(secretSettings),
  resendMs: 600_000,
  open: (settings) => ({
    verify: (request) =>
      verifyHmac(
        {
          secrets: secretsOf(settings),
          header: 'x-zendesk-webhook-signature',
          encoding: 'base64',
          content: (body, time) => [time, body],
          time: { header: 'x-zendesk-webhook-signature-timestamp', read: Date.parse },
        },
        request,
      ),
    describe: ({ headers }, content) => ({
      // In a customer's template `id` may be the ticket's: only an event's own tells it from others.
      id: firstOf(isEvent(content) ? idAt(content, 'id') : null, headers[invocation] ?? null),
      type: isEvent(content) ? (idAt(content, 'type') ?? 'trigger') : 'trigger',
      subject: firstOf(
        idAt(content, 'detail', 'id'),
        idAt(content, 'ticket', 'id'),
        idAt(content, 'ticket_id'),
      ),
      occurredAt: timeAt(content, 'time'),
    }),
  }),
};

function isEvent(content: unknown): boolean {
  return idAt(content, 'type')?.startsWith('zen:event-type:') === true;
}
