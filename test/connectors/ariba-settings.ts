import { Secret } from '../../src/domain/secret.js';
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
