import { z } from 'zod';
import { mostOfMinute, type Rate } from '../../domain/rate.js';
import { Secret } from '../../domain/secret.js';
import { BatonError } from '../../protocol/errors.js';
import { type CheckPlan, checkConnection } from '../check.js';
import type { Charge, Quota } from '../gate.js';
import { createVendorHttp, type HttpRequest, type VendorHttp } from '../http.js';
import { defineConnector, type OpenConnection, type ResolvedConnection } from '../port.js';
import { readObject } from '../read-page.js';
import { plainText, secretReference, secretSetting, textSetting } from '../settings.js';
import { vendorClock } from '../vendor-clock.js';
import { chats } from './chats.js';
import { zendeskDesk } from './desk.js';
import { ticketMetricEvents, ticketMetrics } from './metrics.js';
import { organizations, users } from './people.js';
import { zendeskProblem } from './problem.js';
import { zendeskReading } from './reading.js';
import { tickets } from './tickets.js';
import { zendeskWebhook } from './webhook.js';

const streams = {
  tickets,
  users,
  organizations,
  ticket_metrics: ticketMetrics,
  ticket_metric_events: ticketMetricEvents,
} as const;

/** Of accounts with Zendesk Chat: `chat: true`. */
const chatStreams = { ...streams, chats };

/** https://developer.zendesk.com/api-reference/introduction/rate-limits/ requests a minute, by plan */
const perMinute = {
  team: 200,
  growth: 400,
  professional: 400,
  enterprise: 700,
  high_volume: 2_500,
} as const satisfies Record<string, number>;
type ZendeskPlan = keyof typeof perMinute;

const plans = Object.keys(perMinute) as [ZendeskPlan, ...ZendeskPlan[]];

const connection = z.strictObject({
  auth: z.strictObject({ email: plainText, apiToken: secretReference }),
  /** The account's plan, which sets its limit; the smallest when not given. */
  plan: z.enum(plans, { error: `must be one of ${plans.join(', ')}` }).optional(),
  /** Whether the account has Zendesk Chat, whose chats are then the stream `chats`; not tried on a live account. */
  chat: z.boolean({ error: 'must be true or false' }).optional(),
});

function planOf(settings: Readonly<Record<string, unknown>>): ZendeskPlan {
  return (settings['plan'] as ZendeskPlan | undefined) ?? 'team';
}

function rateOf(settings: Readonly<Record<string, unknown>>): Rate {
  return mostOfMinute(perMinute[planOf(settings)]);
}

/** All exports of an account share a limit of their own, of which half may go at once; updates of tickets too. */
function chargesOf(plan: ZendeskPlan): (request: HttpRequest) => Charge {
  const isHigh = plan === 'high_volume';
  const exported = isHigh ? 30 : 10;
  const exports: Quota = {
    name: 'incremental',
    rate: { requests: exported, perMs: 60_000, burst: exported / 2 },
  };
  const chat: Quota = { name: 'chat', rate: mostOfMinute(200) };
  const updates: Quota = { name: 'ticket update', rate: mostOfMinute(isHigh ? 300 : 100) };
  return ({ method, path }) => {
    if (path.startsWith('/api/v2/incremental/')) return { quota: exports };
    if (path.startsWith('/api/v2/chat/')) return { quota: chat };
    return method === 'PUT' && /\/tickets\/\d+\.json$/.test(path) ? { quota: updates } : {};
  };
}

export const zendesk = defineConnector<z.infer<typeof connection>>({
  type: 'zendesk',
  system: 'Zendesk',
  verifiedAgainst: ['sandbox'],
  writes: { 'ticket.open': ['exact'], 'ticket.update': ['once_after_looking'] },
  connection,
  streams,
  streamsOf: ({ chat }) => (chat === true ? chatStreams : streams),
  webhook: zendeskWebhook,
  rate: rateOf,
  open,
});

/** https://developer.zendesk.com/api-reference/ticketing/users/users/#show-self */
const whoAmI: HttpRequest = { method: 'GET', path: '/api/v2/users/me.json' };

function open(settings: ResolvedConnection): OpenConnection {
  const email = textSetting(settings, 'auth.email');
  const apiToken = secretSetting(settings, 'auth.apiToken');
  const hasChat = settings.settings['chat'] === true;
  const credentials = Buffer.from(`${email}/token:${apiToken.reveal()}`).toString('base64');
  const authorization = { header: new Secret(`Basic ${credentials}`), calls: 0 };
  const http = createVendorHttp({
    connection: settings.name,
    system: 'Zendesk',
    baseUrl: settings.baseUrl,
    limits: settings.limits,
    gate: settings.gate,
    rate: rateOf(settings.settings),
    chargeOf: chargesOf(planOf(settings.settings)),
    reading: zendeskReading,
    onRequest: settings.onRequest,
    renewed: settings.renewed,
    authenticator: { authorize: async () => authorization },
    problem: zendeskProblem,
    secrets: [apiToken],
  });
  const opened: OpenConnection = {
    name: settings.name,
    http,
    vendorNow: (signal) => vendorClock(http, { ...whoAmI, signal }),
    check: (signal) => checkConnection(opened, checkPlan(http, email, hasChat), signal),
    ticketDesk: zendeskDesk(http),
    close: () => http.close(),
  };
  return opened;
}

function checkPlan(http: VendorHttp, email: string, hasChat: boolean): CheckPlan {
  return {
    system: 'Zendesk',
    streams: Object.values(hasChat ? chatStreams : streams),
    async authenticate(signal) {
      const { user } = await readObject(http, { ...whoAmI, signal });
      // Without valid credentials some instances answer 200 with a user who is nobody.
      const isSomeone = typeof user === 'object' && user !== null && 'id' in user && user.id !== null;
      if (isSomeone) return email;
      throw new BatonError('ERR_SOURCE_AUTH', {
        detail: `${http.connection}: Zendesk does not know ${email}`,
      });
    },
    authFix:
      'Zendesk: Admin Center › Apps and integrations › APIs › Zendesk API: token access on, and a token that is active for this agent.',
    scopeFix: (scope) =>
      `Zendesk: Admin Center › People › Team members: give the agent what “${scope}” needs.`,
    permissions: [
      {
        scope: 'tickets (read by external_id)',
        async probe(signal) {
          await http.read({
            method: 'GET',
            path: '/api/v2/tickets.json',
            query: { external_id: 'btn-none' },
            signal,
          });
        },
      },
    ],
  };
}
