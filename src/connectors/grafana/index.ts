import { z } from 'zod';
import { describeGroup, groupedAlerts } from '../hooks/alert-group.js';
import { headerName } from '../hooks/header-secret.js';
import { unixSeconds, verifyHmac } from '../hooks/hmac.js';
import { secretSettings, secretsOf } from '../hooks/secrets.js';
import { verifyAuthorization, verifyShared } from '../hooks/shared-secret.js';
import { defineSender } from '../port.js';
import { plainText } from '../settings.js';
import type { OpenWebhook, Webhook } from '../webhook.js';

const hmac = z.strictObject({
  scheme: z.literal('hmac'),
  ...secretSettings,
  header: headerName.prefault('x-grafana-alerting-signature'),
  /** The header that the contact point puts the time in: with it the time is signed too. */
  timestampHeader: headerName.optional(),
});
const authorization = z.strictObject({
  scheme: z.literal('authorization'),
  ...secretSettings,
  username: plainText.optional(),
});
const shared = z.strictObject({
  scheme: z.literal('header'),
  ...secretSettings,
  header: headerName.prefault('x-baton-secret'),
});

/**
 * A contact point of type webhook. Choose `hmac`, with a timestamp header: it alone proves body and time. The others
 * repeat the secret: in Authorization (Basic with `username`, else Bearer), or in an extra header.
 * https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/
 */
const webhook: Webhook = {
  docs: 'https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/',
  contentTypes: ['application/json'],
  settings: z.discriminatedUnion('scheme', [hmac, authorization, shared], {
    error: 'must have a scheme: hmac, authorization or header',
  }),
  resendMs: 300_000,
  alerts: groupedAlerts,
  open: (settings) => ({ verify: verifierOf(settings), describe: describeGroup }),
};

function verifierOf(settings: Readonly<Record<string, unknown>>): OpenWebhook['verify'] {
  const secrets = secretsOf(settings);
  const header = String(settings['header']);
  const timeHeader = settings['timestampHeader'];
  switch (settings['scheme']) {
    case 'hmac': {
      const signed = { secrets, header, encoding: 'hex' } as const;
      if (typeof timeHeader !== 'string') return (request) => verifyHmac(signed, request);
      const content = (body: Buffer, time: string) => [`${time}:`, body];
      const time = { header: timeHeader, read: unixSeconds };
      return (request) => verifyHmac({ ...signed, content, time }, request);
    }
    case 'authorization':
      return ({ headers }) => verifyAuthorization(headers, secrets, settings['username']);
    default:
      return ({ headers }) => verifyShared(header, headers[header], secrets);
  }
}

/** Only sends: its alerts come by webhook. */
export const grafana = defineSender({
  type: 'grafana',
  system: 'Grafana',
  verifiedAgainst: ['documented examples'],
  webhook,
});
