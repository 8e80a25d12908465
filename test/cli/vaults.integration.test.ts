import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import type { DoctorResult } from '../../src/cli/stack/doctor.js';
import type { CheckTick } from '../../src/connectors/port.js';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.js';
import { project } from '../config/project.js';
import { type AwsSecrets, awsSecretsAt } from '../setup/aws-secrets.js';
import { type AwsServer, findAwsServer, startAwsServer } from '../setup/aws-server.js';
import { type GcpServer, startGcpServer } from '../setup/gcp-server.js';
import { temporaryFolder } from '../setup/shared.js';
import { startVaultServer, type VaultServer } from '../setup/vault-server.js';
import { baton } from './captured.js';

const token = 'canary-zendesk-token';
const yaml = (url: string, reference: string) => `version: 1
connections:
  desk:
    type: zendesk
    baseUrl: ${url}/zendesk
    auth: {email: baton@example.com, apiToken: '${reference}'}
    webhook: {secret: secret://vault/secret/hooks#zendesk}
  plain:
    type: zendesk
    baseUrl: ${url}/zendesk
    auth: {email: baton@example.com, apiToken: secret://env/PLAIN}
`;

const found = findAwsServer();

describe('secrets of vaults on the command line', () => {
  let sandbox: Sandbox;
  let vault: VaultServer;
  let gcp: GcpServer;
  let aws: AwsServer | undefined;
  let secrets: AwsSecrets | undefined;
  let said = '';

  beforeAll(async () => {
    const keys = { coupaClientSecret: 'c', salesforceClientSecret: 's', slackBotToken: 'x' };
    [sandbox, vault, gcp, aws] = await Promise.all([
      startSandbox({ port: 0, records: 5, secrets: { ...keys, zendeskApiToken: token } }),
      startVaultServer(),
      startGcpServer(),
      found === null ? undefined : startAwsServer(found),
    ]);
    secrets = aws && awsSecretsAt(aws);
    vault.put('hooks', { zendesk: 'canary-hook-secret' });
    const file = path.join(temporaryFolder('gcp'), 'key.json');
    writeFileSync(file, gcp.createKey());
    vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', file);
  }, 60_000);
  afterEach(() => {
    expect(said).not.toContain('canary');
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await Promise.all([sandbox.close(), vault.stop(), gcp.stop(), aws?.stop()]);
  });

  async function run(reference: string, ...args: string[]) {
    const env = {
      VAULT_ADDR: vault.address,
      VAULT_TOKEN: vault.token,
      AWS_ACCESS_KEY_ID: 'AKIACANARY',
      AWS_SECRET_ACCESS_KEY: 'canary-key',
      AWS_REGION: 'eu-central-1',
      AWS_ENDPOINT_URL: aws?.endpoint ?? '',
      CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER: gcp.address,
      PLAIN: token,
      DATABASE_URL: 'postgres://baton@127.0.0.1:1/baton',
      TEMPORAL_ADDRESS: inject('temporalAddress'),
    };
    const captured = await baton(args, { cwd: project(yaml(sandbox.url, reference)), env });
    said += captured.stdout + captured.stderr;
    return captured;
  }
  async function check(reference: string) {
    const { code, stdout } = await run(reference, 'connections', 'test', 'desk', '--json');
    const { data } = JSON.parse(stdout) as {
      data: readonly { ok: boolean; error: string | null; checks: readonly CheckTick[] }[];
    };
    return { code, ok: data[0]?.ok, error: data[0]?.error, checks: data[0]?.checks ?? [] };
  }
  const secretTicks = (checks: readonly CheckTick[]) => checks.filter(({ step }) => step === 'secret');
  const hook = {
    step: 'secret',
    state: 'ok',
    detail: 'HashiCorp Vault: secret://vault/secret/hooks#zendesk',
  };

  it('are ticked by the test of a connection, each with its vault, before anything else', async () => {
    vault.put('zendesk', { token });
    gcp.put('zendesk', token);
    await secrets?.create('zendesk', { text: JSON.stringify({ token }) });
    const places = [
      ['HashiCorp Vault', 'secret://vault/secret/zendesk#token'],
      ['Google Cloud Secret Manager', 'secret://gcp/acme-prod/zendesk'],
      ...(secrets === undefined ? [] : [['AWS Secrets Manager', 'secret://aws/zendesk#token'] as const]),
    ] as const;
    for (const [title, reference] of places) {
      const { code, ok, checks } = await check(reference);
      expect({ code, ok }, reference).toEqual({ code: 0, ok: true });
      expect(checks.slice(0, 2)).toEqual([
        hook,
        { step: 'secret', state: 'ok', detail: `${title}: ${reference}` },
      ]);
      expect(checks.map(({ step }) => step)).toContain('sample');
    }
    const plain = await run('secret://vault/secret/zendesk#token', 'connections', 'test', 'plain', '--json');
    expect(JSON.parse(plain.stdout).data[0].checks[0].step).toBe('dns');
  });

  it('that cannot be read end the test of a connection, and say what to do', async () => {
    vault.put('zendesk', { key: token });
    const one = await check('secret://vault/secret/zendesk#token');
    expect(one).toMatchObject({ code: 4, ok: false, error: null });
    expect(one.checks).toEqual([
      hook,
      {
        step: 'secret',
        state: 'failed',
        detail: expect.stringMatching(
          /^HashiCorp Vault: secret:\/\/vault\/secret\/zendesk#token: the secret has no field token; there are: key/,
        ),
        fix: 'Correct what follows the #.',
      },
    ]);
    expect(secretTicks((await check('secret://gcp/acme-prod/none#token')).checks)[1]).toMatchObject({
      state: 'failed',
      detail: expect.stringMatching(
        /^Google Cloud Secret Manager: secret:\/\/gcp\/acme-prod\/none#token: project/,
      ),
      fix: expect.stringContaining('gcloud secrets versions add none'),
    });
    const shown = await run('secret://gcp/acme-prod/none#token', 'connections', 'test', 'desk');
    expect(shown.stdout).toMatch(/✗ secret {2}Google Cloud Secret Manager: .*\n +→ .*gcloud secrets/);
    expect(shown.stdout).toContain(`✓ secret  ${hook.detail}`);
    expect(shown.stderr).toContain('gcloud secrets versions add none');
  });

  it('are listed by the doctor, vault by vault', async () => {
    gcp.put('zendesk', token);
    const findings = async (reference: string) => {
      const { stdout } = await run(reference, 'doctor', '--json');
      const { data } = JSON.parse(stdout) as { data: { checks: readonly DoctorResult[] } };
      return (name: string) => data.checks.find((each) => each.name === name);
    };
    const good = await findings('secret://gcp/acme-prod/zendesk');
    expect(good('vaults')).toEqual({
      name: 'vaults',
      state: 'ok',
      detail: 'HashiCorp Vault (1 reference), Google Cloud Secret Manager (1 reference)',
    });
    vault.fail(503);
    gcp.forbid('zendesk');
    const bad = await findings('secret://gcp/acme-prod/zendesk');
    expect(bad('vaults')).toMatchObject({
      state: 'fail',
      detail: expect.stringMatching(
        /secret:\/\/vault\/secret\/hooks#zendesk: .* answered 503.*secret:\/\/gcp\/acme-prod\/zendesk: Google does not let us/,
      ),
      fix: expect.stringContaining('docs/how-to/vaults.md'),
    });
    // What is no vault’s is counted apart.
    expect(bad('secrets')?.state).toBe('ok');
    vault.fail(null);
    const mended = await findings('secret://env/PLAIN');
    expect(mended('vaults')).toMatchObject({ state: 'ok', detail: 'HashiCorp Vault (1 reference)' });
  });
});
