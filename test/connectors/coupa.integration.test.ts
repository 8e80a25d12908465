import { coupa } from '../../src/connectors/coupa/index.js';
import { Secret } from '../../src/domain/secret.js';
import { describeConnector, type StreamFixture } from './contract.js';
import { canary } from './support.js';

const window = { from: '2020-01-01T00:00:00.000Z', to: '2030-01-01T00:00:00.000Z' };

function list(path: string, pageSize: number): StreamFixture {
  return { window, pageSize, path, recordsUnder: null, canBeEndless: true };
}

describeConnector(coupa, {
  vendor: 'coupa',
  settings: { auth: { clientId: 'baton-demo', clientSecret: new Secret(canary.coupaClientSecret) } },
  hasTokens: true,
  streams: {
    purchase_orders: list('/api/purchase_orders', 50),
    purchase_order_totals: list('/api/purchase_orders', 50),
    suppliers: list('/api/suppliers', 20),
    invoices: list('/api/invoices', 50),
    exchange_rates: list('/api/exchange_rates', 10),
  },
});
