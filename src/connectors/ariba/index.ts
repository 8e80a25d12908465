import { z } from 'zod';
import { orderStatuses, purchaseOrderColumns } from '../../domain/purchase-order.js';
import { type Rate, ratesOf } from '../../domain/rate.js';
import { Secret } from '../../domain/secret.js';
import { BatonError } from '../../protocol/errors.js';
import { type CheckPlan, checkConnection } from '../check.js';
import { type Authenticator, createVendorHttp, type HttpRequest } from '../http.js';
import { orderTotalColumns } from '../order-total.js';
import { defineConnector, type OpenConnection, type ResolvedConnection, type Stream } from '../port.js';
import { optionalSetting, plainText, secretReference, secretSetting, textSetting } from '../settings.js';
import { createTokenHolder, mintToken, tokenKey } from '../token.js';
import { vendorClock } from '../vendor-clock.js';
import { aribaCharge } from './charges.js';
import { networkStream } from './network.js';
import { mapNetworkItem, networkItemColumns } from './network-item.js';
import { mapNetworkOrder, networkOrderColumns } from './network-order.js';
import { aribaProblem } from './problem.js';
import { orderMapper } from './purchase-order.js';
import { mapPurchaseOrderTotal } from './purchase-order-totals.js';
import { aribaReading } from './reading.js';
import { type AribaConnection, defaultJobsAbove, viewStream } from './stream.js';

/** Before Ariba was founded: nothing is older. */
const beginning = '1996-01-01';

const declared = z.strictObject({
  /** `mycompany`, or `mycompany-T` for the test realm; of the views. */
  realm: plainText.optional(),
  auth: z.strictObject({
    clientId: plainText,
    clientSecret: secretReference,
    /** The application's key, sent as `apiKey`. */
    applicationKey: secretReference,
    /** Where tokens are handed out; known for SAP's own hosts in America and Europe. */
    baseUrl: z.url().optional(),
  }),
  /** View templates by the stream that is read from them; totals without one are not offered. */
  views: z
    .strictObject({ purchase_orders: plainText, purchase_order_totals: plainText.optional() })
    .optional(),
  /** The buyer’s own id in the Business Network, whose orders are read. */
  network: z
    .strictObject({
      id: z.string().regex(/^AN\d{5,20}$/, { error: 'must be an id of the Network, such as AN01000000001' }),
    })
    .optional(),
  /** States of the realm's own, and what they mean. */
  statuses: z.record(plainText, z.enum([...orderStatuses, 'draft'])).optional(),
  /** What changed in a year (or less), if it is more than this, is read by jobs and not by pages; 1,000 when not given. */
  jobsAbove: z
    .int({ error: 'must be a whole number' })
    .min(0, { error: 'must not be less than 0' })
    .optional(),
  /** The day from which a read from the beginning begins. */
  since: z.iso.date().optional(),
});
type AribaSettings = z.infer<typeof declared>;

const connection = declared
  .refine(({ views, network }) => views !== undefined || network !== undefined, {
    error: 'names neither views of the reporting API nor an id in the Business Network',
  })
  .refine(({ views, realm }) => views === undefined || realm !== undefined, {
    path: ['realm'],
    error: 'must be named where views are',
  });

/** Where there is no gate that keeps each API's own limits: that of the pages. */
const paceOfPages: Rate = { requests: 3, perMs: 60_000 };

/** SAP Ariba: purchase orders by the Operational Reporting API for Procurement. */
export const ariba = defineConnector<AribaSettings>({
  type: 'ariba',
  system: 'SAP Ariba',
  verifiedAgainst: ['sandbox'],
  connection,
  streams: {},
  streamsOf,
  open,
});

function streamsOf(settings: AribaSettings): Readonly<Record<string, Stream>> {
  return { ...reportingStreams(settings), ...networkStreams(settings) };
}

function reportingStreams(settings: AribaSettings): Readonly<Record<string, Stream>> {
  const { realm = '', views, since = beginning } = settings;
  if (views === undefined) return {};
  const common = { realm, since: `${since}T00:00:00Z` };
  const { purchase_orders: orders, purchase_order_totals: totals } = views;
  return {
    purchase_orders: viewStream({
      ...common,
      name: 'purchase_orders',
      view: orders,
      columns: purchaseOrderColumns,
      map: orderMapper(settings.statuses),
    }),
    ...(totals === undefined
      ? {}
      : {
          purchase_order_totals: viewStream({
            ...common,
            name: 'purchase_order_totals',
            view: totals,
            columns: orderTotalColumns,
            map: mapPurchaseOrderTotal,
          }),
        }),
  };
}

