import { z } from 'zod';
import type { Rate } from '../../domain/rate.js';
import { type CheckPlan, checkConnection } from '../check.js';
import { createVendorHttp } from '../http.js';
import { defineConnector, type OpenConnection, type ResolvedConnection } from '../port.js';
import { secretReference, secretSetting } from '../settings.js';
import { vendorClock } from '../vendor-clock.js';
import { eventNotifier } from './events.js';
import { pagerdutyWebhook } from './webhook.js';

/** Not needed by a connection that only takes PagerDuty's webhooks. */
const connection = z.strictObject({ auth: z.strictObject({ routingKey: secretReference }).optional() });

/** Some 120 events a minute and routing key, of which we leave a sixth to others. */
const rate: Rate = { requests: 100, perMs: 60_000, burst: 20 };

/**
 * PagerDuty: messages go to its Events API v2 (`https://events.pagerduty.com`, in Europe
 * `https://events.eu.pagerduty.com`) and become its alerts; what happens to its incidents comes by webhook.
 * https://developer.pagerduty.com/docs/events-api-v2-overview
 */
export const pagerduty = defineConnector<z.infer<typeof connection>>({
  type: 'pagerduty',
  system: 'PagerDuty',
  verifiedAgainst: ['sandbox', 'documented examples'],
  writes: { 'message.send': ['at_least_once'] },
  connection,
  streams: {},
  webhook: pagerdutyWebhook,
  mayOnlySend: true,
  rate: () => rate,
  open,
});

function open(settings: ResolvedConnection): OpenConnection {
  const routingKey = secretSetting(settings, 'auth.routingKey');
  const http = createVendorHttp({
    connection: settings.name,
    system: 'PagerDuty',
    baseUrl: settings.baseUrl,
    limits: settings.limits,
    gate: settings.gate,
    rate,
    onRequest: settings.onRequest,
    renewed: settings.renewed,
    problem: (_status, body) => (isProblem(body) ? { words: wordsOf(body) } : null),
    secrets: [routingKey],
  });
  const opened: OpenConnection = {
    name: settings.name,
    http,
    vendorNow: (signal) => vendorClock(http, { method: 'GET', path: '/', signal }),
    check: (signal) => checkConnection(opened, planOf(settings.name), signal),
    notifier: eventNotifier(http, routingKey),
    close: () => http.close(),
  };
  return opened;
}

interface Problem {
  readonly message: string;
  readonly errors?: unknown;
}

function isProblem(body: unknown): body is Problem {
  return typeof body === 'object' && body !== null && 'message' in body && typeof body.message === 'string';
}

function wordsOf({ message, errors }: Problem): string {
  return [message, ...(Array.isArray(errors) ? errors.map(String) : [])].join('; ');
}

/** Nothing can be asked that would not call somebody. */
function planOf(name: string): CheckPlan {
  return {
    system: 'PagerDuty',
    streams: [],
    authenticate: async () => 'not asked: somebody would be called',
    authFix: `PagerDuty: Services › the service › Integrations › Events API V2: copy the integration key of ${name} anew.`,
    scopeFix: () => '',
  };
}
