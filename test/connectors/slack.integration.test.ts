import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Message, OpenConnection } from '../../src/connectors/port.js';
import { slack } from '../../src/connectors/slack/index.js';
import { Secret } from '../../src/domain/secret.js';
import type { Sandbox } from '../../src/sandbox/sandbox.js';
import { describeConnector } from './contract.js';
import { describeAction } from './effect-contract.js';
import { requestOf } from './requests.js';
import { canary, expectDeclaredWrites, expectNoSecret, openAgainst, sandboxForTests } from './support.js';

const settings = { auth: { botToken: new Secret(canary.slackBotToken) } };

describeConnector(slack, { vendor: 'slack', settings, hasTokens: false, streams: {} });

describeAction(slack, {
  name: 'posting a message',
  vendor: 'slack',
  settings,
  authIsRetryable: false,
  match: { method: 'POST', path: '/api/chat.postMessage' },
  action: (connection) => connection.notifier?.send ?? expect.unreachable(),
  request: async (_sandbox, ordinal) =>
    requestOf(ordinal, {
      kind: 'message',
      channel: 'C0DATAALRT',
      title: 'Run failed',
      text: 'Load <b>& merge</b> failed',
      severity: 'critical',
      fields: [{ name: 'Run', value: 'run/x' }],
      links: [{ label: 'Run', url: 'http://127.0.0.1:8233/' }],
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

/** The same by the webhook of one channel, which tells nobody what was posted. */
describe('an incoming webhook of Slack', () => {
  const message: Message = {
    kind: 'message',
    channel: '#data-alerts',
    title: 'Run <failed>',
    text: 'Load <!channel> failed',
    severity: 'critical',
    fields: [{ name: 'Run', value: 'run/x' }],
    links: [{ label: 'Run', url: 'http://127.0.0.1:8233/' }],
  };
  const about = (ordinal: number) => requestOf(ordinal, message);
  const signal = new AbortController().signal;
  const place = '/services/T0BATON000/B0000/canary-webhook-5d1e';
  let sandbox: Sandbox;
  const opened: OpenConnection[] = [];
  const open = (address: string) => {
    const one = openAgainst(sandbox, {
      connector: slack,
      vendor: 'slack',
      settings: { auth: { webhookUrl: new Secret(address) } },
    });
    opened.push(one);
    return one;
  };
  const send = async (connection: OpenConnection, ordinal: number) => {
    const outcome = await connection.notifier?.send.send(about(ordinal), signal);
    expectNoSecret(outcome);
    expect(JSON.stringify(outcome)).not.toContain('canary-webhook');
    return outcome;
  };
  const posted = (ordinal: number) =>
    sandbox.slack.messages.filter((one) => JSON.stringify(one.blocks).includes(about(ordinal).marker));
  beforeAll(async () => {
    sandbox = await sandboxForTests(20);
  });
  afterEach(() => sandbox.faults.clear());
  afterAll(async () => {
    for (const one of opened) one.close();
    await sandbox.close();
  });

  it('posts what it is given, escaped, and is declared as what it is', async () => {
    const connection = open(`${sandbox.url}/slack${place}`);
    expectDeclaredWrites(slack, connection);
    expect(connection.notifier?.send.guarantee).toBe('at_least_once');
    expect(await send(connection, 1)).toMatchObject({ kind: 'confirmed', remoteId: about(1).marker });
    expect(posted(1)).toMatchObject([
      { via: 'webhook', text: expect.stringContaining('Run &lt;failed&gt;') },
    ]);
    expect(JSON.stringify(posted(1))).not.toContain('<!channel>');
  });

  it.each(['accept_then_reset', 'accept_then_500', 'truncate'] as const)(
    'does not know after %s, and posts again',
    async (kind) => {
      const connection = open(`${sandbox.url}/slack${place}`);
      const ordinal = 10 + kind.length;
      sandbox.faults.add({ vendor: 'slack', kind, match: { method: 'POST', path: place } });
      expect(await send(connection, ordinal)).toMatchObject({ kind: 'unknown' });
      expect(connection.notifier?.send.resendIsSafe(about(ordinal), new Date())).toBe(true);
      expect(await send(connection, ordinal)).toMatchObject({ kind: 'confirmed' });
      expect(posted(ordinal)).toHaveLength(2);
    },
  );

  it.each(['reset', 'html', 'empty_body'] as const)('does not take %s for posted', async (kind) => {
    const connection = open(`${sandbox.url}/slack${place}`);
    sandbox.faults.add({ vendor: 'slack', kind, match: { method: 'POST', path: place } });
    expect(await send(connection, 30)).toMatchObject({ kind: 'unknown' });
  });

  it('is refused for good where there is no such webhook', async () => {
    const connection = open(`${sandbox.url}/slack/services/T0OTHER/B0000/canary-webhook-5d1e`);
    expect(await send(connection, 40)).toMatchObject({ kind: 'refused', retryable: false });
  });

  it('does not begin with another address than baseUrl', () => {
    expect(() => open('https://hooks.example.com/services/canary-webhook')).toThrow(
      /does not begin with baseUrl/,
    );
  });
});
