import { createServer, type Server, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { email } from '../../src/connectors/email/index.js';
import type { EffectRequest, Message, OpenConnection, SendOutcome } from '../../src/connectors/port.js';
import { Secret } from '../../src/domain/secret.js';
import { account, certificate, type MailServerForTests, startMailServer } from './mail-server.js';
import { requestOf } from './requests.js';
import { expectDeclaredWrites, expectNoSecret, limits } from './support.js';

const signal = new AbortController().signal;
const written = { from: 'Baton <baton@example.com>', to: ['ann@example.com', 'Bob <bob@example.com>'] };
const auth = { user: account.user, password: new Secret(account.password) };

const message: Message = {
  kind: 'message',
  channel: 'data-alerts',
  title: 'DiskFull on db-1',
  text: 'Priority high; fires since 10:00.',
  severity: 'critical',
  fields: [{ name: 'Incident', value: 'inc_3f9a01c2d4e5b6a7' }],
  links: [{ label: 'Ticket', url: 'https://acme.zendesk.com/agent/tickets/7?a=1&b=2' }],
};
const about = (ordinal: number, body: EffectRequest['body'] = message) => requestOf(ordinal, body);

interface Opening {
  readonly baseUrl: string;
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly timeoutMs?: number;
}

const opened: OpenConnection[] = [];
function open({ baseUrl, settings = {}, timeoutMs = 2_000 }: Opening): OpenConnection {
  const { auth: login, ca, ...plain } = settings;
  const connection = email.open({
    name: 'mail',
    type: 'email',
    baseUrl,
    settings: {
      ...email.connection.parse({ ...written, ...plain }),
      ...(login === undefined ? {} : { auth: login }),
      ...(ca === undefined ? {} : { ca }),
    },
    limits: { ...limits, timeoutMs },
  });
  opened.push(connection);
  return connection;
}

async function send(connection: OpenConnection, request: EffectRequest): Promise<SendOutcome> {
  const outcome = await connection.notifier?.send.send(request, signal);
  expectNoSecret(outcome);
  for (const text of [account.password, Buffer.from(account.password).toString('base64')])
    expect(JSON.stringify(outcome)).not.toContain(text);
  return outcome ?? expect.unreachable();
}

let server: MailServerForTests;
let plain: OpenConnection;
let ordinal = 100;
const next = (body?: EffectRequest['body']) => about(++ordinal, body);

beforeAll(async () => {
  server = await startMailServer({ hideSTARTTLS: true, allowInsecureAuth: true });
  plain = open({ baseUrl: `smtp://127.0.0.1:${server.port}`, settings: { tls: 'none' } });
});
afterEach(() => {
  for (const fault of Object.keys(server.faults)) delete server.faults[fault as keyof typeof server.faults];
  server.taken.length = 0;
});
afterAll(async () => {
  for (const connection of opened) connection.close();
  await server?.close();
});

describe('a mail', () => {
  it('is declared with its guarantee', () => expectDeclaredWrites(email, plain));

  it('says in text and HTML what the message says, to everybody that is configured', async () => {
    const outcome = await send(plain, about(1));
    const id = '<btn-00000000000000000001@example.com>';
    expect(outcome).toEqual({ kind: 'confirmed', remoteId: id, remoteUrl: null, adopted: false });
    const [taken] = server.taken;
    expect(server.taken).toHaveLength(1);
    expect(taken?.to).toEqual(['ann@example.com', 'bob@example.com']);
    expect(taken?.mail).toMatchObject({
      messageId: id,
      subject: 'DiskFull on db-1',
      from: { value: [{ name: 'Baton', address: 'baton@example.com' }] },
    });
    expect(taken?.mail.inReplyTo).toBeUndefined();
    expect(taken?.mail.headers.get('auto-submitted')).toBe('auto-generated');
    expect(taken?.mail.text?.trim()).toBe(
      [
        'DiskFull on db-1',
        'Priority high; fires since 10:00.',
        'Incident: inc_3f9a01c2d4e5b6a7',
        'Ticket: https://acme.zendesk.com/agent/tickets/7?a=1&b=2',
        '-- \ncritical · data-alerts · btn-00000000000000000001',
      ].join('\n\n'),
    );
    expect(taken?.mail.html).toContain(
      '<a href="https://acme.zendesk.com/agent/tickets/7?a=1&amp;b=2">Ticket</a>',
    );
  });

  it('keeps its Message-ID when it is sent again, and answers the first of its conversation', async () => {
    const first = await send(plain, about(2));
    await send(plain, { ...about(2), firstSentAt: new Date() });
    if (first.kind !== 'confirmed') throw new Error('it was not confirmed');
    await send(plain, about(3, { ...message, title: 'Ended', severity: 'info', thread: first.remoteId }));
    expect(server.taken.map(({ mail }) => mail.messageId)).toEqual([
      first.remoteId,
      first.remoteId,
      '<btn-00000000000000000003@example.com>',
    ]);
    expect(server.taken[2]?.mail).toMatchObject({ inReplyTo: first.remoteId, references: first.remoteId });
  });

  it('goes to a channel that is an address, and to nobody else', async () => {
    await send(plain, next({ ...message, channel: 'on-call@example.org' }));
    expect(server.taken[0]?.to).toEqual(['on-call@example.org']);
    await send(plain, next({ ...message, channel: 'on-call@example.org, eve@example.net' }));
    expect(server.taken[1]?.to).toEqual(['ann@example.com', 'bob@example.com']);
  });

  it('shows hostile text as it is: no header, tag, link or end of the mail comes of it', async () => {
    const evil = '\r\nBcc: eve@example.net\r\n\r\n<script>alert(1)</script>';
    await send(
      plain,
      next({
        ...message,
        channel: `c${evil}`,
        title: `Späť "a"${evil}`,
        text: `one\r\n.\r\nQUIT\r\n${evil}\u202e`,
        fields: [{ name: `n${evil}`, value: `v" onclick="x${evil}` }],
        links: [
          { label: `l${evil}`, url: 'javascript:alert(1)' },
          { label: 'two', url: 'https://a.example/"><img src=x>' },
        ],
        thread: `<x@y>${evil}`,
      }),
    );
    expect(server.taken).toHaveLength(1);
    const [taken] = server.taken;
    expect(taken?.to).toEqual(['ann@example.com', 'bob@example.com']);
    expect(taken?.mail.bcc).toBeUndefined();
    expect(taken?.mail.inReplyTo).toBeUndefined();
    expect(taken?.mail.subject).toBe('Späť "a" Bcc: eve@example.net <script>alert(1)</script>');
    expect([...(taken?.mail.headers.keys() ?? [])].sort()).toEqual([
      'auto-submitted',
      'content-type',
      'date',
      'from',
      'message-id',
      'mime-version',
      'priority',
      'subject',
      'to',
      'x-baton-severity',
    ]);
    const html = String(taken?.mail.html);
    expect(html).not.toMatch(/<script|<img|javascript:|" onclick="|\u202e/);
    expect(html.match(/<a /g)).toBeNull();
    expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(taken?.mail.text).toContain('\n.\nQUIT\n');
  });

  it('is no longer than a mail program bears, whatever the message says', async () => {
    const long = '😀'.repeat(100_000);
    await send(plain, next({ ...message, title: long, text: long, fields: [{ name: long, value: long }] }));
    expect([...(server.taken[0]?.mail.subject ?? '')]).toHaveLength(200);
    expect(server.taken[0]?.mail.text?.length).toBeLessThan(320_000);
  });
});

describe('what a send proves', () => {
  const refused = (retryable: boolean, reason: RegExp) => ({
    kind: 'refused',
    retryable,
    reason: expect.stringMatching(reason),
  });

  it.each([
    [
      'a greylisted recipient',
      { recipients: { 'ann@example.com': 451, 'bob@example.com': 451 } },
      true,
      /451/,
    ],
    [
      'an unknown recipient',
      { recipients: { 'ann@example.com': 550, 'bob@example.com': 550 } },
      false,
      /550/,
    ],
    ['a sender that waits', { sender: 451 }, true, /451/],
    ['a sender that may not send', { sender: 550 }, false, /550/],
    ['a sender that has to log in', { sender: 530 }, true, /530/],
    ['a message that is to come later', { message: 452 }, true, /452/],
    ['a message that is not wanted', { message: 554 }, false, /554/],
    ['a server that closes', { message: 421 }, true, /421/],
    ['a server that does not want us', { greeting: 554 }, true, /554/],
    ['a connection lost before the greeting', { drop: 'greeting' }, true, /mail: 127\.0\.0\.1:\d+/],
    ['a connection lost before the message', { drop: 'sender' }, true, /mail: 127\.0\.0\.1:\d+/],
    ['a connection lost at a recipient', { drop: 'recipient' }, true, /mail: 127\.0\.0\.1:\d+/],
  ] as const)('is refused by %s', async (_, fault, retryable, reason) => {
    Object.assign(server.faults, fault);
    expect(await send(plain, next())).toMatchObject(refused(retryable, reason));
  });

  it('is unknown when the connection is lost after the end of the message, and may be sent again', async () => {
    server.faults.drop = 'message';
    const request = next();
    expect(await send(plain, request)).toMatchObject({ kind: 'unknown' });
    expect(server.taken).toHaveLength(1);
    const action = plain.notifier?.send;
    expect(action?.resendIsSafe({ ...request, firstSentAt: new Date() }, new Date())).toBe(true);
    expect(await action?.look(request, signal)).toMatchObject({ kind: 'cannot_look' });
    delete server.faults.drop;
    expect(await send(plain, request)).toMatchObject({ kind: 'confirmed' });
    expect(new Set(server.taken.map(({ mail }) => mail.messageId)).size).toBe(1);
  });

  it('is unknown when the server is slow after the end of the message, and refused when before', async () => {
    const hasty = open({
      baseUrl: `smtp://127.0.0.1:${server.port}`,
      settings: { tls: 'none' },
      timeoutMs: 300,
    });
    server.faults.slow = { at: 'message', ms: 600 };
    expect(await send(hasty, next())).toMatchObject({ kind: 'unknown' });
    server.faults.slow = { at: 'sender', ms: 600 };
    expect(await send(hasty, next())).toMatchObject(refused(true, /deadline/));
    expect(server.taken).toHaveLength(1);
  });

  it('tells of recipients that were not taken while others were', async () => {
    server.faults.recipients = { 'bob@example.com': 550 };
    expect(await send(plain, next())).toMatchObject(
      refused(false, /others have it, but bob@example\.com.*550/),
    );
    server.faults.recipients = { 'bob@example.com': 451 };
    expect(await send(plain, next())).toMatchObject({ kind: 'unknown' });
    expect(server.taken.map(({ to }) => to)).toEqual([['ann@example.com'], ['ann@example.com']]);
  });

  it('is refused where nothing listens, where nothing is, and where nobody speaks', async () => {
    const settings = { tls: 'none' };
    const nobody = open({ baseUrl: 'smtp://127.0.0.1:1', settings });
    expect(await send(nobody, next())).toMatchObject(refused(true, /the connection was refused/));
    const lost = open({ baseUrl: 'smtp://no-such-host.invalid', settings });
    expect(await send(lost, next())).toMatchObject(refused(true, /mail: no-such-host\.invalid:587/));
    const silent = await listener(() => {});
    const mute = open({ baseUrl: `smtp://127.0.0.1:${silent.port}`, settings, timeoutMs: 200 });
    expect(await send(mute, next())).toMatchObject(refused(true, /deadline/));
    silent.close();
  });

  it('is refused for good where it is larger than the server takes', async () => {
    const small = await startMailServer({ hideSTARTTLS: true, size: 500 });
    const connection = open({ baseUrl: `smtp://127.0.0.1:${small.port}`, settings: { tls: 'none' } });
    expect(await send(connection, next())).toMatchObject(refused(false, /larger/));
    await small.close();
  });

  it('refuses a body of another kind, and a cancelled send, before anything is said', async () => {
    const body = { ...message, kind: 'ticket' } as unknown as EffectRequest['body'];
    expect(await send(plain, next(body))).toMatchObject({ kind: 'refused', retryable: false });
    const outcome = await plain.notifier?.send.send(next(), AbortSignal.abort());
    expect(outcome).toMatchObject({ kind: 'refused', retryable: true });
    expect(server.taken).toHaveLength(0);
  });
});

describe('TLS and login', () => {
  let implicit: MailServerForTests;
  let upgraded: MailServerForTests;
  const ca = new Secret(certificate);
  beforeAll(async () => {
    implicit = await startMailServer({ secure: true });
    upgraded = await startMailServer({ authOptional: false });
  });
  afterAll(async () => {
    await implicit?.close();
    await upgraded?.close();
  });

  it('begins TLS from the first byte, or by STARTTLS before the password is said', async () => {
    const first = open({ baseUrl: `smtps://localhost:${implicit.port}`, settings: { ca, auth } });
    expect(await send(first, next())).toMatchObject({ kind: 'confirmed' });
    const second = open({ baseUrl: `smtp://localhost:${upgraded.port}`, settings: { ca, auth } });
    expect(await send(second, next())).toMatchObject({ kind: 'confirmed' });
    for (const { taken } of [implicit, upgraded])
      expect(taken).toMatchObject([{ secure: true, user: account.user }]);
  });

  it('says nothing to a server that offers no TLS, or whose certificate nobody vouches for', async () => {
    const stripped = open({ baseUrl: `smtp://127.0.0.1:${server.port}`, settings: { auth } });
    const before = [server.logins, upgraded.logins, implicit.logins];
    expect(await send(stripped, next())).toMatchObject({ kind: 'refused', retryable: true });
    for (const baseUrl of [`smtps://localhost:${implicit.port}`, `smtp://localhost:${upgraded.port}`])
      expect(await send(open({ baseUrl, settings: { auth } }), next())).toMatchObject({
        kind: 'refused',
        retryable: true,
        reason: expect.stringMatching(/certificate/),
      });
    expect([server.logins, upgraded.logins, implicit.logins]).toEqual(before);
  });

  it('is refused for now by a wrong password, which is never shown', async () => {
    const wrong = { user: account.user, password: new Secret('canary-smtp-wrong-77') };
    const connection = open({ baseUrl: `smtp://localhost:${upgraded.port}`, settings: { ca, auth: wrong } });
    const outcome = await send(connection, next());
    expect(outcome).toMatchObject({
      kind: 'refused',
      retryable: true,
      reason: expect.stringMatching(/535 Invalid login \[secret\]/),
    });
    expect(JSON.stringify(outcome)).not.toContain('canary-smtp-wrong-77');
  });

  it('is not opened where a password would cross a network in the clear', () => {
    expect(() =>
      open({ baseUrl: 'smtp://mail.example.com:25', settings: { tls: 'none', auth } }),
    ).toThrowError(/in the clear/);
  });

  it('is tested without a mail: name, TLS, login', async () => {
    const ticksOf = async (connection: OpenConnection) => {
      const ticks = [];
      for await (const tick of connection.check(signal)) ticks.push(tick);
      expect(JSON.stringify(ticks)).not.toContain(account.password);
      return ticks.map(({ step, state }) => `${step} ${state}`);
    };
    const baseUrl = `smtp://localhost:${upgraded.port}`;
    const before = upgraded.taken.length;
    expect(await ticksOf(open({ baseUrl, settings: { ca, auth } }))).toEqual([
      'dns ok',
      'tls ok',
      'auth ok',
      'sample skipped',
    ]);
    expect(upgraded.taken).toHaveLength(before);
    const wrong = { user: account.user, password: new Secret('another-password') };
    expect(await ticksOf(open({ baseUrl, settings: { ca, auth: wrong } }))).toEqual([
      'dns ok',
      'tls ok',
      'auth failed',
    ]);
    expect(await ticksOf(open({ baseUrl, settings: { auth } }))).toEqual(['dns ok', 'tls failed']);
    expect(await ticksOf(open({ baseUrl: 'smtp://no-such-host.invalid' }))).toEqual(['dns failed']);
    expect(await ticksOf(plain)).toEqual(['dns ok', 'tls skipped', 'auth skipped', 'sample skipped']);
  });
});

describe('addresses of the configuration', () => {
  it.each([
    ['baton@example.com', { name: '', address: 'baton@example.com' }],
    ['Data team <data@example.com>', { name: 'Data team', address: 'data@example.com' }],
  ])('%s is one', (from, mailbox) => {
    expect(email.connection.parse({ ...written, from }).from).toEqual(mailbox);
  });

  it.each(['', 'example.com', 'a@b, c@d', 'a@b\r\nBcc: c@d', 'A <a@b', 'a@b>', '<a@b> x', '"A" <a@b>'])(
    '%j is none',
    (from) => {
      expect(email.connection.safeParse({ ...written, from }).success).toBe(false);
    },
  );
});

/** Something that listens and is no mail server. */
async function listener(speak: (socket: Socket) => void): Promise<{ port: number; close(): void }> {
  const sockets: Socket[] = [];
  const listening: Server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    speak(socket);
  });
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  const { port } = listening.address() as { port: number };
  return {
    port,
    close() {
      for (const socket of sockets) socket.destroy();
      listening.close();
    },
  };
}
