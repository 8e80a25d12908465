import { freshworks } from '../freshworks/connector.js';
import { freshdeskStreams } from './streams.js';

/** https://developers.freshdesk.com/api/ */
export const freshdesk = freshworks({
  type: 'freshdesk',
  system: 'Freshdesk',
  // https://developers.freshdesk.com/api/#ratelimit
  perMinute: { trial: 50, growth: 200, pro: 400, enterprise: 700 },
  smallest: 'trial',
  dialect: {
    docs: 'https://developers.freshdesk.com/api/#tickets',
    isEnveloped: false,
    listQuery: { order_by: 'updated_at', order_type: 'asc', include: 'description' },
  },
  webhookDocs:
    'https://support.freshdesk.com/support/solutions/articles/132589-using-webhooks-in-automation-rules-that-run-on-ticket-updates',
  streams: freshdeskStreams,
});
