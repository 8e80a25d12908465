import { z } from 'zod';
import type { Rate } from '../../domain/rate.js';
import { Secret } from '../../domain/secret.js';
import { type CheckPlan, checkConnection } from '../check.js';
import { createVendorHttp, type HttpRequest } from '../http.js';
import type { VendorProblem } from '../http-failure.js';
import { defineConnector, type OpenConnection, type ResolvedConnection } from '../port.js';
import { secretReference, secretSetting } from '../settings.js';
import { vendorClock } from '../vendor-clock.js';
import { fivetranSyncs } from './syncs.js';

const connection = z.strictObject({
  auth: z.strictObject({ apiKey: secretReference, apiSecret: secretReference }),
});

/** 20,000 requests an hour for the account, of which trials have 500: https://fivetran.com/docs/rest-api/rate-limiting */
const rate: Rate = { requests: 5, perMs: 1_000 };

/** Fivetran (baseUrl `https://api.fivetran.com`): its syncs are started and awaited. https://fivetran.com/docs/rest-api */
export const fivetran = defineConnector<z.infer<typeof connection>>({
  type: 'fivetran',
  system: 'Fivetran',
  verifiedAgainst: ['sandbox'],
  writes: { 'sync.start': ['once_after_looking'] },
  connection,
  streams: {},
  rate: () => rate,
  open,
});

const clockCall: HttpRequest = { method: 'GET', path: '/v1/connections', query: { limit: 1 } };

function open(settings: ResolvedConnection): OpenConnection {
  const apiKey = secretSetting(settings, 'auth.apiKey');
  const apiSecret = secretSetting(settings, 'auth.apiSecret');
  const pair = Buffer.from(`${apiKey.reveal()}:${apiSecret.reveal()}`).toString('base64');
  const authorization = { header: new Secret(`Basic ${pair}`), calls: 0 };
  const http = createVendorHttp({
    connection: settings.name,
    system: 'Fivetran',
    baseUrl: settings.baseUrl,
    limits: settings.limits,
    gate: settings.gate,
    rate,
    onRequest: settings.onRequest,
    renewed: settings.renewed,
    authenticator: { authorize: async () => authorization },
    headers: { Accept: 'application/json;version=2' },
    problem: fivetranProblem,
    secrets: [apiKey, apiSecret, new Secret(pair)],
  });
  const opened: OpenConnection = {
    name: settings.name,
    http,
    vendorNow: (signal) => vendorClock(http, { ...clockCall, signal }),
    check: (signal) => checkConnection(opened, checkPlan, signal),
    syncs: fivetranSyncs(http),
    close: () => http.close(),
  };
  const checkPlan: CheckPlan = {
    system: 'Fivetran',
    streams: [],
    async authenticate(signal) {
      await http.read({ ...clockCall, signal });
      return 'connections can be listed';
    },
    authFix: 'Fivetran: Account settings › API Config: check the key and its secret.',
    scopeFix: () => 'Fivetran: the key’s user needs a role that may manage the connection.',
    permissions: [
      {
        scope: 'connections',
        async probe(signal) {
          await http.read({ ...clockCall, signal });
        },
      },
    ],
  };
  return opened;
}

/** `{"code":"NotFound_Connection","message":…}`: https://fivetran.com/docs/rest-api/getting-started/api-response-codes */
function fivetranProblem(_status: number, body: unknown): VendorProblem | null {
  if (typeof body !== 'object' || body === null || !('message' in body)) return null;
  return { words: 'code' in body ? `${String(body.code)}: ${String(body.message)}` : String(body.message) };
}
