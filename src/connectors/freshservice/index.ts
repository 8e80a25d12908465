import { z } from 'zod';
import type { Rate } from '../../domain/rate.js';
import { Secret } from '../../domain/secret.js';
import { type CheckPlan, checkConnection } from '../check.js';
import { ticketCallout } from '../hooks/freshworks.js';
import { createVendorHttp, type HttpRequest, type VendorHttp } from '../http.js';
import type { VendorProblem } from '../http-failure.js';
import { defineConnector, type OpenConnection, type ResolvedConnection } from '../port.js';
import { readObject } from '../read-page.js';
import { secretReference, secretSetting, textSetting } from '../settings.js';
import { vendorClock } from '../vendor-clock.js';
import { freshserviceDesk } from './desk.js';

/** Requests a minute, whole account, by plan: https://api.freshservice.com/#ratelimit */
const perMinute = { starter: 100, growth: 200, pro: 400, enterprise: 500 } as const;
type Plan = keyof typeof perMinute;
const plans = Object.keys(perMinute) as [Plan, ...Plan[]];

const connection = z.strictObject({
  auth: z.strictObject({ apiKey: secretReference }),
  /** In whose name tickets are opened: an address that the account knows, or that it makes a requester of. */
  requester: z.email({ error: 'must be an email address' }),
  /** The account's plan, which sets its limit; the smallest when not given. */
  plan: z.enum(plans, { error: `must be one of ${plans.join(', ')}` }).optional(),
});

/** A quarter of it may go at once; a tenth is left to others. */
function rateOf(settings: Readonly<Record<string, unknown>>): Rate {
  const limit = perMinute[(settings['plan'] as Plan | undefined) ?? 'starter'];
  return { requests: limit * 0.9, perMs: 60_000, burst: limit / 4 };
}

export const freshservice = defineConnector<z.infer<typeof connection>>({
  type: 'freshservice',
  system: 'Freshservice',
  connection,
  streams: {},
  webhook: ticketCallout(
    'https://support.freshservice.com/support/solutions/articles/154126-using-webhooks-in-workflow-automator',
  ),
  rate: rateOf,
  open,
});

const oneTicket: HttpRequest = { method: 'GET', path: '/api/v2/tickets', query: { per_page: 1 } };

function open(settings: ResolvedConnection): OpenConnection {
  const apiKey = secretSetting(settings, 'auth.apiKey');
  const credentials = Buffer.from(`${apiKey.reveal()}:X`).toString('base64');
  const authorization = { header: new Secret(`Basic ${credentials}`), calls: 0 };
  const http = createVendorHttp({
    connection: settings.name,
    system: 'Freshservice',
    baseUrl: settings.baseUrl,
    limits: settings.limits,
    gate: settings.gate,
    rate: rateOf(settings.settings),
    onRequest: settings.onRequest,
    authenticator: { authorize: async () => authorization },
    problem,
    secrets: [apiKey],
  });
  const opened: OpenConnection = {
    name: settings.name,
    http,
    vendorNow: (signal) => vendorClock(http, { ...oneTicket, signal }),
    check: (signal) => checkConnection(opened, plan(http), signal),
    ticketDesk: freshserviceDesk(http, textSetting(settings, 'requester')),
    close: () => http.close(),
  };
  return opened;
}

/** `{"description":"Validation failed","errors":[{"field","message","code"}]}`, or `{"code","message"}`. */
function problem(_status: number, body: unknown): VendorProblem | null {
  if (typeof body !== 'object' || body === null) return null;
  const { description, message, code, errors } = body as Readonly<Record<string, unknown>>;
  const details = Array.isArray(errors)
    ? errors.map(
        (one: Readonly<Record<string, unknown>>) => `${String(one['field'])}: ${String(one['message'])}`,
      )
    : [];
  const words = [description ?? message ?? code, ...details].filter((one) => one !== undefined);
  return words.length === 0 ? null : { words: words.map(String).join('; ') };
}

function plan(http: VendorHttp): CheckPlan {
  return {
    system: 'Freshservice',
    streams: [],
    async authenticate(signal) {
      await readObject(http, { ...oneTicket, signal });
      return 'tickets can be listed';
    },
    authFix: 'Freshservice: Profile settings › API key: copy it anew; its agent must be active.',
    scopeFix: (scope) => `Freshservice: Admin › Roles: give the agent what “${scope}” needs.`,
  };
}
