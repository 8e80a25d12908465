import { freshworks } from '../freshworks/connector.js';
import { freshserviceStreams } from './streams.js';

// https://api.freshservice.com/#ratelimit
const lists = { starter: 40, growth: 70, pro: 120, enterprise: 140 };
const tickets = { starter: 50, growth: 80, pro: 140, enterprise: 160 };

/** https://api.freshservice.com/ */
export const freshservice = freshworks({
  type: 'freshservice',
  system: 'Freshservice',
  // https://api.freshservice.com/#ratelimit
  perMinute: { starter: 100, growth: 200, pro: 400, enterprise: 500 },
  smallest: 'starter',
  limitedCalls: [
    { name: 'ticket list', method: 'GET', path: /^\/api\/v2\/tickets$/, perMinute: lists },
    { name: 'asset list', method: 'GET', path: /^\/api\/v2\/assets$/, perMinute: lists },
    { name: 'ticket view', method: 'GET', path: /^\/api\/v2\/tickets\/\d+$/, perMinute: tickets },
    { name: 'ticket create', method: 'POST', path: /^\/api\/v2\/tickets$/, perMinute: tickets },
    { name: 'ticket update', method: 'PUT', path: /^\/api\/v2\/tickets\/\d+$/, perMinute: tickets },
  ],
  dialect: {
    docs: 'https://api.freshservice.com/#tickets',
    isEnveloped: true,
    listQuery: { order_type: 'asc' },
  },
  webhookDocs:
    'https://support.freshservice.com/support/solutions/articles/154126-using-webhooks-in-workflow-automator',
  streams: freshserviceStreams,
});
