import type { Rate } from '../../domain/rate.js';
import { type CheckPlan, checkConnection } from '../check.js';
import { createVendorHttp, type VendorHttp } from '../http.js';
import type {
  EffectRequest,
  Message,
  Notifier,
  OpenConnection,
  ResolvedConnection,
  SendOutcome,
} from '../port.js';
import { type SecretAddress, secretAddress } from '../secret-address.js';
import { sendOnce, wrongBody } from '../send-outcome.js';
import { secretSetting } from '../settings.js';
import { vendorClock } from '../vendor-clock.js';
import { toSlack } from './message.js';

/** https://docs.slack.dev/apis/web-api/rate-limits: one message a second and webhook. */
const rate: Rate = { requests: 1, perMs: 1_000, burst: 3 };

/**
 * One channel of Slack by its incoming webhook: whoever has the address may post there, and nowhere else.
 * https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
 */
export function openIncoming(settings: ResolvedConnection): OpenConnection {
  const address = secretAddress(settings, 'auth.webhookUrl', secretSetting(settings, 'auth.webhookUrl'));
  const http = createVendorHttp({
    connection: settings.name,
    system: 'Slack',
    baseUrl: settings.baseUrl,
    limits: settings.limits,
    gate: settings.gate,
    rate,
    onRequest: settings.onRequest,
    renewed: settings.renewed,
    problem: () => null,
    secrets: address.secrets,
  });
  const opened: OpenConnection = {
    name: settings.name,
    http,
    vendorNow: (signal) => vendorClock(http, { method: 'GET', path: '/', signal }),
    check: (signal) => checkConnection(opened, plan, signal),
    notifier: incomingNotifier(http, address),
    close: () => http.close(),
  };
  return opened;
}

/** Nothing can be asked of a webhook that would post nothing. */
const plan: CheckPlan = {
  system: 'Slack',
  streams: [],
  authenticate: async () => 'not asked: a message would be posted',
  authFix: 'Slack: api.slack.com/apps › the app › Incoming Webhooks: copy the address anew.',
  scopeFix: () => '',
};

/** Slack tells neither what it posted nor where: after an unknown outcome it is posted again, with the same marker in it. */
function incomingNotifier(http: VendorHttp, address: SecretAddress): Notifier {
  return {
    send: {
      guarantee: 'at_least_once',
      docs: 'https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks',
      settleMs: 0,
      resendIsSafe: () => true,
      send: (request, signal) => post(http, address, request, signal),
      look: async () => ({ kind: 'cannot_look', reason: 'a webhook of Slack tells nobody what was posted' }),
    },
    preview: payloadOf,
  };
}

/** Slack remembers no key: the marker is shown. */
function payloadOf(body: Message, marker: string) {
  const message = toSlack(body);
  const named = { type: 'context', elements: [{ type: 'mrkdwn', text: marker }] };
  return { ...message, blocks: [...message.blocks, named] };
}

async function post(
  http: VendorHttp,
  { path, query }: SecretAddress,
  { body, marker }: EffectRequest,
  signal: AbortSignal,
): Promise<SendOutcome> {
  if (body.kind !== 'message') return wrongBody('message', body.kind);
  const json = payloadOf(body, marker);
  const { answer, outcome } = await sendOnce(http, { method: 'POST', path, query, json, signal });
  if (outcome !== undefined) return outcome;
  // `ok` is all that it says when it has posted; a proxy's page is not that.
  const said = answer.body.toString('utf8').trim();
  if (said !== 'ok')
    return { kind: 'unknown', reason: `${http.connection}: Slack did not say that it posted the message` };
  return { kind: 'confirmed', remoteId: marker, remoteUrl: null, adopted: false };
}
