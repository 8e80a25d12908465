import {
  aribaApplicationKey,
  aribaClientId,
  aribaClientSecret,
  aribaOrderView,
  aribaRealm,
} from '../../src/sandbox/ariba/vendor.js';
import { freshdeskKey, freshserviceKey } from '../../src/sandbox/freshworks/vendor.js';

type TestSettings = Readonly<Record<string, string>>;

/** A connection of this name to the sandbox's Freshservice or Freshdesk, for `startBaton`. */
export function freshworksAt(
  sandboxUrl: string,
  type: 'freshservice' | 'freshdesk',
  name: string = type,
): TestSettings {
  const variable = `${type.toUpperCase()}_KEY`;
  return {
    [variable]: type === 'freshservice' ? freshserviceKey : freshdeskKey,
    [`BATON_CONNECTIONS__${name.toUpperCase()}`]: JSON.stringify({
      type,
      baseUrl: `${sandboxUrl}/${type}`,
      auth: { apiKey: `secret://env/${variable}` },
      requester: 'baton@example.com',
      plan: 'enterprise',
    }),
  };
}

/** A connection `ariba`, whose limits are not waited for. */
export function aribaAt(sandboxUrl: string, more: Readonly<Record<string, unknown>> = {}): TestSettings {
  return {
    ARIBA_CLIENT_SECRET: aribaClientSecret,
    ARIBA_APPLICATION_KEY: aribaApplicationKey,
    BATON_CONNECTIONS__ARIBA: JSON.stringify({
      type: 'ariba',
      baseUrl: `${sandboxUrl}/ariba`,
      realm: aribaRealm,
      since: '2026-01-01',
      auth: {
        clientId: aribaClientId,
        clientSecret: 'secret://env/ARIBA_CLIENT_SECRET',
        applicationKey: 'secret://env/ARIBA_APPLICATION_KEY',
      },
      views: { purchase_orders: aribaOrderView, purchase_order_totals: aribaOrderView },
      limits: { requestsPerSecond: 100 },
      ...more,
    }),
  };
}
