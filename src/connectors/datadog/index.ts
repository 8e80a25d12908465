import { z } from 'zod';
import { type CheckPlan, checkConnection } from '../check.js';
import { createVendorHttp, type HttpRequest, type VendorHttp } from '../http.js';
import { defineConnector, type OpenConnection, type ResolvedConnection } from '../port.js';
import { secretReference, secretSetting } from '../settings.js';
import { vendorClock } from '../vendor-clock.js';
import { eventNotifier } from './events.js';
import { seriesSink } from './series.js';
import { datadogWebhook } from './webhook.js';

/** Not needed by a connection that only takes Datadog's webhooks. */
const connection = z.strictObject({ auth: z.strictObject({ apiKey: secretReference }).optional() });

/**
 * Datadog: its alerts come by webhook; events and series go to its API, at the address of one's site
 * (`https://api.datadoghq.eu`). https://docs.datadoghq.com/api/latest/
 */
export const datadog = defineConnector<z.infer<typeof connection>>({
  type: 'datadog',
  system: 'Datadog',
  verifiedAgainst: ['sandbox'],
  writes: { 'message.send': ['at_least_once'], 'series.push': ['exact'] },
  connection,
  streams: {},
  webhook: datadogWebhook,
  mayOnlySend: true,
  open,
});

/** https://docs.datadoghq.com/api/latest/authentication/#validate-api-key */
const validate: HttpRequest = { method: 'GET', path: '/api/v1/validate' };

function open(settings: ResolvedConnection): OpenConnection {
  const apiKey = secretSetting(settings, 'auth.apiKey');
  const http = createVendorHttp({
    connection: settings.name,
    system: 'Datadog',
    baseUrl: settings.baseUrl,
    limits: settings.limits,
    gate: settings.gate,
    onRequest: settings.onRequest,
    renewed: settings.renewed,
    headers: { 'DD-API-KEY': apiKey.reveal() },
    // https://docs.datadoghq.com/api/latest/rate-limits/
    resetHeader: 'x-ratelimit-reset',
    problem: (_status, body) => (hasErrors(body) ? { words: body.errors.join('; ') } : null),
    secrets: [apiKey],
  });
  const opened: OpenConnection = {
    name: settings.name,
    http,
    vendorNow: (signal) => vendorClock(http, { ...validate, signal }),
    check: (signal) => checkConnection(opened, planOf(http), signal),
    notifier: eventNotifier(http),
    series: seriesSink(http),
    close: () => http.close(),
  };
  return opened;
}

function hasErrors(body: unknown): body is { errors: readonly unknown[] } {
  return typeof body === 'object' && body !== null && 'errors' in body && Array.isArray(body.errors);
}

function planOf(http: VendorHttp): CheckPlan {
  return {
    system: 'Datadog',
    streams: [],
    async authenticate(signal) {
      await http.read({ ...validate, signal });
      return 'the API key is valid';
    },
    authFix:
      'Datadog: Organization Settings › API Keys. The key belongs to one site: baseUrl must be that site’s.',
    scopeFix: () => '',
  };
}
