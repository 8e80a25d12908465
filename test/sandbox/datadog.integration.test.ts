import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { datadogKey } from '../../src/sandbox/datadog/vendor.js';
import type { Sandbox } from '../../src/sandbox/sandbox.js';
import { start } from './client.js';

/** By https://docs.datadoghq.com/api/latest/. */
describe('Datadog', () => {
  const stateDir = mkdtempSync(path.join(tmpdir(), 'baton-datadog-'));
  let sandbox: Sandbox;
  beforeAll(async () => {
    sandbox = await start({ records: 10, stateDir });
  });
  afterAll(async () => {
    await sandbox?.close();
    rmSync(stateDir, { recursive: true, force: true });
  });

  async function call(place: string, body?: object | Buffer, headers: Record<string, string> = {}) {
    const answer = await fetch(`${sandbox.url}/datadog${place}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { 'dd-api-key': datadogKey, ...headers },
      ...(body === undefined ? {} : { body: body instanceof Buffer ? body : JSON.stringify(body) }),
    });
    return { status: answer.status, headers: answer.headers, text: await answer.text() };
  }
  const now = () => Math.floor(Date.now() / 1_000);
  const series = (...points: { timestamp: number; value: number }[]) => ({
    series: [{ metric: 'baton_up', type: 3, points, tags: ['part:control'] }],
  });

  it('knows its key, and no other', async () => {
    expect(await call('/api/v1/validate')).toMatchObject({ status: 200, text: '{"valid":true}' });
    expect(await call('/api/v1/validate', undefined, { 'dd-api-key': 'x' })).toMatchObject({
      status: 403,
      text: '{"errors":["Forbidden"]}',
    });
  });

  it('gives events ids that only text holds', async () => {
    const { status, text } = await call('/api/v1/events', { title: 'a', text: 'b', aggregation_key: 'k' });
    expect(status).toBe(202);
    expect(text).toMatch(/"id":8749893364879371324,"id_str":"8749893364879371324"/);
    expect(String((JSON.parse(text) as { event: { id: number } }).event.id)).not.toBe('8749893364879371324');
  });

  it.each([
    [{ title: 'x'.repeat(101), text: 'b' }],
    [{ title: '', text: 'b' }],
    [{ title: 'a', text: 'x'.repeat(4_001) }],
    [{ title: 'a', text: 'b', aggregation_key: 'x'.repeat(101) }],
  ])('refuses an event that is too long or has no title', async (event) => {
    expect((await call('/api/v1/events', event)).status).toBe(400);
  });

  it('keeps the last point of a second, and drops without a word what is of another time', async () => {
    const at = now();
    await call('/api/v2/series', series({ timestamp: at, value: 1 }, { timestamp: at - 4_000, value: 1 }));
    const packed = gzipSync(
      JSON.stringify(series({ timestamp: at, value: 2 }, { timestamp: at + 700, value: 1 })),
    );
    const answer = await call('/api/v2/series', packed, { 'content-encoding': 'gzip' });
    expect(answer).toMatchObject({ status: 202, text: '{"errors":[]}' });
    expect(sandbox.datadog.points()).toEqual([
      { metric: 'baton_up', type: 3, tags: ['part:control'], timestamp: at, value: 2 },
    ]);
  });

  it('refuses what is too large, compressed or not, and what is no series', async () => {
    const large = JSON.stringify({ series: [{ metric: 'm', points: [], padding: 'x'.repeat(600_000) }] });
    expect((await call('/api/v2/series', Buffer.from(large))).status).toBe(413);
    const packed = gzipSync(JSON.stringify({ series: [], padding: 'x'.repeat(6_000_000) }));
    expect((await call('/api/v2/series', packed, { 'content-encoding': 'gzip' })).status).toBe(413);
    expect((await call('/api/v2/series', Buffer.from('no'), { 'content-encoding': 'gzip' })).status).toBe(
      400,
    );
    expect((await call('/api/v2/series', { series: [{ metric: 'm' }] })).status).toBe(400);
  });

  it('says by headers of its own when there is too much', async () => {
    sandbox.settings.datadogPerMinute = 0;
    const { status, headers } = await call('/api/v1/validate');
    sandbox.settings.datadogPerMinute = null;
    expect(status).toBe(429);
    expect(headers.get('retry-after')).toBeNull();
    const names = ['limit', 'period', 'remaining', 'reset', 'name'].map((name) => `x-ratelimit-${name}`);
    for (const name of names) expect(headers.get(name), name).not.toBeNull();
    expect(Number(headers.get('x-ratelimit-reset'))).toBeLessThanOrEqual(60);
  });

  it('forgets nothing when it starts again', async () => {
    const before = [sandbox.datadog.events, sandbox.datadog.points()];
    await sandbox.close();
    sandbox = await start({ records: 10, stateDir });
    expect([sandbox.datadog.events, sandbox.datadog.points()]).toEqual(before);
    expect(before.map(({ length }) => length)).toEqual([1, 1]);
  });
});
