import { createHmac } from 'node:crypto';
import net from 'node:net';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { query } from '../../src/database/postgres.js';
import { startGateway, type TestGateway } from '../gateway/support.js';
import { ticketEvent, zendeskHeaders } from './installation.js';

const secret = 'of-today';
const previous = 'of-yesterday';
let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({
    temporalAddress: inject('temporalAddress'),
    env: {
      TODAY: secret,
      YESTERDAY: previous,
      BATON_CONNECTIONS__ZENDESK__WEBHOOK:
        '{secret: secret://env/TODAY, previousSecret: secret://env/YESTERDAY}',
    },
  });
});
afterAll(() => gateway?.stop());

const body = ticketEvent('4711');
const signed = (text: string | Buffer, key = secret) => zendeskHeaders(text, key);

/** Signed correctly, of another moment. */
function signedAt(text: string, offMs: number) {
  const time = new Date(Date.now() + offMs).toISOString();
  const signature = createHmac('sha256', secret)
    .update(time + text)
    .digest('base64');
  return {
    ...signed(text),
    'x-zendesk-webhook-signature-timestamp': time,
    'x-zendesk-webhook-signature': signature,
  };
}

async function post(text: string | Buffer, headers: Record<string, string>, connection = 'zendesk') {
  const answer = await fetch(`${gateway.url}/hooks/${connection}`, { method: 'POST', body: text, headers });
  return { status: answer.status, text: await answer.text(), headers: answer.headers };
}

async function rows() {
  const { rows: found } = await query<{ state: string; detail: string; body: Buffer; lands: boolean }>(
    gateway.parts.control.knex,
    'SELECT state, detail, body, lands FROM control.inbox ORDER BY id DESC LIMIT 1',
  );
  return found;
}

const count = async () =>
  (await query<{ n: number }>(gateway.parts.control.knex, 'SELECT count(*)::int AS n FROM control.inbox'))
    .rows[0]?.n;

describe('a request that is genuine', () => {
  it('is taken by today’s secret and by the one before', async () => {
    for (const key of [secret, previous]) {
      const text = ticketEvent('1');
      expect((await post(text, signed(text, key))).status).toBe(202);
    }
  });

  it('is taken from four minutes ago and four minutes ahead, in any spelling of its media type', async () => {
    for (const offMs of [-240_000, 240_000]) {
      const text = ticketEvent('2');
      const headers = { ...signedAt(text, offMs), 'content-type': 'Application/JSON; charset=utf-8' };
      expect((await post(text, headers)).status).toBe(202);
    }
  });

  const deep = `${'['.repeat(101)}${']'.repeat(101)}`;
  it.each([
    ['that is no JSON', '{"a":', 'is not JSON'],
    ['that names something twice', '{"a":1,"b":{"c":1,"c":2}}', '“b.c” comes twice'],
    ['with a number that none is any more', '{"a":[0,1e999]}', '“a.1” is a number too large'],
    ['with half a character', '{"a":"\\ud800"}', '“a” holds half a character'],
    ['with __proto__', '{"__proto__":{"admin":true}}', '“__proto__” is a name that is not taken'],
    ['that names something twice, once in other words', '{"a":1,"\\u0061":2}', '“a” comes twice'],
    ['nested too deep', deep, 'nested deeper than 100'],
    ['that is not UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'is not UTF-8'],
    ['that is empty', '', 'is not JSON'],
  ])('and has a body %s is kept as bytes and rejected', async (_, text, reason) => {
    const answer = await post(text, signed(text));
    expect(answer.status).toBe(202);
    const [row] = await rows();
    expect(row).toMatchObject({ state: 'rejected', detail: expect.stringContaining(reason), lands: false });
    expect(row?.body.equals(Buffer.from(text))).toBe(true);
  });
});

describe('a request that is not genuine', () => {
  const altered = body.replace('4711', '4712');
  it.each<[string, string, Record<string, string>]>([
    ['is signed with another secret', body, signed(body, 'guessed')],
    ['has an altered body', altered, signed(body)],
    ['is six minutes old', body, signedAt(body, -360_000)],
    ['is six minutes ahead', body, signedAt(body, 360_000)],
    ['has no signature', body, without(signed(body), 'x-zendesk-webhook-signature')],
    ['has no time', body, without(signed(body), 'x-zendesk-webhook-signature-timestamp')],
    ['has a time that is none', body, { ...signed(body), 'x-zendesk-webhook-signature-timestamp': 'now' }],
    ['has an empty signature', body, { ...signed(body), 'x-zendesk-webhook-signature': '' }],
  ])('%s: 401, the same words for each, and nothing stored', async (_, text, headers) => {
    const before = await count();
    const answer = await post(text, headers);
    expect(answer.status).toBe(401);
    expect(JSON.parse(answer.text)).toMatchObject({
      code: 'BTN-6002',
      detail: 'The request could not be verified.',
    });
    expect(answer.headers.get('www-authenticate')).toBeNull();
    expect(await count()).toBe(before);
  });
});

describe('a request that is no webhook', () => {
  it.each<[string, number, RequestInit & { connection?: string }]>([
    ['to a connection that there is not', 404, { connection: 'nobody' }],
    ['to a connection without a webhook', 404, { connection: 'salesforce' }],
    ['to a name that every object has', 404, { connection: 'constructor' }],
    ['of another media type', 415, { headers: { ...signed(body), 'content-type': 'text/plain' } }],
    [
      'without a media type',
      415,
      { headers: without(signed(body), 'content-type'), body: Buffer.from(body) },
    ],
    ['that is compressed', 415, { headers: { ...signed(body), 'content-encoding': 'gzip' } }],
    ['that is larger than a megabyte', 413, { body: Buffer.alloc(1_048_577, 0x20) }],
    ['with another method', 405, { method: 'PUT' }],
  ])('%s: %i', async (_, status, { connection = 'zendesk', ...init }) => {
    const before = await count();
    const answer = await fetch(`${gateway.url}/hooks/${connection}`, {
      method: 'POST',
      body,
      headers: signed(body),
      ...init,
    });
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    if (status === 405) expect(answer.headers.get('allow')).toBe('POST');
    expect(await count()).toBe(before);
  });

  it('and keeps its body to itself for more than ten seconds is let go', async () => {
    const { port } = new URL(gateway.url);
    const socket = net.connect(Number(port), '127.0.0.1');
    const startedAt = performance.now();
    socket.write(
      'POST /hooks/zendesk HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{',
    );
    const answer = await new Promise<string>((resolve) => {
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk;
      });
      socket.on('close', () => resolve(text));
    });
    expect(answer).toMatch(/^HTTP\/1\.1 408/);
    expect(performance.now() - startedAt).toBeLessThan(13_000);
  }, 20_000);
});

describe('when it cannot be stored', () => {
  it('says 503 and when to come again, in less than a minute', async () => {
    const other = await startGateway({
      temporalAddress: inject('temporalAddress'),
      env: { ZENDESK_WEBHOOK_SECRET: secret },
    });
    try {
      await other.dropControl();
      const answer = await fetch(`${other.url}/hooks/zendesk`, {
        method: 'POST',
        body,
        headers: signed(body),
      });
      expect(answer.status).toBe(503);
      const seconds = Number(answer.headers.get('retry-after'));
      expect(seconds).toBeGreaterThan(0);
      expect(seconds).toBeLessThan(60);
    } finally {
      await other.stop();
    }
  });
});

function without(headers: Record<string, string>, name: string): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([other]) => other !== name));
}
