import { z } from 'zod';
import { mostOfMinute } from '../../domain/rate.js';
import { Secret } from '../../domain/secret.js';
import { type CheckPlan, checkConnection } from '../check.js';
import type { QuotaReading } from '../gate.js';
import { ticketCallout } from '../hooks/freshworks.js';
import { createVendorHttp, type HttpRequest, type VendorHttp } from '../http.js';
import type { VendorProblem } from '../http-failure.js';
import { splitArray } from '../json-split.js';
import {
  defineConnector,
  type OpenableConnector,
  type OpenConnection,
  type ResolvedConnection,
  type Stream,
} from '../port.js';
import { readPage } from '../read-page.js';
import { secretReference, secretSetting, textSetting } from '../settings.js';
import { vendorClock } from '../vendor-clock.js';
import { chargesOf, type LimitedCall } from './charges.js';
import { type Dialect, freshworksDesk } from './desk.js';

/** In what the systems of Freshworks differ. */
export interface Freshworks<Plan extends string> {
  readonly type: string;
  readonly system: string;
  /** Requests a minute, whole account, by plan. */
  readonly perMinute: Readonly<Record<Plan, number>>;
  /** The plan with the smallest limit, which holds when none is named. */
  readonly smallest: NoInfer<Plan>;
  readonly limitedCalls: readonly LimitedCall<Plan>[];
  readonly dialect: Dialect;
  /** The vendor's page on the call-outs of its rules. */
  readonly webhookDocs: string;
  readonly streams: Readonly<Record<string, Stream>>;
}

const oneTicket: HttpRequest = { method: 'GET', path: '/api/v2/tickets', query: { per_page: 1 } };

/** A system of Freshworks: Basic authentication with the key of an agent, and limits by the minute. */
export function freshworks<Plan extends string>(own: Freshworks<Plan>): OpenableConnector<unknown> {
  const plans = Object.keys(own.perMinute) as [Plan, ...Plan[]];
  const planOf = (settings: Readonly<Record<string, unknown>>): Plan =>
    (settings['plan'] as Plan | undefined) ?? own.smallest;
  return defineConnector<unknown>({
    type: own.type,
    system: own.system,
    connection: z.strictObject({
      auth: z.strictObject({ apiKey: secretReference }),
      /** In whose name tickets are opened: an address that the account knows, or that it makes a requester of. */
      requester: z.email({ error: 'must be an email address' }),
      /** The account's plan, which sets its limit; the smallest when not given. */
      plan: z.enum(plans, { error: `must be one of ${plans.join(', ')}` }).optional(),
    }),
    verifiedAgainst: ['sandbox'],
    writes: { 'ticket.open': ['once_after_looking'], 'ticket.update': ['once_after_looking'] },
    streams: own.streams,
    webhook: ticketCallout(own.webhookDocs),
    rate: (settings) => mostOfMinute(own.perMinute[planOf(settings)]),
    open: (settings) => open(own, settings, planOf(settings.settings)),
  });
}

function open<Plan extends string>(
  own: Freshworks<Plan>,
  settings: ResolvedConnection,
  of: Plan,
): OpenConnection {
  const apiKey = secretSetting(settings, 'auth.apiKey');
  const credentials = Buffer.from(`${apiKey.reveal()}:X`).toString('base64');
  const authorization = { header: new Secret(`Basic ${credentials}`), calls: 0 };
  const http = createVendorHttp({
    connection: settings.name,
    system: own.system,
    baseUrl: settings.baseUrl,
    limits: settings.limits,
    gate: settings.gate,
    rate: mostOfMinute(own.perMinute[of]),
    chargeOf: chargesOf(own.limitedCalls, of),
    reading,
    onRequest: settings.onRequest,
    renewed: settings.renewed,
    authenticator: { authorize: async () => authorization },
    problem,
    secrets: [apiKey],
  });
  const opened: OpenConnection = {
    name: settings.name,
    http,
    vendorNow: (signal) => vendorClock(http, { ...oneTicket, signal }),
    check: (signal) => checkConnection(opened, plan(own, http), signal),
    ticketDesk: freshworksDesk({
      http,
      dialect: own.dialect,
      requester: textSetting(settings, 'requester'),
    }),
    close: () => http.close(),
  };
  return opened;
}

/**
 * What is left of the account's minute.
 * https://developers.freshdesk.com/api/#ratelimit, https://api.freshservice.com/#ratelimit
 */
function reading(headers: Readonly<Record<string, string>>): QuotaReading | null {
  const size = Number(headers['x-ratelimit-total']);
  const remaining = Number(headers['x-ratelimit-remaining']);
  return size > 0 && remaining >= 0 ? { size, remaining, resetsInMs: 60_000 } : null;
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

function plan<Plan extends string>(
  { system, dialect, streams }: Freshworks<Plan>,
  http: VendorHttp,
): CheckPlan {
  return {
    system,
    streams: Object.values(streams),
    async authenticate(signal) {
      const key = dialect.isEnveloped ? 'tickets' : null;
      await readPage(http, { ...oneTicket, signal }, (body) => splitArray(body, key));
      return 'tickets can be listed';
    },
    authFix: `${system}: Profile settings › API key: copy it anew; its agent must be active.`,
    scopeFix: (scope) => `${system}: Admin › Roles: give the agent what “${scope}” needs.`,
  };
}
