import { z } from 'zod';
import { BatonError } from '../../protocol/errors.js';
import { type CheckPlan, checkConnection } from '../check.js';
import { createVendorHttp } from '../http.js';
import { defineConnector, type OpenConnection, type ResolvedConnection } from '../port.js';
import { optionalSetting, secretReference, secretSetting } from '../settings.js';
import { vendorClock } from '../vendor-clock.js';
import { ownWebhook } from './in.js';
import { webhookNotifier } from './out.js';

/** Not needed by a connection that only takes webhooks. */
const connection = z.strictObject({
  auth: z.strictObject({ signingSecret: secretReference }).optional(),
  /** Below baseUrl. */
  path: z
    .string({ error: 'must be a path' })
    .regex(/^\/[\x21-\x7e]*$/, { error: 'must be a path that begins with a slash' })
    .optional(),
});

/** Webhooks of one's own: what is sent to us is an event, and what we have to say is sent to `baseUrl` and `path`. */
export const webhook = defineConnector<z.infer<typeof connection>>({
  type: 'webhook',
  system: 'webhooks of your own',
  verifiedAgainst: ['sandbox', 'documented examples'],
  writes: { 'message.send': ['at_least_once'] },
  connection,
  streams: {},
  webhook: ownWebhook,
  mayOnlySend: true,
  open,
});

function open(settings: ResolvedConnection): OpenConnection {
  const signingSecret = secretSetting(settings, 'auth.signingSecret');
  if (Buffer.from(signingSecret.reveal().replace(/^whsec_/, ''), 'base64').length < 24)
    throw new BatonError('ERR_CONFIG_INVALID', {
      detail: 'The secret that auth.signingSecret refers to is not "whsec_" and at least 24 bytes in base64.',
      where: `connections.${settings.name}.auth.signingSecret`,
    });
  const path = optionalSetting(settings, 'path') ?? '/';
  const http = createVendorHttp({
    connection: settings.name,
    system: 'the receiver',
    baseUrl: settings.baseUrl,
    limits: settings.limits,
    gate: settings.gate,
    onRequest: settings.onRequest,
    renewed: settings.renewed,
    problem: () => null,
    secrets: [signingSecret],
  });
  const opened: OpenConnection = {
    name: settings.name,
    http,
    vendorNow: (signal) => vendorClock(http, { method: 'GET', path: '/', signal }),
    check: (signal) => checkConnection(opened, plan, signal),
    notifier: webhookNotifier(http, { path, signingSecret }),
    close: () => http.close(),
  };
  return opened;
}

const plan: CheckPlan = {
  system: 'the receiver',
  streams: [],
  authenticate: async () => 'not asked: it would be an event there',
  authFix: 'Give both sides the same signing secret.',
  scopeFix: () => '',
};
