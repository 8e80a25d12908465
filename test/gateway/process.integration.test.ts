import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { projectRoot } from '../setup/shared.js';
import { startGateway, type TestGateway } from './support.js';

interface Started {
  readonly child: ChildProcess;
  readonly exit: Promise<number | null>;
  stdout(): string;
  stderr(): string;
}

let started: Started | undefined;

function start(env: Record<string, string>): Started {
  const args = ['--enable-source-maps', path.join(inject('distPath'), 'gateway', 'main.js')];
  const child = spawn(process.execPath, args, {
    cwd: projectRoot,
    env: { PATH: process.env['PATH'] ?? '', ...env },
  });
  const text = { stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk) => {
    text.stdout += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    text.stderr += chunk;
  });
  const exit = new Promise<number | null>((resolve) => child.once('exit', resolve));
  started = { child, exit, stdout: () => text.stdout, stderr: () => text.stderr };
  return started;
}

describe('the gateway as a process', () => {
  let databases: TestGateway;

  beforeAll(async () => {
    databases = await startGateway({ temporalAddress: inject('temporalAddress') });
  });
  afterEach(async () => {
    started?.child.kill('SIGKILL');
    await started?.exit;
  });
  afterAll(() => databases?.stop());

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'announces itself, serves, logs to stderr and ends on %s',
    async (signal) => {
      const gateway = start({ ...databases.env, BATON_GATEWAY__PORT: '0' });
      await expect.poll(gateway.stdout, { timeout: 20_000 }).toMatch(/\n$/);
      const announced = JSON.parse(gateway.stdout()) as { ready: boolean; port: number };
      expect(announced).toEqual({ ready: true, port: expect.any(Number) });
      const answer = await fetch(`http://127.0.0.1:${announced.port}/readyz`);
      expect(answer.status).toBe(200);

      const asked = Date.now();
      gateway.child.kill(signal);
      expect(await gateway.exit).toBe(0);
      expect(Date.now() - asked).toBeLessThan(5_000);
      expect(gateway.stdout().trim().split('\n')).toHaveLength(1);
      const events = gateway
        .stderr()
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { msg: string; level: string });
      expect(events.map(({ msg }) => msg)).toEqual(['serving', 'stopping']);
    },
  );

  it('starts, and says what is missing, when everything else is down', async () => {
    const down = 'postgres://baton@127.0.0.1:1/none';
    const gateway = start({
      BATON_CONTROL__URL: down,
      BATON_WAREHOUSE__URL: down,
      BATON_PG_PASSWORD: 'none',
      TEMPORAL_ADDRESS: '127.0.0.1:1',
      BATON_GATEWAY__PORT: '0',
    });
    await expect.poll(gateway.stdout, { timeout: 20_000 }).toMatch(/\n$/);
    const { port } = JSON.parse(gateway.stdout()) as { port: number };
    const page = await fetch(`http://127.0.0.1:${port}/`);
    expect(page.status).toBe(200);
    expect((await page.text()).match(/✗ down/g)).toHaveLength(3);
    expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(503);
    gateway.child.kill('SIGTERM');
    expect(await gateway.exit).toBe(0);
  });

  it('refuses to be open to the network without a token', async () => {
    const gateway = start({ ...databases.env, BATON_GATEWAY__HOST: '0.0.0.0', BATON_GATEWAY__PORT: '0' });
    expect(await gateway.exit).toBe(1);
    expect(gateway.stdout()).toBe('');
    expect(JSON.parse(gateway.stderr())).toMatchObject({
      level: 'fatal',
      code: 'BTN-8001',
      fix: expect.stringContaining('gateway.token'),
    });
  });

  it('names the port that is taken', async () => {
    const taken = new URL(databases.url).port;
    const gateway = start({ ...databases.env, BATON_GATEWAY__PORT: taken });
    expect(await gateway.exit).toBe(1);
    expect(JSON.parse(gateway.stderr())).toMatchObject({
      code: 'BTN-8006',
      detail: expect.stringContaining('EADDRINUSE'),
    });
  });
});
