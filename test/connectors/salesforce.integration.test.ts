import { salesforce } from '../../src/connectors/salesforce/index.js';
import { Secret } from '../../src/domain/secret.js';
import { describeConnector } from './contract.js';
import { canary } from './support.js';

const reading = {
  window: { from: '2020-01-01T00:00:00.000Z', to: '2030-01-01T00:00:00.000Z' },
  pageSize: 200,
  path: '/services/data/v62.0/query',
  recordsUnder: 'records',
  // Each locator is a path of its own: see the paginator's own tests for cycles.
  canBeEndless: false,
} as const;

describeConnector(salesforce, {
  vendor: 'salesforce',
  settings: { auth: { clientId: 'baton-demo', clientSecret: new Secret(canary.salesforceClientSecret) } },
  hasTokens: true,
  // A spent quota comes without Retry-After and is not refilled soon.
  defaultWaitMs: 3_600_000,
  prepare(sandbox) {
    sandbox.settings.salesforceBatchSize = 50;
  },
  streams: { accounts: reading, contacts: reading },
});
