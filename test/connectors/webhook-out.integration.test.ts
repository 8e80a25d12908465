import { createHmac } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { EffectRequest, Message, OpenConnection } from '../../src/connectors/port.js';
import { webhook } from '../../src/connectors/webhook/index.js';
import { Secret } from '../../src/domain/secret.js';
import type { Sandbox } from '../../src/sandbox/sandbox.js';
import { webhooksSecret } from '../../src/sandbox/webhooks/vendor.js';
import { requestOf } from './requests.js';
import { expectDeclaredWrites, expectNoSecret, openAgainst, sandboxForTests } from './support.js';

const settings = { auth: { signingSecret: new Secret(webhooksSecret) }, path: '/in' };
const opening = { connector: webhook, vendor: 'webhooks', settings } as const;
const signal = new AbortController().signal;
const message: Message = {
  kind: 'message',
  channel: '#on-call',
  title: 'DiskFull on db-1 – Größe "x"',
  text: 'Priority high\nfires since 10:00 \u2028',
  severity: 'critical',
  fields: [{ name: 'Incident', value: 'inc_3f9a01c2d4e5b6a7' }],
  links: [{ label: 'Ticket', url: 'https://acme.zendesk.com/agent/tickets/7' }],
};
const about = (ordinal: number, body: EffectRequest['body'] = message) => requestOf(ordinal, body);

describe('a webhook that is sent', () => {
  let sandbox: Sandbox;
  let connection: OpenConnection;
  beforeAll(async () => {
    sandbox = await sandboxForTests(20);
    connection = openAgainst(sandbox, opening);
  });
  afterAll(async () => {
    connection?.close();
    await sandbox?.close();
  });
  afterEach(() => sandbox.faults.clear());
  const send = async (ordinal: number, body?: Message, on = connection) => {
    const outcome = await on.notifier?.send.send(about(ordinal, body), signal);
    expectNoSecret(outcome);
    expect(JSON.stringify(outcome)).not.toContain(webhooksSecret.slice(6));
    return outcome;
  };

  it('is signed over its id, its time and the very bytes of its body', async () => {
    expect(await send(1)).toMatchObject({ kind: 'confirmed', remoteId: about(1).marker });
    const [received] = sandbox.webhooks.received;
    if (received === undefined) throw new Error('nothing came');
    const { id, timestamp, signature, body } = received;
    const key = Buffer.from('c2FuZGJveC1yZWNlaXZlci1zaWduaW5nLWtleQ==', 'base64');
    const expected = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
    expect(signature).toBe(`v1,${expected}`);
    expect(JSON.parse(body)).toEqual({
      type: 'message.critical',
      data: {
        id,
        channel: '#on-call',
        title: message.title,
        text: message.text,
        severity: 'critical',
        fields: message.fields,
        links: message.links,
        thread: null,
      },
    });
  });

  it('has the same id when it is sent again, and says what it answers', async () => {
    await send(2);
    await send(2);
    await send(3, { ...message, severity: 'info', thread: about(2).marker });
    const [, first, again, end] = sandbox.webhooks.received;
    expect(again?.id).toBe(first?.id);
    expect(JSON.parse(end?.body ?? '')).toMatchObject({
      type: 'message.ended',
      data: { thread: first?.id },
    });
  });

  it('is declared with its guarantee', () => expectDeclaredWrites(webhook, connection));

  it.each(['accept_then_reset', 'accept_then_500', 'reset'] as const)(
    'is not known to be there after %s, and has the same id when it is sent again',
    async (kind) => {
      const ordinal = 20 + kind.length;
      sandbox.faults.add({ vendor: 'webhooks', kind, match: { method: 'POST', path: '/in' } });
      expect(await send(ordinal)).toMatchObject({ kind: 'unknown' });
      expect(await send(ordinal)).toMatchObject({ kind: 'confirmed' });
      const { marker } = about(ordinal);
      const count = kind === 'reset' ? 1 : 2;
      expect(sandbox.webhooks.received.filter(({ id }) => id === marker)).toHaveLength(count);
    },
  );

  it.each([
    ['rate_limit', {}, true],
    ['status', { status: 401 }, true],
    ['status', { status: 400 }, false],
    ['status', { status: 410 }, false],
  ] as const)('that is answered %s %j may be sent again: %s', async (kind, params, retryable) => {
    sandbox.faults.add({ vendor: 'webhooks', kind, match: { path: '/in' }, params });
    expect(await send(40)).toMatchObject({ kind: 'refused', retryable });
  });

  it('that the receiver does not believe waits for who mends the secret', async () => {
    const wrong = new Secret('whsec_YW5vdGhlci1rZXktb2YtYXQtbGVhc3QtMjQtYnl0ZXM=');
    const stranger = openAgainst(sandbox, {
      ...opening,
      settings: { auth: { signingSecret: wrong }, path: '/in' },
    });
    expect(await send(4, message, stranger)).toMatchObject({ kind: 'refused', retryable: true });
    stranger.close();
  });

  it('is not sent with a secret that is too short to sign with', () => {
    const short = { auth: { signingSecret: new Secret('whsec_c2hvcnQ=') }, path: '/in' };
    expect(() => openAgainst(sandbox, { ...opening, settings: short })).toThrow(/at least 24 bytes/);
  });
});
