import { z } from 'zod';
import type { Rate } from '../../domain/rate.js';
import { type CheckPlan, checkConnection } from '../check.js';
import { type Authenticator, createVendorHttp, type HttpRequest } from '../http.js';
import { defineConnector, type OpenConnection, type ResolvedConnection } from '../port.js';
import { optionalSetting, plainText, secretReference, secretSetting, textSetting } from '../settings.js';
import { createTokenHolder, mintToken, tokenKey } from '../token.js';
import { vendorClock } from '../vendor-clock.js';
import { coupaProblem } from './problem.js';
import { coupaStreams, type Flagged, flagged } from './streams.js';
import { coupaWebhook } from './webhook.js';

const streams = coupaStreams([]);

/** Below Coupa's 25 requests a second, so that others of the same instance have room. */
const vendorRate: Rate = { requests: 20, perMs: 1_000 };

const connection = z.strictObject({
  auth: z.strictObject({
    clientId: plainText,
    clientSecret: secretReference,
    /** Scopes to ask for, with spaces between; all that the streams need when not given. */
    scope: plainText.optional(),
  }),
  /** Streams whose records are marked as exported at Coupa once they are in the warehouse; none when not given. */
  exported: z
    .array(
      z.enum(Object.keys(flagged) as [Flagged, ...Flagged[]], {
        error: `must be one of ${Object.keys(flagged).join(', ')}`,
      }),
    )
    .optional(),
});

function markedIn(settings: Readonly<Record<string, unknown>>): readonly Flagged[] {
  return (settings['exported'] as readonly Flagged[] | undefined) ?? [];
}

export const coupa = defineConnector<z.infer<typeof connection>>({
  type: 'coupa',
  system: 'Coupa',
  verifiedAgainst: ['sandbox'],
  connection,
  streams,
  streamsOf: (settings) => coupaStreams(markedIn(settings)),
  webhook: coupaWebhook,
  rate: () => vendorRate,
  open,
});

/** The cheapest authenticated call, for the Date header. */
const clockCall: HttpRequest = {
  method: 'GET',
  path: '/api/purchase_orders',
  query: { limit: 1, fields: '["id"]' },
};

function open(settings: ResolvedConnection): OpenConnection {
  const clientId = textSetting(settings, 'auth.clientId');
  const clientSecret = secretSetting(settings, 'auth.clientSecret');
  const read = Object.values(streams).map((stream) => stream.scope ?? '');
  const write = markedIn(settings.settings).map((stream) => flagged[stream]);
  const every = [...new Set([...read, ...write])].join(' ');
  const scope = optionalSetting(settings, 'auth.scope') ?? every;
  const holder = createTokenHolder({
    key: tokenKey(settings.name, settings.baseUrl, clientId, clientSecret, scope),
    // https://compass.coupa.com/en-us/products/product-documentation/integration-technical-documentation/the-coupa-core-api/get-started-with-the-api/oauth-2.0-getting-started-with-coupa-api
    mint: () => mintToken(http, '/oauth2/token', { client_id: clientId, client_secret: clientSecret, scope }),
  });
  const http = createVendorHttp({
    connection: settings.name,
    system: 'Coupa',
    baseUrl: settings.baseUrl,
    limits: settings.limits,
    gate: settings.gate,
    rate: vendorRate,
    onRequest: settings.onRequest,
    renewed: settings.renewed,
    authenticator: holder,
    // Coupa wants both, also on GET.
    headers: { 'Content-Type': 'application/json' },
    problem: coupaProblem,
    secrets: [clientSecret],
  });
  const opened: OpenConnection = {
    name: settings.name,
    http,
    vendorNow: (signal) => vendorClock(http, { ...clockCall, signal }),
    check: (signal) => checkConnection(opened, checkPlan(clientId, holder), signal),
    close: () => http.close(),
  };
  return opened;
}

function checkPlan(clientId: string, holder: Authenticator): CheckPlan {
  const screen = 'Coupa: Setup › Integrations › OAuth2/OpenID Connect Clients';
  return {
    system: 'Coupa',
    streams: Object.values(streams),
    async authenticate(signal) {
      await holder.authorize(signal);
      return `client ${clientId}`;
    },
    authFix: `${screen}: check the client’s identifier, secret and scopes, and that it is active.`,
    scopeFix: (scope) => `${screen}: add ${scope} to the client’s scopes.`,
  };
}
