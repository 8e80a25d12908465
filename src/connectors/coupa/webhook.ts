import { firstOf, firstTime, idAt, timeAt } from '../hooks/content.js';
import { headerSecretWebhook } from '../hooks/header-secret.js';

/**
 * Coupa signs nothing: a call-out of its process automator carries a header of the customer's. The body is a template
 * of theirs too; `id` is the record's, which is no delivery's.
 * https://compass.coupa.com/en-us/products/core-platform/integration-playbooks-and-resources/integration-knowledge-articles/outbound-callouts
 */
export const coupaWebhook = headerSecretWebhook({
  docs: 'https://compass.coupa.com/en-us/products/core-platform/integration-playbooks-and-resources',
  resendMs: 3_600_000,
  describe: (_, content) => ({
    id: firstOf(idAt(content, 'event_id'), idAt(content, 'event-id')),
    type:
      firstOf(idAt(content, 'event'), idAt(content, 'event_type'), idAt(content, 'event-type')) ?? 'callout',
    subject: firstOf(
      idAt(content, 'id'),
      idAt(content, 'purchase-order', 'id'),
      idAt(content, 'order', 'id'),
    ),
    occurredAt: firstTime(timeAt(content, 'occurred_at'), timeAt(content, 'updated-at')),
  }),
});
