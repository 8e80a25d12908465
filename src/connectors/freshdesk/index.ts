import { freshworks } from '../freshworks/connector.js';
import { freshdeskStreams } from './streams.js';

// https://developers.freshdesk.com/api/#ratelimit
const lists = { growth: 20, pro: 100, enterprise: 200 };
const tickets = { growth: 80, pro: 160, enterprise: 280 };

/** https://developers.freshdesk.com/api/ */
export const freshdesk = freshworks({
  type: 'freshdesk',
  system: 'Freshdesk',
  // https://developers.freshdesk.com/api/#ratelimit
  perMinute: { trial: 50, growth: 200, pro: 400, enterprise: 700 },
  smallest: 'trial',
  limitedCalls: [
    { name: 'ticket list', method: 'GET', path: /^\/api\/v2\/tickets$/, perMinute: lists },
    { name: 'contact list', method: 'GET', path: /^\/api\/v2\/contacts$/, perMinute: lists },
    { name: 'ticket create', method: 'POST', path: /^\/api\/v2\/tickets$/, perMinute: tickets },
    { name: 'ticket update', method: 'PUT', path: /^\/api\/v2\/tickets\/\d+$/, perMinute: tickets },
  ],
  dialect: {
    docs: 'https://developers.freshdesk.com/api/#tickets',
    isEnveloped: false,
    listQuery: { order_by: 'updated_at', order_type: 'asc', include: 'description' },
  },
  webhookDocs:
    'https://support.freshdesk.com/support/solutions/articles/132589-using-webhooks-in-automation-rules-that-run-on-ticket-updates',
  streams: freshdeskStreams,
});
