import { Secret } from '../../src/domain/secret.js';
import { aribaNetworkId, aribaNetworkKey } from '../../src/sandbox/ariba/network.js';
import {
  aribaApplicationKey,
  aribaClientId,
  aribaClientSecret,
  aribaOrderView,
  aribaRealm,
} from '../../src/sandbox/ariba/vendor.js';

/** A connection to the sandbox's realm as it stands in baton.yaml; jobs have tests of their own. */
export const aribaDeclared = {
  realm: aribaRealm,
  auth: {
    clientId: aribaClientId,
    clientSecret: 'secret://env/ARIBA_CLIENT_SECRET',
    applicationKey: 'secret://env/ARIBA_APPLICATION_KEY',
  },
  views: { purchase_orders: aribaOrderView, purchase_order_totals: aribaOrderView },
  jobsAbove: 10_000,
};

/** The same with its secrets resolved. */
export const aribaResolved = {
  ...aribaDeclared,
  auth: {
    ...aribaDeclared.auth,
    clientSecret: new Secret(aribaClientSecret),
    applicationKey: new Secret(aribaApplicationKey),
  },
};

/** A connection with the application that reads the Network's orders. */
export const aribaNetworkDeclared = {
  auth: aribaDeclared.auth,
  network: { id: aribaNetworkId },
  since: '2026-01-01',
};
export const aribaNetworkResolved = {
  ...aribaNetworkDeclared,
  auth: { ...aribaResolved.auth, applicationKey: new Secret(aribaNetworkKey) },
};
