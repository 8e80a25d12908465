import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { raw, start } from './client.js';

const environment = {
  PATH: process.env['PATH'] ?? '',
  BATON_SANDBOX_PORT: '0',
  BATON_SANDBOX_RECORDS: '100',
  COUPA_CLIENT_SECRET: 'a',
  ZENDESK_API_TOKEN: 'b',
  SALESFORCE_CLIENT_SECRET: 'c',
  SLACK_BOT_TOKEN: 'd',
};

function launch(env: Record<string, string>): ChildProcess {
  return spawn(process.execPath, ['--import', 'tsx', 'src/sandbox/main.ts'], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

test('the process says when it is ready, and a SIGTERM ends it within a second, hanging clients or not', async () => {
  const child = launch({ ...environment, BATON_SANDBOX_LIVE: 'true' });
  if (child.stdout === null) throw new Error('no stdout');
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  const { ready, port } = JSON.parse(line) as { ready: boolean; port: number };
  expect(ready).toBe(true);
  const url = `http://127.0.0.1:${port}`;
  expect((await raw(`${url}/_admin/health`)).status).toBe(200);
  await raw(`${url}/_admin/faults`, { method: 'POST', body: '{"vendor":"rates","kind":"hang"}' });
  const hanging = raw(`${url}/rates/v1/latest`);
  await new Promise((resolve) => setTimeout(resolve, 100));
  const began = performance.now();
  child.kill('SIGTERM');
  const [code] = (await once(child, 'exit')) as [number];
  expect([code, performance.now() - began < 1_000]).toEqual([0, true]);
  expect((await hanging).status).toBeNull();
});

test('without its credentials it does not start, and names the one that is missing', async () => {
  const child = launch({ ...environment, SLACK_BOT_TOKEN: '' });
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const [code] = (await once(child, 'close')) as [number];
  expect([code, said]).toEqual([1, expect.stringContaining('SLACK_BOT_TOKEN')]);
});

test('200,000 orders: quick to start, flat in memory, and a page costs milliseconds anywhere', async () => {
  const before = process.memoryUsage().heapUsed;
  const began = performance.now();
  const sandbox = await start({ records: 200_000 });
  expect(performance.now() - began).toBeLessThan(10_000);
  const { purchase_orders: orders } = sandbox.coupa.store;
  const positions = orders.ordered('id');
  const from = performance.now();
  for (let page = 0; page < 200; page++) {
    for (let at = page * 1000; at < page * 1000 + 50; at++) orders.text(positions[at] ?? 0);
  }
  const perPage = (performance.now() - from) / 200;
  expect(perPage).toBeLessThan(20);
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(200 * 1024 * 1024);
  await sandbox.close();
}, 30_000);
