import { z } from 'zod';
import { type CheckPlan, checkConnection } from '../check.js';
import { createVendorHttp } from '../http.js';
import { defineConnector, type OpenConnection, type ResolvedConnection } from '../port.js';
import { vendorClock } from '../vendor-clock.js';
import { rates } from './rates.js';

const streams = { rates } as const;

const connection = z.strictObject({});

/** Daily reference rates of the European Central Bank, as JSON and without a key. */
export const frankfurter = defineConnector<z.infer<typeof connection>>({
  type: 'frankfurter',
  system: 'Frankfurter',
  verifiedAgainst: ['sandbox'],
  connection,
  streams,
  open,
});

function open(settings: ResolvedConnection): OpenConnection {
  const http = createVendorHttp({
    connection: settings.name,
    system: 'Frankfurter',
    baseUrl: settings.baseUrl,
    limits: settings.limits,
    gate: settings.gate,
    onRequest: settings.onRequest,
    renewed: settings.renewed,
    problem: (_status, body) =>
      typeof body === 'object' && body !== null && 'message' in body ? { words: String(body.message) } : null,
  });
  const opened: OpenConnection = {
    name: settings.name,
    http,
    vendorNow: (signal) => vendorClock(http, { method: 'GET', path: '/v1/latest', signal }),
    check: (signal) => checkConnection(opened, plan(opened), signal),
    close: () => http.close(),
  };
  return opened;
}

function plan(opened: OpenConnection): CheckPlan {
  return {
    system: 'Frankfurter',
    streams: Object.values(streams),
    async authenticate(signal) {
      await opened.vendorNow(signal);
      return 'no credentials needed';
    },
    authFix:
      'Frankfurter needs no credentials: check that baseUrl is https://api.frankfurter.dev or your own copy.',
    scopeFix: (scope) => `Frankfurter should offer ${scope} to everyone: check baseUrl.`,
  };
}
