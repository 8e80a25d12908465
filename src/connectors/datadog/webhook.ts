import { firstOf, idAt } from '../hooks/content.js';
import { headerSecretWebhook } from '../hooks/header-secret.js';
import { datadogAlerts } from './alerts.js';

/**
 * Datadog signs nothing: the webhook's custom headers carry the secret. The body is a template of the customer's; the
 * one to use is in docs/how-to/webhooks.md. Ids go beyond what a number holds and are texts in it.
 * https://docs.datadoghq.com/integrations/webhooks/
 */
export const datadogWebhook = headerSecretWebhook({
  docs: 'https://docs.datadoghq.com/integrations/webhooks/',
  resendMs: 600_000,
  describe: (_, content) => ({
    id: idAt(content, 'id'),
    type: firstOf(idAt(content, 'alert_transition'), idAt(content, 'event_type')) ?? 'alert',
    subject: firstOf(
      idAt(content, 'alert_cycle_key'),
      idAt(content, 'aggreg_key'),
      idAt(content, 'alert_id'),
    ),
    occurredAt: epochAt(idAt(content, 'date')),
  }),
  alerts: datadogAlerts,
});

/** Milliseconds since 1970, as text. */
function epochAt(text: string | null): Date | null {
  return text !== null && /^\d{12,14}$/.test(text) ? new Date(Number(text)) : null;
}
