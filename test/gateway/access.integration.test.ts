import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { loadConfig } from '../../src/config/index.js';
import { createAccess } from '../../src/gateway/access.js';
import { projectRoot } from '../setup/shared.js';
import { startGateway, type TestGateway } from './support.js';

const token = 'canary-gateway-9d1f4e77';

function accessWith(env: Record<string, string>) {
  return createAccess(loadConfig({ cwd: projectRoot, env }));
}

describe('where the gateway may listen', () => {
  it.each(['0.0.0.0', '::', '192.0.2.7', 'baton.example.com', '127.0.0.1.example.com'])(
    'refuses %s without a token',
    (host) => {
      expect(() => accessWith({ BATON_GATEWAY__HOST: host })).toThrowError(
        expect.objectContaining({ error: 'ERR_GATEWAY_UNPROTECTED', code: 'BTN-8001' }),
      );
    },
  );

  it.each(['127.0.0.1', '127.8.8.8', 'localhost', '::1'])('allows %s without one', (host) => {
    expect(() => accessWith({ BATON_GATEWAY__HOST: host })).not.toThrow();
  });

  it('allows all hosts with one, and refuses a token that cannot be resolved', () => {
    const env = { BATON_GATEWAY__HOST: '0.0.0.0', BATON_GATEWAY__TOKEN: 'secret://env/GATEWAY_TOKEN' };
    expect(() => accessWith({ ...env, GATEWAY_TOKEN: token })).not.toThrow();
    expect(() => accessWith(env)).toThrowError(expect.objectContaining({ error: 'ERR_SECRET_UNRESOLVED' }));
  });
});

describe('a gateway with a token', () => {
  let gateway: TestGateway;

  beforeAll(async () => {
    gateway = await startGateway({
      temporalAddress: inject('temporalAddress'),
      env: { BATON_GATEWAY__TOKEN: 'secret://env/GATEWAY_TOKEN', GATEWAY_TOKEN: token },
    });
  });
  afterAll(() => gateway?.stop());

  it.each(['/', '/metrics', '/nothing-here', '/healthz/../metrics', '/readyz2'])('guards %s', async (at) => {
    const answer = await gateway.server.inject({ url: at });
    expect(answer.statusCode).toBe(401);
    expect(answer.headers['www-authenticate']).toBe('Bearer realm="baton"');
    expect(answer.headers['content-type']).toMatch('application/problem+json');
    expect(answer.json()).toMatchObject({ type: 'urn:baton:error:BTN-8002', status: 401, code: 'BTN-8002' });
    expect(answer.body).not.toContain(token);
  });

  it.each([
    'Bearer wrong',
    `Bearer ${token}x`,
    `Bearer ${token.slice(0, -1)}`,
    `Basic ${token}`,
    'Bearer',
    'Bearer ',
    token,
  ])('does not take "%s"', async (authorization) => {
    expect((await gateway.get('/metrics', { authorization })).status).toBe(401);
  });

  it('takes the token, whatever the host is called', async () => {
    const authorization = `Bearer ${token}`;
    expect((await gateway.get('/metrics', { authorization })).status).toBe(200);
    const named = await gateway.server.inject({
      url: '/',
      headers: { authorization, host: 'baton.example.com' },
    });
    expect(named.statusCode).toBe(200);
  });

  it('tells health and readiness to anyone', async () => {
    expect(await (await gateway.get('/healthz')).json()).toEqual({ status: 'alive' });
    expect((await gateway.get('/readyz')).status).toBe(200);
  });
});

describe('a gateway without a token', () => {
  let gateway: TestGateway;

  beforeAll(async () => {
    const env = { BATON_GATEWAY__PUBLIC_URL: 'https://baton.example.com' };
    gateway = await startGateway({ temporalAddress: inject('temporalAddress'), env });
  });
  afterAll(() => gateway?.stop());

  it('answers only under its own names', async () => {
    const statusFor = async (host: string) =>
      (await gateway.server.inject({ url: '/metrics', headers: { host } })).statusCode;
    expect(await statusFor('127.0.0.1:4000')).toBe(200);
    expect(await statusFor('localhost:4000')).toBe(200);
    expect(await statusFor('[::1]:4000')).toBe(200);
    expect(await statusFor('baton.example.com')).toBe(200);
    expect(await statusFor('evil.example.net')).toBe(403);
    expect(await statusFor('127.0.0.1.evil.example.net')).toBe(403);
  });

  it('sends security headers and problem documents', async () => {
    const page = await gateway.get('/');
    expect(page.headers.get('content-type')).toMatch('text/html');
    expect(page.headers.get('content-security-policy')).toMatch("default-src 'none'; style-src 'sha256-");
    expect(page.headers.get('x-content-type-options')).toBe('nosniff');
    for (const at of ['/nothing', '/%zz']) {
      const answer = await gateway.get(at);
      expect(answer.status).toBe(404);
      expect(answer.headers.get('content-type')).toMatch('application/problem+json');
      expect(await answer.json()).toMatchObject({ status: 404, code: 'BTN-8004' });
    }
    expect((await fetch(`${gateway.url}/`, { method: 'POST', body: 'x' })).status).toBe(404);
  });
});