function networkStreams({ network, since = beginning }: AribaSettings): Readonly<Record<string, Stream>> {
  if (network === undefined) return {};
  return {
    network_purchase_orders: networkStream({
      since,
      name: 'network_purchase_orders',
      path: 'orders',
      primaryKey: 'payloadId',
      columns: networkOrderColumns,
      map: mapNetworkOrder,
    }),
    network_purchase_order_items: networkStream({
      since,
      name: 'network_purchase_order_items',
      path: 'items',
      primaryKey: 'documentNumber',
      columns: networkItemColumns,
      map: mapNetworkItem,
    }),
  };
}

/** Tokens come from another host than data. */
const tokenHosts: ReadonlyMap<string, string> = new Map([
  ['openapi.ariba.com', 'https://api.ariba.com'],
  ['eu.openapi.ariba.com', 'https://api-eu.ariba.com'],
]);

function open(settings: ResolvedConnection): OpenConnection {
  const clientId = textSetting(settings, 'auth.clientId');
  const clientSecret = secretSetting(settings, 'auth.clientSecret');
  const applicationKey = secretSetting(settings, 'auth.applicationKey');
  const networkId = optionalSetting(settings, 'network.id');
  const pair = Buffer.from(`${clientId}:${clientSecret.reveal()}`).toString('base64');
  const basic = new Secret(`Basic ${pair}`);
  const tokenBase =
    optionalSetting(settings, 'auth.baseUrl') ??
    tokenHosts.get(new URL(settings.baseUrl).hostname) ??
    settings.baseUrl;
  const common = {
    connection: settings.name,
    system: 'SAP Ariba',
    limits: settings.limits,
    onRequest: settings.onRequest,
    problem: aribaProblem,
    secrets: [clientSecret, applicationKey, basic, new Secret(pair)],
  };
  // Tokens count for no limit.
  const { requestsPerSecond: _s, requestsPerMinute: _m, requestsPerDay: _d, ...unlimited } = settings.limits;
  const tokens = createVendorHttp({ ...common, limits: unlimited, baseUrl: tokenBase });
  const holder = createTokenHolder({
    key: tokenKey(settings.name, tokenBase, clientId, clientSecret),
    mint: () => mintToken(tokens, tokenPath, {}, basic),
  });
  const http = createVendorHttp({
    ...common,
    baseUrl: settings.baseUrl,
    gate: settings.gate,
    renewed: settings.renewed,
    rate: paceOfPages,
    // Limits of the connection's own are instead of ours.
    ...(ratesOf(settings.limits).length > 0 ? {} : { chargeOf: aribaCharge }),
    authenticator: holder,
    headers: {
      apiKey: applicationKey.reveal(),
      ...(networkId === undefined ? {} : { 'X-ARIBA-NETWORK-ID': networkId }),
    },
    resetHeader: 'ratelimit-reset',
    reading: aribaReading,
  });
  const clockCall: HttpRequest = {
    method: 'POST',
    path: tokenPath,
    anonymous: true,
    headers: { Authorization: basic.reveal() },
    form: { grant_type: 'client_credentials' },
  };
  /** By the only call that counts for no limit, which has the credentials in it: others are asked for here. */
  async function vendorNow(signal?: AbortSignal): Promise<Date> {
    try {
      return await vendorClock(tokens, { ...clockCall, signal });
    } catch (error) {
      if (!(error instanceof BatonError) || error.error !== 'ERR_SOURCE_AUTH') throw error;
      const heir = await settings.renewed?.();
      if (heir === undefined || heir === null) throw error;
      return heir.vendorNow(signal);
    }
  }
  const { jobsAbove } = settings.settings;
  const opened: AribaConnection = {
    name: settings.name,
    http,
    jobsAbove: typeof jobsAbove === 'number' ? jobsAbove : defaultJobsAbove,
    mostBytes: settings.limits.maxResponseBytes,
    vendorNow,
    check: (signal) => checkConnection(opened, checkPlan(settings, clientId, holder), signal),
    close() {
      http.close();
      tokens.close();
    },
  };
  return opened;
}

const tokenPath = '/v2/oauth/token';

function checkPlan(settings: ResolvedConnection, clientId: string, holder: Authenticator): CheckPlan {
  const screen = 'SAP Ariba developer portal: Manage › Applications';
  // Validated already; the secrets stand in it resolved.
  const { realm, network } = settings.settings as unknown as AribaSettings;
  const of = realm === undefined ? `the buyer ${network?.id}` : `the realm ${realm}`;
  return {
    system: 'SAP Ariba',
    streams: Object.values(streamsOf(settings.settings as unknown as AribaSettings)),
    async authenticate(signal) {
      await holder.authorize(signal);
      return `client ${clientId}`;
    },
    authFix: `${screen}: check the application’s OAuth client, its secret, and that baseUrl is of your data centre.`,
    scopeFix: (scope) =>
      `${screen}: check the application key and that ${of} has approved it; then that it has the ${scope}.`,
  };
}
