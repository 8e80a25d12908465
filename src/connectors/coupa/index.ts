import { z } from 'zod';
import { purchaseOrderColumns } from '../../domain/purchase-order.js';
import type { Rate } from '../../domain/rate.js';
import { type CheckPlan, checkConnection } from '../check.js';
import { type Authenticator, createVendorHttp, type HttpRequest } from '../http.js';
import { defineConnector, type OpenConnection, type ResolvedConnection, type Stream } from '../port.js';
import { optionalSetting, plainText, secretReference, secretSetting, textSetting } from '../settings.js';
import { createTokenHolder, mintToken, tokenKey } from '../token.js';
import { vendorClock } from '../vendor-clock.js';
import { exchangeRateColumns, mapExchangeRate } from './exchange-rate.js';
import { invoiceColumns, mapInvoice } from './invoice.js';
import { coupaProblem } from './problem.js';
import { mapPurchaseOrder } from './purchase-order.js';
import { mapPurchaseOrderLine, purchaseOrderLineColumns } from './purchase-order-line.js';
import { mapPurchaseOrderTotal, totalsColumns, totalsFields } from './purchase-order-totals.js';
import { coupaStream } from './stream.js';
import { mapSupplier, supplierColumns } from './supplier.js';
import { coupaWebhook } from './webhook.js';

const docs =
  'https://compass.coupa.com/en-us/products/product-documentation/integration-technical-documentation/the-coupa-core-api/resources';

const purchaseOrders = {
  docs: `${docs}/transactional-resources/purchase-orders-api-(purchase_orders)`,
  scope: 'core.purchase_order.read',
  mode: 'incremental',
  path: '/api/purchase_orders',
  versionColumn: 'updated_at',
} as const;

const streams = {
  purchase_orders: coupaStream({
    ...purchaseOrders,
    name: 'purchase_orders',
    columns: purchaseOrderColumns,
    leavesOut: { field: 'status', value: 'draft' },
    map: mapPurchaseOrder,
  }),
  purchase_order_totals: coupaStream({
    ...purchaseOrders,
    name: 'purchase_order_totals',
    fields: totalsFields,
    columns: totalsColumns,
    map: mapPurchaseOrderTotal,
  }),
  purchase_order_lines: coupaStream({
    name: 'purchase_order_lines',
    docs: `${docs}/transactional-resources/purchase-order-lines-api-(purchase_order_lines)`,
    scope: 'core.purchase_order.read',
    mode: 'incremental',
    path: '/api/purchase_order_lines',
    columns: purchaseOrderLineColumns,
    versionColumn: 'updated_at',
    map: mapPurchaseOrderLine,
  }),
  suppliers: coupaStream({
    name: 'suppliers',
    docs: `${docs}/reference-data-resources/suppliers-api-(suppliers)`,
    scope: 'core.supplier.read',
    mode: 'incremental',
    path: '/api/suppliers',
    columns: supplierColumns,
    versionColumn: 'updated_at',
    map: mapSupplier,
  }),
  invoices: coupaStream({
    name: 'invoices',
    docs: `${docs}/transactional-resources/invoices-api-(invoices)`,
    scope: 'core.invoice.read',
    mode: 'incremental',
    path: '/api/invoices',
    columns: invoiceColumns,
    versionColumn: 'updated_at',
    map: mapInvoice,
  }),
  exchange_rates: coupaStream({
    name: 'exchange_rates',
    docs: `${docs}/reference-data-resources/exchange-rates-api-(exchange_rates)`,
    scope: 'core.common.read',
    mode: 'full',
    path: '/api/exchange_rates',
    columns: exchangeRateColumns,
    versionColumn: null,
    map: mapExchangeRate,
  }),
} as const satisfies Record<string, Stream>;

/** Below Coupa's 25 requests a second, so that others of the same instance have room. */
const vendorRate: Rate = { requests: 20, perMs: 1_000 };

const connection = z.strictObject({
  auth: z.strictObject({
    clientId: plainText,
    clientSecret: secretReference,
    /** Scopes to ask for, with spaces between; all that the streams need when not given. */
    scope: plainText.optional(),
  }),
});

export const coupa = defineConnector<z.infer<typeof connection>>({
  type: 'coupa',
  system: 'Coupa',
  verifiedAgainst: ['sandbox'],
  connection,
  streams,
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
  const every = [...new Set(Object.values(streams).map((stream) => stream.scope ?? ''))].join(' ');
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
