import { z } from 'zod';
import { describeGroup, groupedAlerts } from '../hooks/alert-group.js';
import { secretSettings, secretsOf } from '../hooks/secrets.js';
import { verifyAuthorization } from '../hooks/shared-secret.js';
import { defineSender } from '../port.js';
import { plainText } from '../settings.js';
import type { Webhook } from '../webhook.js';

/**
 * Alertmanager signs nothing: its `http_config` sends the secret as a bearer token, or as the password of `username`.
 * A group that is sent again unchanged is the same event for as long as a failed notification is retried.
 * https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
 */
const webhook: Webhook = {
  docs: 'https://prometheus.io/docs/alerting/latest/configuration/#webhook_config',
  contentTypes: ['application/json'],
  settings: z.strictObject({ ...secretSettings, username: plainText.optional() }),
  resendMs: 300_000,
  alerts: groupedAlerts,
  open: (settings) => ({
    verify: ({ headers }) => verifyAuthorization(headers, secretsOf(settings), settings['username']),
    describe: describeGroup,
  }),
};

/** Only sends: its alerts come by webhook. */
export const alertmanager = defineSender({
  type: 'alertmanager',
  system: 'Prometheus Alertmanager',
  verifiedAgainst: ['independent server: Alertmanager 0.25'],
  webhook,
});
