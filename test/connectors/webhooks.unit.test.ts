import { createHmac, createSign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { connectors } from '../../src/connectors/registry.js';
import { snsWebhook } from '../../src/connectors/sns/index.js';
import { parseStrictJson } from '../../src/connectors/strict-json.js';
import type { HookRequest, Webhook } from '../../src/connectors/webhook.js';
import { Secret } from '../../src/domain/secret.js';

const now = new Date('2027-01-20T12:00:00.000Z');

interface Request {
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly at?: Date;
}

const asRequest = ({ body, headers = {}, query = {}, at = now }: Request): HookRequest => ({
  body: Buffer.from(body),
  headers,
  query,
  receivedAt: at,
});

function webhookOf(type: string): Webhook {
  const found = connectors[type]?.webhook;
  if (found === undefined) throw new Error(`${type} takes no webhooks`);
  return found;
}

/** Settings as resolved: references have become secrets. */
function settingsOf(type: string, { secret, previousSecret, ...more }: Record<string, unknown>) {
  const written = {
    ...more,
    ...(secret === undefined ? {} : { secret: 'secret://env/A' }),
    ...(previousSecret === undefined ? {} : { previousSecret: 'secret://env/B' }),
  };
  const parsed = webhookOf(type).settings.parse(written) as Record<string, unknown>;
  return {
    ...parsed,
    ...(secret === undefined ? {} : { secret: new Secret(String(secret)) }),
    ...(previousSecret === undefined ? {} : { previousSecret: new Secret(String(previousSecret)) }),
  };
}

const verify = async (type: string, settings: Record<string, unknown>, request: Request) =>
  webhookOf(type).open(settingsOf(type, settings)).verify(asRequest(request));

function describeBody(type: string, settings: Record<string, unknown>, request: Request) {
  const hook = webhookOf(type).open(settingsOf(type, settings));
  const body = Buffer.from(request.body);
  return hook.describe(
    asRequest(request),
    hook.parse === undefined ? parseStrictJson(body) : hook.parse(body),
  );
}

const hex = (key: string, text: string) => createHmac('sha256', key).update(text).digest('hex');

describe('published vectors', () => {
  it('Standard Webhooks: that of its reference libraries', async () => {
    const request = {
      body: '{"test": 2432232314}',
      headers: {
        'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
        'webhook-timestamp': '1614265330',
        'webhook-signature': 'v1,bm9wZQ== v2,x v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
      },
      at: new Date(1_614_265_330_000),
    };
    const settings = { scheme: 'standard', secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' };
    expect(await verify('webhook', settings, request)).toEqual({ genuine: true });
    const svix = Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [name.replace('webhook', 'svix'), value]),
    );
    expect(await verify('webhook', settings, { ...request, headers: svix })).toEqual({ genuine: true });
  });

  it('Slack: the example of its documentation', async () => {
    const body =
      'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c';
    const request = {
      body,
      headers: {
        'x-slack-request-timestamp': '1531420618',
        'x-slack-signature': 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503',
      },
      at: new Date(1_531_420_618_000),
    };
    const secret = '8f742231b10e8888abcd99yyyzzz85a5';
    expect(await verify('slack', { secret }, request)).toEqual({ genuine: true });
  });

  it('HMAC-SHA256: test case 2 of RFC 4231', async () => {
    const headers = {
      'x-signature': 'sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    };
    const settings = { scheme: 'hmac', prefix: 'sha256=', secret: 'Jefe' };
    expect(await verify('webhook', settings, { body: 'what do ya want for nothing?', headers })).toEqual({
      genuine: true,
    });
  });
});

const at = String(now.getTime() / 1_000);
const key = Buffer.from('a key of its own').toString('base64');
const json = '{"a":1}';

/** Each scheme with a genuine request, what signs it, and where its proof is. */
const schemes: readonly {
  readonly type: string;
  readonly settings?: Record<string, unknown>;
  readonly secret: string;
  readonly proof: string;
  readonly time?: string;
  readonly signsBody: boolean;
  readonly sign: (secret: string, body: string, time: string) => Readonly<Record<string, string>>;
}[] = [
  {
    type: 'zendesk',
    secret: 's',
    proof: 'x-zendesk-webhook-signature',
    time: 'x-zendesk-webhook-signature-timestamp',
    signsBody: true,
    sign: (secret, body, time) => {
      const text = new Date(Number(time) * 1_000).toISOString();
      return {
        'x-zendesk-webhook-signature-timestamp': text,
        'x-zendesk-webhook-signature': createHmac('sha256', secret)
          .update(text + body)
          .digest('base64'),
      };
    },
  },
  {
    type: 'slack',
    secret: 's',
    proof: 'x-slack-signature',
    time: 'x-slack-request-timestamp',
    signsBody: true,
    sign: (secret, body, time) => ({
      'x-slack-request-timestamp': time,
      'x-slack-signature': `v0=${hex(secret, `v0:${time}:${body}`)}`,
    }),
  },
  {
    type: 'webhook',
    settings: { scheme: 'standard' },
    secret: `whsec_${key}`,
    proof: 'webhook-signature',
    time: 'webhook-timestamp',
    signsBody: true,
    sign: (secret, body, time) => ({
      'webhook-id': 'msg_1',
      'webhook-timestamp': time,
      'webhook-signature': `v1,${createHmac('sha256', Buffer.from(secret.slice(6), 'base64'))
        .update(`msg_1.${time}.${body}`)
        .digest('base64')}`,
    }),
  },
  {
    type: 'webhook',
    settings: { scheme: 'hmac', header: 'X-Hub-Signature-256', prefix: 'sha256=' },
    secret: 's',
    proof: 'x-hub-signature-256',
    signsBody: true,
    sign: (secret, body) => ({ 'x-hub-signature-256': `sha256=${hex(secret, body)}` }),
  },
  {
    type: 'webhook',
    settings: { scheme: 'header' },
    secret: 's',
    proof: 'x-baton-secret',
    signsBody: false,
    sign: (secret) => ({ 'x-baton-secret': secret }),
  },
  {
    type: 'pagerduty',
    secret: 's',
    proof: 'x-pagerduty-signature',
    signsBody: true,
    sign: (secret, body) => ({
      'x-pagerduty-signature': `v1=${hex('of another', body)},v1=${hex(secret, body)}`,
    }),
  },
  {
    type: 'grafana',
    settings: { scheme: 'hmac' },
    secret: 's',
    proof: 'x-grafana-alerting-signature',
    signsBody: true,
    sign: (secret, body) => ({ 'x-grafana-alerting-signature': hex(secret, body) }),
  },
  {
    type: 'grafana',
    settings: { scheme: 'hmac', header: 'X-Signed', timestampHeader: 'X-Signed-At' },
    secret: 's',
    proof: 'x-signed',
    time: 'x-signed-at',
    signsBody: true,
    sign: (secret, body, time) => ({ 'x-signed-at': time, 'x-signed': hex(secret, `${time}:${body}`) }),
  },
  {
    type: 'grafana',
    settings: { scheme: 'header', header: 'X-Told-Apart' },
    secret: 's',
    proof: 'x-told-apart',
    signsBody: false,
    sign: (secret) => ({ 'x-told-apart': secret }),
  },
  {
    type: 'grafana',
    settings: { scheme: 'authorization', username: 'grafana' },
    secret: 's',
    proof: 'authorization',
    signsBody: false,
    sign: (secret) => ({ authorization: `Basic ${Buffer.from(`grafana:${secret}`).toString('base64')}` }),
  },
  {
    type: 'grafana',
    settings: { scheme: 'authorization' },
    secret: 's',
    proof: 'authorization',
    signsBody: false,
    sign: (secret) => ({ authorization: `Bearer ${secret}` }),
  },
  ...['coupa', 'datadog', 'freshdesk', 'freshservice'].map((type) => ({
    type,
    settings: { header: 'X-Told-Apart' },
    secret: 's',
    proof: 'x-told-apart',
    signsBody: false,
    sign: (secret: string) => ({ 'x-told-apart': secret }),
  })),
  ...['alertmanager', 'files'].map((type) => ({
    type,
    secret: 's',
    proof: 'authorization',
    signsBody: false,
    sign: (secret: string) => ({ authorization: `Bearer ${secret}` }),
  })),
  {
    type: 'files',
    settings: { header: 'x-api-key' },
    secret: 's',
    proof: 'x-api-key',
    signsBody: false,
    sign: (secret) => ({ 'x-api-key': secret }),
  },
  {
    type: 'alertmanager',
    settings: { username: 'prometheus' },
    secret: 's',
    proof: 'authorization',
    signsBody: false,
    // printf 'prometheus:s' | base64
    sign: (secret) => ({
      authorization:
        secret === 's'
          ? 'Basic cHJvbWV0aGV1czpz'
          : `Basic ${Buffer.from(`prometheus:${secret}`).toString('base64')}`,
    }),
  },
];

describe.each(schemes)('$type $settings', ({ type, settings = {}, secret, proof, time, signsBody, sign }) => {
  const ours = { ...settings, secret };
  const genuine = { body: json, headers: sign(secret, json, at) };
  const isGenuine = async (request: Request, more: Record<string, unknown> = {}) =>
    (await verify(type, { ...ours, ...more }, request)).genuine;

  it('takes what its sender sends', async () => {
    expect(await isGenuine(genuine)).toBe(true);
  });
  it('takes the secret before this one only while it is configured', async () => {
    const other = secret.startsWith('whsec_') ? `whsec_${Buffer.from('other').toString('base64')}` : 'other';
    const old = { body: json, headers: sign(other, json, at) };
    expect(await isGenuine(old)).toBe(false);
    expect(await isGenuine(old, { previousSecret: other })).toBe(true);
  });
  it('takes nothing without its proof, with another or with an empty one', async () => {
    for (const forged of [
      undefined,
      '',
      'x',
      genuine.headers[proof]?.slice(0, -1),
      `${genuine.headers[proof]}0`,
    ]) {
      const { [proof]: _, ...others } = genuine.headers;
      const headers = forged === undefined ? others : { ...others, [proof]: forged };
      expect(await isGenuine({ body: json, headers })).toBe(false);
    }
  });
  if (signsBody)
    it('takes no other body under that proof', async () => {
      for (const body of ['', '{"a":2}', `${json} `, json.toUpperCase()])
        expect(await isGenuine({ ...genuine, body })).toBe(false);
    });
  if (signsBody)
    it('takes an empty body that is signed', async () => {
      expect(await isGenuine({ body: '', headers: sign(secret, '', at) })).toBe(true);
    });
  if (time !== undefined)
    it('takes what was signed within five minutes of our clock, and no more', async () => {
      for (const [offSeconds, expected] of [
        [-299, true],
        [299, true],
        [-301, false],
        [301, false],
      ] as const) {
        const headers = sign(secret, json, String(Number(at) + offSeconds));
        expect(await isGenuine({ body: json, headers })).toBe(expected);
      }
      const { [time ?? '']: _, ...others } = genuine.headers;
      expect(await isGenuine({ body: json, headers: others })).toBe(false);
      expect(await isGenuine({ body: json, headers: { ...genuine.headers, [time ?? '']: 'soon' } })).toBe(
        false,
      );
    });
});

describe('what a delivery says of itself', () => {
  const s = { secret: 's' };
  it.each([
    [
      'zendesk',
      s,
      '{"id":"01J","type":"zen:event-type:ticket.created","time":"2027-01-20T10:00:00Z","detail":{"id":"35436"}}',
      { id: '01J', type: 'zen:event-type:ticket.created', subject: '35436' },
    ],
    [
      'zendesk',
      s,
      '{"id":"35436","ticket_id":"35436","status":"open"}',
      { id: null, type: 'trigger', subject: '35436' },
    ],
    [
      'slack',
      s,
      '{"type":"event_callback","event_id":"Ev1","event_time":1763640000,"event":{"type":"message","channel":"C1"}}',
      { id: 'Ev1', type: 'message', subject: 'C1' },
    ],
    [
      'pagerduty',
      s,
      '{"event":{"id":"E1","event_type":"incident.triggered","occurred_at":"2027-01-20T10:00:00Z","data":{"id":"Q1"}}}',
      { id: 'E1', type: 'incident.triggered', subject: 'Q1' },
    ],
    [
      'datadog',
      s,
      '{"id":"8749893364879371324","alert_transition":"Triggered","alert_cycle_key":"k","date":"1763640000000"}',
      { id: '8749893364879371324', type: 'Triggered', subject: 'k', occurredAt: new Date(1_763_640_000_000) },
    ],
    // An id that a number cannot hold is none: another event might have the same rounded one.
    ['datadog', s, '{"id":8749893364879371324}', { id: null }],
    [
      'alertmanager',
      s,
      '{"version":"4","status":"firing","groupKey":"{}:{alertname=\\"X\\"}","alerts":[]}',
      { id: null, type: 'firing', subject: '{}:{alertname="X"}' },
    ],
    [
      'grafana',
      { ...s, scheme: 'header' },
      '{"version":"1","orgId":1,"status":"resolved","groupKey":"{}/{}:{}","alerts":[],"state":"ok"}',
      { id: null, type: 'resolved', subject: '{}/{}:{}' },
    ],
    [
      'coupa',
      s,
      '{"event":"purchase_order.approved","id":4711}',
      { id: null, type: 'purchase_order.approved', subject: '4711' },
    ],
    ['freshdesk', s, '{"freshdesk_webhook":{"ticket_id":12}}', { id: null, subject: '12' }],
    [
      'files',
      s,
      '{"EventName":"s3:ObjectCreated:Put","Key":"b/a.json","Records":[{"eventTime":"2027-01-20T10:00:00Z"}]}',
      {
        id: null,
        type: 's3:ObjectCreated:Put',
        subject: 'b/a.json',
        occurredAt: new Date('2027-01-20T10:00:00Z'),
      },
    ],
    [
      'files',
      s,
      '{"message":{"messageId":"77","attributes":{"eventType":"OBJECT_FINALIZE","objectId":"a.json"}},"subscription":"x"}',
      { id: '77', type: 'OBJECT_FINALIZE', subject: 'a.json' },
    ],
    [
      'freshservice',
      s,
      '{"ticket_id":"12","event":"ticket.updated"}',
      { id: null, type: 'ticket.updated', subject: '12' },
    ],
    [
      'webhook',
      { ...s, scheme: 'header' },
      '{"type":"po.discrepancy.detected","timestamp":"2027-01-20T10:00:00Z","data":{"id":"7"}}',
      { id: null, type: 'po.discrepancy.detected', subject: '7' },
    ],
  ] as const)('%s', (type, settings, body, expected) => {
    expect(describeBody(type, settings, { body })).toMatchObject(expected);
  });

  it.each(Object.keys(connectors).filter(isJsonSender))(
    '%s: is read from anything that is JSON, however odd',
    (type) => {
      const settings = ['webhook', 'grafana'].includes(type) ? { ...s, scheme: 'header' } : s;
      for (const body of [
        'null',
        '7',
        '"x"',
        '[]',
        '{}',
        '{"id":null,"type":7,"time":"x","event":[],"detail":"y"}',
      ])
        expect(describeBody(type, settings, { body })).toMatchObject({ type: expect.any(String) });
    },
  );
});

/** Slack's and Salesforce's bodies, and SNS's certificates, are tested by themselves. */
function isJsonSender(type: string): boolean {
  return connectors[type]?.webhook !== undefined && !['sns', 'salesforce', 'slack'].includes(type);
}

describe('a store that can set no header', () => {
  it('is known by the secret in its address, and by no other', async () => {
    const given = async (query: Record<string, string>) =>
      (await verify('files', { secret: 's' }, { body: '{}', query })).genuine;
    expect(await given({ token: 's' })).toBe(true);
    expect(
      await Promise.all([{ token: 'S' }, { token: '' }, { secret: 's' }, {}].map(given as never)),
    ).toEqual([false, false, false, false]);
  });
});

describe('Slack', () => {
  const hook = () => webhookOf('slack').open(settingsOf('slack', { secret: 's' }));
  it('is answered its challenge, which is no event', () => {
    const request = asRequest({ body: '' });
    expect(hook().handshake?.(request, { type: 'url_verification', challenge: '3eZ' })).toEqual({
      contentType: 'text/plain; charset=utf-8',
      body: '3eZ',
    });
    expect(hook().handshake?.(request, { type: 'event_callback', challenge: '3eZ' })).toBeNull();
  });
  it('sends what a person pressed as a form', () => {
    const payload = encodeURIComponent('{"type":"block_actions","channel":{"id":"C1"}}');
    expect(hook().parse?.(Buffer.from(`payload=${payload}`))).toEqual({
      type: 'block_actions',
      channel: { id: 'C1' },
    });
    expect(() => hook().parse?.(Buffer.from('a=b'))).toThrow('no field “payload”');
  });
});

describe('a Salesforce outbound message', () => {
  const message = (organization = '00D50000000IZ3ZEAW') => `<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
 <soapenv:Body><notifications xmlns="http://soap.sforce.com/2005/09/outbound">
  <OrganizationId>${organization}</OrganizationId><ActionId>04k</ActionId><SessionId xsi:nil="true"/>
  <Notification><Id>04l50000000CbEZAA0</Id>
   <sObject xsi:type="sf:Case" xmlns:sf="urn:sobject.enterprise.soap.sforce.com"><sf:Id>5005000000Lx6zAAC</sf:Id></sObject></Notification>
  <Notification><Id>04l50000000CbEaAAK</Id>
   <sObject xsi:type="sf:Case" xmlns:sf="urn:sobject.enterprise.soap.sforce.com"><sf:Id>5005000000Lx70AAC</sf:Id></sObject></Notification>
 </notifications></soapenv:Body></soapenv:Envelope>`;
  const settings = { secret: 's', organizationId: '00D50000000IZ3Z' };
  const query = { key: 's' };

  it('is taken with the secret in its address, of our organization, and acknowledged in its own words', async () => {
    expect(await verify('salesforce', settings, { body: message(), query })).toEqual({ genuine: true });
    for (const [body, asked] of [
      [message(), {}],
      [message(), { key: 'guessed' }],
      [message('00D50000000ZZZZEAW'), query],
    ] as const)
      expect((await verify('salesforce', settings, { body, query: asked })).genuine).toBe(false);
    const hook = webhookOf('salesforce').open(settingsOf('salesforce', settings));
    expect(hook.acknowledgement?.body).toContain('<Ack>true</Ack>');
  });

  it('says its notification, its kind and its record', () => {
    expect(describeBody('salesforce', settings, { body: message() })).toEqual({
      id: '04l50000000CbEZAA0',
      type: 'outbound.Case',
      subject: '5005000000Lx6zAAC',
      occurredAt: null,
    });
  });

  it.each([
    ['with a document type', message().replace('?>', '?><!DOCTYPE x [<!ENTITY a "b">]>'), 'document type'],
    ['that is cut off', message().slice(0, 300), 'no outbound message'],
    ['of something else', '<a/>', 'OrganizationId or the notification’s Id is missing'],
    ['that is no XML', '{}', 'no outbound message'],
  ])('%s is not taken', (_, body, reason) => {
    expect(() => describeBody('salesforce', settings, { body })).toThrow(reason);
  });
});

describe('Amazon SNS', () => {
  const fixture = (name: string) =>
    readFileSync(path.join(import.meta.dirname, '../fixtures/sns', name), 'utf8');
  const topic = 'arn:aws:sns:eu-central-1:123456789012:orders';
  const fetched: string[] = [];
  const hook = snsWebhook(async (url) => {
    fetched.push(url.href);
    return fixture('certificate.pem');
  }).open({ topics: [topic] });

  /** Signed as Amazon's documentation says, field by field. */
  function signed(message: Record<string, string>, version: '1' | '2' = '2') {
    const order = [
      'Message',
      'MessageId',
      'Subject',
      'SubscribeURL',
      'Timestamp',
      'Token',
      'TopicArn',
      'Type',
    ];
    const text = order
      .flatMap((name) => (message[name] === undefined ? [] : [`${name}\n${message[name]}\n`]))
      .join('');
    const Signature = createSign(version === '1' ? 'RSA-SHA1' : 'RSA-SHA256')
      .update(text)
      .sign(fixture('key.pem'), 'base64');
    return JSON.stringify({
      SigningCertURL: 'https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-1.pem',
      ...message,
      SignatureVersion: version,
      Signature,
    });
  }
  const notification = {
    Type: 'Notification',
    MessageId: 'm-1',
    TopicArn: topic,
    Subject: 'An order',
    Message: '{"id":7}',
    Timestamp: '2027-01-20T11:59:00.000Z',
  };
  const isGenuine = async (body: string) => (await hook.verify(asRequest({ body }))).genuine;

  it('is taken in both versions of its signature, of our topics, with its certificate fetched once', async () => {
    expect(await isGenuine(signed(notification, '1'))).toBe(true);
    expect(await isGenuine(signed(notification, '2'))).toBe(true);
    const { Subject: _, ...plain } = notification;
    expect(await isGenuine(signed(plain))).toBe(true);
    expect(fetched).toHaveLength(1);
  });

  it.each<[string, Record<string, string>]>([
    ['of another topic', { TopicArn: 'arn:aws:sns:eu-central-1:123456789012:others' }],
    [
      'with a certificate from elsewhere',
      { SigningCertURL: 'https://sns.eu-central-1.amazonaws.com.example.com/a.pem' },
    ],
    ['… that looks like Amazon’s', { SigningCertURL: 'https://sns-eu-central-1.amazonaws.com/a.pem' }],
    ['… unencrypted', { SigningCertURL: 'http://sns.eu-central-1.amazonaws.com/a.pem' }],
    [
      '… with a name before the host',
      { SigningCertURL: 'https://sns.eu-central-1.amazonaws.com@example.com/a.pem' },
    ],
    ['that is two hours old', { Timestamp: '2027-01-20T10:00:00.000Z' }],
    ['of an unknown type', { Type: 'Else' }],
  ])('is not taken %s', async (_, change) => {
    expect(await isGenuine(signed({ ...notification, ...change }))).toBe(false);
  });

  it('is not taken with another body than was signed', async () => {
    expect(await isGenuine(signed(notification).replace('{\\"id\\":7}', '{\\"id\\":8}'))).toBe(false);
  });

  it('has its subscription confirmed at Amazon’s address alone', async () => {
    const { Subject: _, ...plain } = notification;
    const confirmation = (SubscribeURL: string) => ({
      ...plain,
      Type: 'SubscriptionConfirmation',
      Token: 't',
      SubscribeURL,
    });
    const url = 'https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&Token=t';
    expect(await isGenuine(signed(confirmation(url)))).toBe(true);
    expect(await isGenuine(signed(confirmation(url), '1'))).toBe(true);
    // Whoever has a topic could have us subscribe to it; what is not genuine is not looked at any further.
    const strange = { ...confirmation(url), TopicArn: `${topic}-of-others` };
    expect(await isGenuine(signed(strange))).toBe(false);
    expect(fetched).not.toContain(url);
    expect(await hook.handshake?.(asRequest({ body: '' }), confirmation(url))).toMatchObject({
      body: 'confirmed',
    });
    expect(fetched.at(-1)).toBe(url);
    await expect(
      Promise.resolve(hook.handshake?.(asRequest({ body: '' }), confirmation('https://example.com/'))),
    ).rejects.toThrow('not Amazon’s');
  });
});
