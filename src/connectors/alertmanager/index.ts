import { z } from 'zod';
import { idAt } from '../hooks/content.js';
import { secretSettings, secretsOf } from '../hooks/secrets.js';
import { verifyShared } from '../hooks/shared-secret.js';
import { defineSender } from '../port.js';
import { plainText } from '../settings.js';
import type { Webhook } from '../webhook.js';
import { alertmanagerAlerts } from './alerts.js';

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
  alerts: alertmanagerAlerts,
  open(settings) {
    const { username } = settings;
    const expected = (secret: string) =>
      username === undefined
        ? `Bearer ${secret}`
        : `Basic ${Buffer.from(`${username}:${secret}`).toString('base64')}`;
    return {
      verify: ({ headers }) =>
        verifyShared('authorization', headers['authorization'], secretsOf(settings), expected),
      describe: (_, content) => ({
        id: null,
        type: idAt(content, 'status') ?? 'alert',
        subject: idAt(content, 'groupKey'),
        occurredAt: null,
      }),
    };
  },
};

/** Only sends: its alerts come by webhook. */
export const alertmanager = defineSender({
  type: 'alertmanager',
  system: 'Prometheus Alertmanager',
  webhook,
});
