import { expect } from 'vitest';
import { slack } from '../../src/connectors/slack/index.js';
import { Secret } from '../../src/domain/secret.js';
import { describeConnector } from './contract.js';
import { describeAction } from './effect-contract.js';
import { canary } from './support.js';

const settings = { auth: { botToken: new Secret(canary.slackBotToken) } };

describeConnector(slack, { vendor: 'slack', settings, hasTokens: false, streams: {} });

describeAction(slack, {
  name: 'posting a message',
  vendor: 'slack',
  settings,
  authIsRetryable: false,
  match: { method: 'POST', path: '/api/chat.postMessage' },
  action: (connection) => connection.notifier?.send ?? expect.unreachable(),
  request: async (_sandbox, ordinal) => ({
    key: `default/test/${ordinal}`,
    marker: `btn-${String(ordinal).padStart(20, '0')}`,
    firstSentAt: null,
    body: {
      kind: 'message',
      channel: 'C0DATAALRT',
      title: 'Run failed',
      text: 'Load <b>& merge</b> failed',
      severity: 'critical',
      fields: [{ name: 'Run', value: 'run/x' }],
      links: [{ label: 'Run', url: 'http://127.0.0.1:8233/' }],
    },
  }),
  async visible(sandbox, { marker }) {
    const url = `${sandbox.url}/slack/api/conversations.history?channel=C0DATAALRT&include_all_metadata=true&limit=999`;
    const response = await fetch(url, { headers: { authorization: `Bearer ${canary.slackBotToken}` } });
    const { messages } = (await response.json()) as {
      messages: { metadata?: { event_payload: { key: string } } }[];
    };
    return messages.filter(({ metadata }) => metadata?.event_payload.key === marker).length;
  },
});
