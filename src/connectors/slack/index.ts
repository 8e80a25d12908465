import { z } from 'zod';
import { Secret } from '../../domain/secret.js';
import { BatonError } from '../../protocol/errors.js';
import { type CheckPlan, checkConnection, type Permission } from '../check.js';
import { createVendorHttp, type HttpRequest, type VendorHttp } from '../http.js';
import { defineConnector, type OpenConnection, type ResolvedConnection } from '../port.js';
import { secretReference, secretSetting } from '../settings.js';
import { vendorClock } from '../vendor-clock.js';
import { readSlack } from './answer.js';
import { openIncoming } from './incoming.js';
import { slackNotifier } from './notifier.js';
import { slackWebhook } from './webhook.js';

/** As a bot, which may post wherever it is a member, or by the webhook of one channel. */
const connection = z.strictObject({
  auth: z.union(
    [z.strictObject({ botToken: secretReference }), z.strictObject({ webhookUrl: secretReference })],
    { error: 'must have either botToken or webhookUrl, as a reference to a secret' },
  ),
});

export const slack = defineConnector<z.infer<typeof connection>>({
  type: 'slack',
  system: 'Slack',
  verifiedAgainst: ['sandbox'],
  // By a webhook it cannot be looked for.
  writes: { 'message.send': ['once_after_looking', 'at_least_once'] },
  connection,
  streams: {},
  webhook: slackWebhook,
  open: (settings) => (hasWebhook(settings.settings['auth']) ? openIncoming(settings) : openBot(settings)),
});

function hasWebhook(auth: unknown): boolean {
  return typeof auth === 'object' && auth !== null && 'webhookUrl' in auth;
}

/** https://docs.slack.dev/reference/methods/auth.test */
const whoAmI: HttpRequest = { method: 'POST', path: '/api/auth.test' };

function openBot(settings: ResolvedConnection): OpenConnection {
  const botToken = secretSetting(settings, 'auth.botToken');
  const authorization = { header: new Secret(`Bearer ${botToken.reveal()}`), calls: 0 };
  const http = createVendorHttp({
    connection: settings.name,
    system: 'Slack',
    baseUrl: settings.baseUrl,
    limits: settings.limits,
    gate: settings.gate,
    onRequest: settings.onRequest,
    renewed: settings.renewed,
    authenticator: { authorize: async () => authorization },
    problem: (_status, body) =>
      typeof body === 'object' && body !== null && 'error' in body ? { words: String(body.error) } : null,
    secrets: [botToken],
  });
  const opened: OpenConnection = {
    name: settings.name,
    http,
    vendorNow: (signal) => vendorClock(http, { ...whoAmI, signal }),
    check: (signal) => checkConnection(opened, checkPlan(http), signal),
    notifier: slackNotifier(http),
    close: () => http.close(),
  };
  return opened;
}

function checkPlan(http: VendorHttp): CheckPlan {
  const screen = 'Slack: api.slack.com/apps › the app › OAuth & Permissions';
  return {
    system: 'Slack',
    streams: [],
    async authenticate(signal) {
      const { body } = await readSlack(http, { ...whoAmI, signal });
      return `${String(body['user'])} in ${String(body['team'])}`;
    },
    authFix: `${screen}: copy the Bot User OAuth Token anew; reinstall the app if it was revoked.`,
    scopeFix: (scope) => `${screen}: add ${scope} to the Bot Token Scopes and reinstall the app.`,
    permissions: [scopeProbe(http, 'chat:write'), scopeProbe(http, 'channels:history')],
  };
}

/** Slack lists the token's scopes in a header of every answer. */
function scopeProbe(http: VendorHttp, scope: string): Permission {
  return {
    scope,
    async probe(signal) {
      const { answer } = await readSlack(http, { ...whoAmI, signal });
      const granted = answer.headers['x-oauth-scopes']?.split(',').map((one) => one.trim());
      if (granted === undefined || granted.includes(scope)) return;
      throw new BatonError('ERR_SOURCE_FORBIDDEN', {
        detail: `${http.connection}: the token lacks ${scope}`,
      });
    },
  };
}
