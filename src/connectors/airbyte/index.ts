import { z } from 'zod';
import { type CheckPlan, checkConnection } from '../check.js';
import { type Authenticator, createVendorHttp, type HttpRequest, type VendorHttp } from '../http.js';
import type { VendorProblem } from '../http-failure.js';
import { defineConnector, type OpenConnection, type ResolvedConnection } from '../port.js';
import { plainText, secretReference, secretSetting, textSetting } from '../settings.js';
import { createTokenHolder, mintToken, tokenKey } from '../token.js';
import { vendorClock } from '../vendor-clock.js';
import { airbyteSyncs } from './syncs.js';

const connection = z.strictObject({
  auth: z.strictObject({ clientId: plainText, clientSecret: secretReference }),
});

/**
 * Airbyte, in its cloud (baseUrl `https://api.airbyte.com`) or one's own (`https://<host>/api/public`): its syncs
 * are started and awaited. https://reference.airbyte.com/reference/getting-started
 */
export const airbyte = defineConnector<z.infer<typeof connection>>({
  type: 'airbyte',
  system: 'Airbyte',
  verifiedAgainst: ['sandbox'],
  writes: { 'sync.start': ['once_after_looking'] },
  connection,
  streams: {},
  open,
});

const clockCall: HttpRequest = { method: 'GET', path: '/v1/jobs', query: { limit: 1 } };

function open(settings: ResolvedConnection): OpenConnection {
  const clientId = textSetting(settings, 'auth.clientId');
  const clientSecret = secretSetting(settings, 'auth.clientSecret');
  const holder = createTokenHolder({
    key: tokenKey(settings.name, settings.baseUrl, clientId, clientSecret),
    // https://reference.airbyte.com/reference/createaccesstoken, which writes the grant with a dash.
    mint: () =>
      mintToken(http, '/v1/applications/token', {
        client_id: clientId,
        client_secret: clientSecret,
        'grant-type': 'client_credentials',
      }),
  });
  const http = createVendorHttp({
    connection: settings.name,
    system: 'Airbyte',
    baseUrl: settings.baseUrl,
    limits: settings.limits,
    gate: settings.gate,
    onRequest: settings.onRequest,
    renewed: settings.renewed,
    authenticator: holder,
    problem: airbyteProblem,
    secrets: [clientSecret],
  });
  const opened: OpenConnection = {
    name: settings.name,
    http,
    vendorNow: (signal) => vendorClock(http, { ...clockCall, signal }),
    check: (signal) => checkConnection(opened, checkPlan(http, clientId, holder), signal),
    syncs: airbyteSyncs(http),
    close: () => http.close(),
  };
  return opened;
}

/** RFC 9457, with the words that matter in `data.message` where there are some: https://reference.airbyte.com/reference/errors */
function airbyteProblem(_status: number, body: unknown): VendorProblem | null {
  if (typeof body !== 'object' || body === null) return null;
  const { title, detail, data } = body as Readonly<Record<string, unknown>>;
  const message = typeof data === 'object' && data !== null && 'message' in data ? data.message : undefined;
  const words = [title, message ?? detail].filter((text) => typeof text === 'string');
  return words.length === 0 ? null : { words: words.join(': ') };
}

function checkPlan(http: VendorHttp, clientId: string, holder: Authenticator): CheckPlan {
  const screen = 'Airbyte: User settings › Applications';
  return {
    system: 'Airbyte',
    streams: [],
    async authenticate(signal) {
      await holder.authorize(signal);
      return `application ${clientId}`;
    },
    authFix: `${screen}: check the application’s client id and secret.`,
    scopeFix: () => `${screen}: the application’s user needs the role Runner in the workspace.`,
    permissions: [
      {
        scope: 'jobs',
        async probe(signal) {
          await http.read({ ...clockCall, signal });
        },
      },
    ],
  };
}
