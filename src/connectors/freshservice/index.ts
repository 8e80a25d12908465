import { freshworks } from '../freshworks/connector.js';
import { freshserviceStreams } from './streams.js';

/** https://api.freshservice.com/ */
export const freshservice = freshworks({
  type: 'freshservice',
  system: 'Freshservice',
  // https://api.freshservice.com/#ratelimit
  perMinute: { starter: 100, growth: 200, pro: 400, enterprise: 500 },
  smallest: 'starter',
  dialect: {
    docs: 'https://api.freshservice.com/#tickets',
    isEnveloped: true,
    listQuery: { order_type: 'asc' },
  },
  webhookDocs:
    'https://support.freshservice.com/support/solutions/articles/154126-using-webhooks-in-workflow-automator',
  streams: freshserviceStreams,
});
