import { frankfurter } from '../../src/connectors/frankfurter/index.js';
import { describeConnector } from './contract.js';

describeConnector(frankfurter, {
  vendor: 'rates',
  settings: {},
  hasTokens: false,
  streams: {
    rates: {
      window: { from: null, to: '2026-06-12T00:00:00.000Z' },
      pageSize: 7,
      parameters: { base: 'USD', from: '2026-05-01', to: '2026-06-10' },
      path: '/v1/',
      recordsUnder: 'series',
      canBeEndless: false,
    },
  },
});
