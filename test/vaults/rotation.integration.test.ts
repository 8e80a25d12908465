import { writeFileSync } from 'node:fs';
import http, { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { loadConfig, openSecrets } from '../../src/config/index.js';
import { createLocalGate } from '../../src/connectors/gate.js';
import { connectors } from '../../src/connectors/registry.js';
import type { HookRequest } from '../../src/connectors/webhook.js';
import { createIntake } from '../../src/gateway/intake/intake.js';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.js';
import type { SecretStore } from '../../src/vaults/store.js';
import { createConnections } from '../../src/workers/connections.js';
import { project } from '../config/project.js';
import { limits } from '../connectors/support.js';
import { awsSecretsAt } from '../setup/aws-secrets.js';
import { findAwsServer, startAwsServer } from '../setup/aws-server.js';
import { startGcpServer } from '../setup/gcp-server.js';
import { temporaryFolder } from '../setup/shared.js';
import { startVaultServer, type VaultServer } from '../setup/vault-server.js';

const yaml = (url: string, more = '') => `version: 1
secrets: {refresh: 1s, keep: 3s}
connections:
  zendesk:
    type: zendesk
    baseUrl: ${url}/zendesk
    auth: {email: baton@example.com, apiToken: 'secret://vault/secret/zendesk#token'}
  coupa:
    type: coupa
    baseUrl: ${url}/coupa
    auth: {clientId: baton-demo, clientSecret: 'secret://vault/secret/coupa#secret'}
  plain:
    type: zendesk
    baseUrl: ${url}/zendesk
    auth: {email: baton@example.com, apiToken: 'secret://env/PLAIN'}
${more}`;

describe('a secret that is rotated', () => {
  const keys = {
    coupaClientSecret: 'canary-coupa-before',
    zendeskApiToken: 'canary-zendesk-before',
    salesforceClientSecret: 'canary-salesforce',
    slackBotToken: 'xoxb-canary-slack',
  };
  let vault: VaultServer;
  let sandboxes: readonly Sandbox[];
  let vendor: Vendor;
  let store: SecretStore | undefined;
  let logged: string;
  const note = (fields: object, message: string) => {
    logged += `${message} ${inspect(fields, { depth: 9 })}\n`;
  };
  const log = { info: note, warn: note };

  beforeEach(async () => {
    logged = '';
    const sandboxOf = (secrets: typeof keys) =>
      startSandbox({ port: 0, records: 20, secrets, coupaLimit: null });
    const [server, before, after] = await Promise.all([
      startVaultServer(),
      sandboxOf(keys),
      sandboxOf({
        ...keys,
        coupaClientSecret: 'canary-coupa-after',
        zendeskApiToken: 'canary-zendesk-after',
      }),
    ]);
    vault = server;
    sandboxes = [before, after];
    vendor = await startVendor(before.url, after.url);
    vault.put('zendesk', { token: keys.zendeskApiToken });
    vault.put('coupa', { secret: keys.coupaClientSecret });
  });
  afterEach(async () => {
    store?.close();
    await vendor.stop();
    await Promise.all([vault.stop(), ...sandboxes.map((sandbox) => sandbox.close())]);
    expect(logged).not.toContain('canary');
  });

  /** What a worker is made of, as far as connections go. */
  async function open({ isFresh = false, more = '', env: others = {} } = {}) {
    const own = { VAULT_ADDR: vault.address, VAULT_TOKEN: vault.token, PLAIN: keys.zendeskApiToken };
    const env = { ...own, ...others };
    const config = loadConfig({ cwd: project(yaml(vendor.url, more)), env, connectors });
    store = await openSecrets(config, log);
    if (isFresh) store.keepFresh();
    const gates = {
      open: ({ connection }: { connection: string }) => createLocalGate(connection, limits),
      changed() {},
      close: async () => {},
    };
    return { config, store, connections: createConnections(config, () => {}, gates, connectors) };
  }
  const zendeskRequest = { method: 'GET', path: '/api/v2/users/me.json' } as const;

  it('is taken up by a connection that is in use, when the vendor refuses the old one', async () => {
    const { connections } = await open();
    const held = connections.open('zendesk');
    expect((await held.http.read(zendeskRequest)).status).toBe(200);
    vendor.rotate();
    vault.put('zendesk', { token: 'canary-zendesk-after' });
    expect((await held.http.read(zendeskRequest)).status).toBe(200);
    expect(connections.open('zendesk')).not.toBe(held);
    const before = vault.asked.length;
    expect((await held.http.read(zendeskRequest)).status).toBe(200);
    expect((await connections.open('zendesk').http.read(zendeskRequest)).status).toBe(200);
    expect(vault.asked.length).toBe(before);
    // One whose secret is no vault's knows nothing of it.
    await expect(connections.open('plain').http.read(zendeskRequest)).rejects.toMatchObject({
      error: 'ERR_SOURCE_AUTH',
    });
    expect(vault.asked.length).toBe(before);
  });

  it('is taken up in the same way from AWS and Google', async () => {
    const gcp = await startGcpServer();
    onTestFinished(() => gcp.stop());
    const file = path.join(temporaryFolder('gcp'), 'key.json');
    writeFileSync(file, gcp.createKey());
    vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', file);
    onTestFinished(() => void vi.unstubAllEnvs());
    const found = findAwsServer();
    const aws = found === null ? null : await startAwsServer(found);
    onTestFinished(async () => aws?.stop());
    const secrets = aws && awsSecretsAt(aws);
    gcp.put('zendesk', keys.zendeskApiToken);
    await secrets?.create('zendesk', { text: JSON.stringify({ token: keys.zendeskApiToken }) });
    const of = (name: string, reference: string) =>
      `  ${name}: {type: zendesk, baseUrl: '${vendor.url}/zendesk', auth: {email: baton@example.com, apiToken: '${reference}'}}\n`;
    const more = of('google', 'secret://gcp/acme-prod/zendesk') + of('amazon', 'secret://aws/zendesk#token');
    const { connections } = await open({
      more,
      env: {
        CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER: gcp.address,
        AWS_ENDPOINT_URL: aws?.endpoint ?? '',
        AWS_REGION: 'eu-central-1',
        AWS_ACCESS_KEY_ID: 'AKIACANARY',
        AWS_SECRET_ACCESS_KEY: 'canary-aws-key',
      },
    });
    const names = aws === null ? ['google'] : ['google', 'amazon'];
    const held = names.map((name) => connections.open(name));
    const statuses = () =>
      Promise.all(held.map(async ({ http }) => (await http.read(zendeskRequest)).status));
    expect(await statuses()).toEqual(names.map(() => 200));
    vendor.rotate();
    gcp.put('zendesk', 'canary-zendesk-after');
    await secrets?.put('zendesk', '{"token":"canary-zendesk-after"}');
    expect(await statuses()).toEqual(names.map(() => 200));
  }, 60_000);

  it('is taken up where a token is fetched with it', async () => {
    const { connections } = await open();
    const held = connections.open('coupa');
    vendor.rotate();
    vault.put('coupa', { secret: 'canary-coupa-after' });
    expect(await held.vendorNow()).toBeInstanceOf(Date);
  });

  it('is the vendor’s to refuse when the vault has no other one', async () => {
    const { connections } = await open();
    vendor.rotate();
    await expect(connections.open('zendesk').http.read(zendeskRequest)).rejects.toMatchObject({
      error: 'ERR_SOURCE_AUTH',
    });
  });

  it('is taken up when it is old, though nobody refused it, and by nobody else’s doing', async () => {
    const one = await open({ isFresh: true });
    const held = one.connections.open('zendesk');
    const first = one.store;
    const other = await open();
    vault.put('zendesk', { token: 'canary-zendesk-after' });
    await until(() => one.connections.open('zendesk') !== held);
    // The other process has its own.
    expect(other.store.secret('secret://vault/secret/zendesk#token').reveal()).toBe('canary-zendesk-before');
    first.close();
  });

  it('stays as it was for a while when the vault is down, and says so', async () => {
    const { connections, store: secretStore } = await open({ isFresh: true });
    vault.fail(503);
    await until(() => logged.includes('its last value is used'));
    expect(logged).toContain('secret://vault/secret/zendesk#token');
    expect((await connections.open('zendesk').http.read(zendeskRequest)).status).toBe(200);
    await until(() => {
      try {
        secretStore.secret('secret://vault/secret/zendesk#token');
        return false;
      } catch (error) {
        expect(error).toMatchObject({ error: 'ERR_VAULT_UNAVAILABLE', retryable: true });
        return true;
      }
    });
    expect(() => connections.open('zendesk')).toThrow(/503/);
    expect(connections.open('plain')).toBeDefined();
    vault.fail(null);
    await until(() => logged.includes('can be read again'));
    expect((await connections.open('zendesk').http.read(zendeskRequest)).status).toBe(200);
  });

  it('that was deleted is used no longer', async () => {
    const { connections } = await open({ isFresh: true });
    connections.open('zendesk');
    vault.remove('zendesk');
    await until(() => logged.includes('cannot be read'));
    expect(() => connections.open('zendesk')).toThrow(
      expect.objectContaining({ error: 'ERR_SECRET_UNRESOLVED' }),
    );
  });

  it('of a webhook is taken up when a request is signed with the new one', async () => {
    vault.put('grafana', { secret: 'canary-grafana-before' });
    const more = `  grafana:
    type: grafana
    webhook: {scheme: header, secret: 'secret://vault/secret/grafana#secret'}
`;
    const { config } = await open({ more });
    const forged: string[] = [];
    const intake = createIntake({
      config,
      connectors,
      accept: async () => ({ eventId: 'e', isDuplicate: false }),
      onForged: (_, why) => forged.push(why),
    });
    const send = (secret: string) => intake.take('grafana', grafanaRequest(secret));
    await send('canary-grafana-before');
    vault.put('grafana', { secret: 'canary-grafana-after' });
    await send('canary-grafana-after');
    await expect(send('canary-grafana-before')).rejects.toMatchObject({ error: 'ERR_EVENT_NOT_GENUINE' });
    expect(forged).toHaveLength(1);
  });
});

interface Vendor {
  readonly url: string;
  /** From now on only the new credentials are good. */
  rotate(): void;
  stop(): Promise<void>;
}

/** One address, behind which the vendor knows first the old credentials and then the new ones. */
async function startVendor(before: string, after: string): Promise<Vendor> {
  let behind = before;
  const server = createServer((request, response) => {
    const { method, headers } = request;
    const forwarded = http.request(`${behind}${request.url}`, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    request.pipe(forwarded);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    rotate() {
      behind = after;
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function grafanaRequest(secret: string): HookRequest {
  const headers = { 'content-type': 'application/json', 'x-baton-secret': secret };
  return { headers, query: {}, body: Buffer.from('{"alerts":[]}'), receivedAt: new Date() };
}

async function until(holds: () => boolean): Promise<void> {
  for (const endMs = Date.now() + 8_000; Date.now() < endMs; await sleep(20)) if (holds()) return;
  throw new Error('It did not come to that.');
}
