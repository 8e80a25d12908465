import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Sandbox } from '../../src/sandbox/sandbox.js';
import { getJson, type Reply, raw, secrets, start } from './client.js';

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await start();
});
afterAll(() => sandbox.close());

describe('rates', () => {
  interface Day {
    base: string;
    date: string;
    rates: Record<string, number>;
  }
  const get = <T = Day>(path: string): Promise<T> => getJson<T>(`${sandbox.url}/rates/v1/${path}`);

  test('a weekend and a holiday answer with the business day before', async () => {
    expect((await get('2026-06-14')).date).toBe('2026-06-12');
    expect((await get('2026-04-06')).date).toBe('2026-04-02'); // Easter Monday; Good Friday was the 3rd
    expect((await get('2026-05-01')).date).toBe('2026-04-30');
    expect((await get('2026-06-10')).date).toBe('2026-06-10');
  });

  test('a day asks for the same rates whenever it is asked', async () => {
    const before = await get('2026-06-10?base=USD&symbols=EUR,JPY,KWD');
    expect(await get('2026-06-10?base=USD&symbols=EUR,JPY,KWD')).toEqual(before);
    const series = await get<{ rates: Record<string, Record<string, number>> }>(
      '2026-06-01..2026-06-12?base=USD&symbols=EUR,JPY,KWD',
    );
    expect(series.rates['2026-06-10']).toEqual(before.rates);
    expect(Object.keys(series.rates)).toHaveLength(10);
  });

  test('today is not published before the afternoon', async () => {
    expect((await get('latest')).date).toBe('2026-06-15');
    expect((await get('2030-01-01')).date).toBe('2026-06-15');
  });

  test('cross rates agree with the euro rates', async () => {
    const euro = (await get('2026-06-10?symbols=USD,GBP')).rates;
    const cross = (await get('2026-06-10?base=GBP&symbols=USD')).rates['USD'] ?? 0;
    expect(cross).toBeCloseTo((euro['USD'] ?? 0) / (euro['GBP'] ?? 1), 4);
  });

  test('about thirty currencies, KWD among them; what is not quoted is 404', async () => {
    const names = Object.keys(await get<Record<string, string>>('currencies'));
    expect(names.length).toBeGreaterThan(28);
    expect(names).toEqual(expect.arrayContaining(['EUR', 'JPY', 'KWD', 'USD']));
    for (const path of ['latest?symbols=UAH', 'latest?base=UAH', '2026-02-30', '1998-01-01', 'nonsense']) {
      const reply = await raw(`${sandbox.url}/rates/v1/${path}`);
      expect([path, reply.status, reply.body]).toEqual([path, 404, '{"message":"not found"}']);
    }
  });
});

describe('slack', () => {
  const type = 'application/json; charset=utf-8';
  const call = async (
    method: string,
    body: object,
    headers: Record<string, string> = {},
  ): Promise<Record<string, unknown>> => {
    const credentials = {
      authorization: `Bearer ${secrets.slackBotToken}`,
      'content-type': type,
      ...headers,
    };
    const ask = { method: 'POST', headers: credentials, body: JSON.stringify(body) };
    const reply: Reply = await raw(`${sandbox.url}/slack/api/${method}`, ask);
    expect(reply.status).toBe(200);
    return JSON.parse(reply.body);
  };

  test('a message is found again by its metadata, newest first, and can be changed', async () => {
    const metadata = { event_type: 'baton', event_payload: { key: 'k-1' } };
    const first = await call('chat.postMessage', { channel: '#data-alerts', text: 'one', metadata });
    const second = await call('chat.postMessage', { channel: 'C0DATAALRT', text: 'two' });
    expect(first['ts']).toMatch(/^\d{10}\.\d{6}$/);
    expect(Number(second['ts'])).toBeGreaterThan(Number(first['ts']));
    await call('chat.update', { channel: 'C0DATAALRT', ts: first['ts'], text: 'one, mended' });
    const history = await call('conversations.history', {
      channel: 'C0DATAALRT',
      include_all_metadata: true,
    });
    const messages = history['messages'] as Record<string, unknown>[];
    expect(messages.map(({ text }) => text)).toEqual(['two', 'one, mended']);
    expect(messages[1]?.['metadata']).toEqual(metadata);
    const plain = await call('conversations.history', { channel: 'C0DATAALRT' });
    expect((plain['messages'] as object[])[1]).not.toHaveProperty('metadata');
  });

  test.each([
    [{ channel: '#nowhere', text: 'x' }, 'channel_not_found'],
    [{ channel: '#old-alerts', text: 'x' }, 'is_archived'],
    [{ channel: '#finance-private', text: 'x' }, 'not_in_channel'],
    [{ channel: '#general' }, 'no_text'],
    [{ channel: '#general', text: 'x'.repeat(40_001) }, 'msg_too_long'],
    [
      { channel: '#general', text: 'x', blocks: Array.from({ length: 51 }, () => ({ type: 'divider' })) },
      'invalid_blocks',
    ],
  ])('a failure is 200 with ok:false: %#', async (body, error) => {
    expect(await call('chat.postMessage', body)).toEqual({ ok: false, error });
  });

  test('a wrong token is invalid_auth, JSON without charset is warned about', async () => {
    expect(await call('auth.test', {}, { authorization: 'Bearer no' })).toEqual({
      ok: false,
      error: 'invalid_auth',
    });
    expect(await call('auth.test', {})).toMatchObject({ ok: true });
    const warned = await call(
      'chat.postMessage',
      { channel: '#general', text: 'x' },
      { 'content-type': 'application/json' },
    );
    expect(warned['warning']).toBe('missing_charset');
  });

  test('the incoming webhook answers in plain text', async () => {
    const post = (path: string, body: string): Promise<Reply> =>
      raw(`${sandbox.url}/slack/services/${path}`, {
        method: 'POST',
        headers: { 'content-type': type },
        body,
      });
    expect((await post('T0BATON000/B1/x', '{"text":"hello"}')).body).toBe('ok');
    expect([(await post('T0BATON000/B1/x', '{}')).status, (await post('T0BATON000/B1/x', '{')).body]).toEqual(
      [400, 'invalid_payload'],
    );
    expect((await post('TWRONG/B1/x', '{"text":"hello"}')).status).toBe(404);
  });
});
