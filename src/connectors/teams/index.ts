import { z } from 'zod';
import type { Rate } from '../../domain/rate.js';
import { type CheckPlan, checkConnection } from '../check.js';
import { createVendorHttp, type VendorHttp } from '../http.js';
import {
  defineConnector,
  type EffectRequest,
  type Notifier,
  type OpenConnection,
  type ResolvedConnection,
  type SendOutcome,
} from '../port.js';
import { secretAddress } from '../secret-address.js';
import { sendOnce, wrongBody } from '../send-outcome.js';
import { secretReference, secretSetting } from '../settings.js';
import { vendorClock } from '../vendor-clock.js';
import { toCard } from './card.js';

/** The whole address of the flow: its query holds the signature by which it knows us. It begins with baseUrl. */
const connection = z.strictObject({ auth: z.strictObject({ url: secretReference }) });

/** About four requests a second and flow, of which we leave one to others. */
const rate: Rate = { requests: 3, perMs: 1_000 };

/**
 * A channel of Microsoft Teams, through a flow of Power Automate ("When a Teams webhook request is received").
 * https://support.microsoft.com/en-us/office/create-incoming-webhooks-with-workflows-for-microsoft-teams-8ae491c7-0394-4861-ba59-055e33f75498
 */
export const teams = defineConnector<z.infer<typeof connection>>({
  type: 'teams',
  system: 'Microsoft Teams',
  verifiedAgainst: ['sandbox'],
  writes: { 'message.send': ['at_least_once'] },
  connection,
  streams: {},
  rate: () => rate,
  open,
});

function open(settings: ResolvedConnection): OpenConnection {
  const flow = secretSetting(settings, 'auth.url');
  const { path, query, secrets } = secretAddress(settings, 'auth.url', flow);
  const http = createVendorHttp({
    connection: settings.name,
    system: 'Microsoft Teams',
    baseUrl: settings.baseUrl,
    limits: settings.limits,
    gate: settings.gate,
    onRequest: settings.onRequest,
    renewed: settings.renewed,
    problem: (_status, body) =>
      isError(body) ? { words: `${body.error.code}: ${body.error.message}` } : null,
    secrets,
  });
  const vendorNow = (signal?: AbortSignal) => vendorClock(http, { method: 'GET', path: '/', signal });
  const opened: OpenConnection = {
    name: settings.name,
    http,
    vendorNow,
    check: (signal) => checkConnection(opened, plan(settings.name), signal),
    notifier: notifierOf(http, path, query),
    close: () => http.close(),
  };
  return opened;
}

function isError(body: unknown): body is { error: { code: unknown; message: unknown } } {
  return typeof body === 'object' && body !== null && 'error' in body && typeof body.error === 'object';
}

/** Nothing can be asked of a flow that would post nothing. */
function plan(name: string): CheckPlan {
  return {
    system: 'Microsoft Teams',
    streams: [],
    authenticate: async () => 'not asked: a card would be posted',
    authFix: `Copy the address of the flow of ${name} anew.`,
    scopeFix: () => '',
  };
}

/**
 * 202 means that the flow has the card, not that the channel does. It gives no id and knows no key: after an unknown
 * outcome the card is sent again, with the same marker in it.
 */
function notifierOf(http: VendorHttp, path: string, query: Readonly<Record<string, string>>): Notifier {
  return {
    send: {
      guarantee: 'at_least_once',
      docs: 'https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using',
      settleMs: 0,
      resendIsSafe: () => true,
      send: (request, signal) => send(http, { path, query }, request, signal),
      look: async () => ({ kind: 'cannot_look', reason: 'Teams tells nobody what was posted' }),
    },
    preview: toCard,
  };
}

async function send(
  http: VendorHttp,
  place: { readonly path: string; readonly query: Readonly<Record<string, string>> },
  { body, marker }: EffectRequest,
  signal: AbortSignal,
): Promise<SendOutcome> {
  if (body.kind !== 'message') return wrongBody('message', body.kind);
  const { outcome } = await sendOnce(http, { method: 'POST', ...place, json: toCard(body, marker), signal });
  return outcome ?? { kind: 'confirmed', remoteId: marker, remoteUrl: null, adopted: false };
}
