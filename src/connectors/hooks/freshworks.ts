import type { Webhook } from '../webhook.js';
import { firstOf, firstTime, idAt, timeAt } from './content.js';
import { headerSecretWebhook } from './header-secret.js';

/**
 * The call-out of a rule in Freshdesk or Freshservice: unsigned, a template of the customer's, sent again for a while
 * when it fails. Its ticket's id is not the delivery's, so that it is told from others by its content.
 */
export function ticketCallout(docs: string): Webhook {
  return headerSecretWebhook({
    docs,
    resendMs: 1_800_000,
    describe: (_, content) => ({
      id: idAt(content, 'event_id'),
      type: idAt(content, 'event') ?? 'ticket',
      subject: firstOf(
        idAt(content, 'ticket_id'),
        idAt(content, 'ticket', 'id'),
        idAt(content, 'freshdesk_webhook', 'ticket_id'),
      ),
      occurredAt: firstTime(timeAt(content, 'updated_at'), timeAt(content, 'ticket', 'updated_at')),
    }),
  });
}
