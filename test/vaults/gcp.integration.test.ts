import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createVaults } from '../../src/vaults/read.js';
import { openSecretStore } from '../../src/vaults/store.js';
import { failure, type GcpServer, startGcpServer } from '../setup/gcp-server.js';
import { temporaryFolder } from '../setup/shared.js';
import { unresolved } from './refusal.js';

const value = 'canary-gcp-value-51ee0c';
const reference = 'secret://gcp/acme-prod/coupa#secret';

describe('a secret of Google', () => {
  let gcp: GcpServer;
  let file: string;

  beforeEach(async () => {
    gcp = await startGcpServer();
    gcp.put('coupa', JSON.stringify({ secret: value, port: 5432 }));
    file = path.join(temporaryFolder('gcp'), 'key.json');
    writeFileSync(file, gcp.createKey());
    // The library reads the process's own environment.
    vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', file);
    vi.stubEnv('METADATA_SERVER_DETECTION', 'none');
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await gcp.stop();
  });

  const vaults = () => createVaults({ CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER: `${gcp.address}/` });
  const read = (of: string) => vaults()(of);

  /** What is said of the failure, all of it, and how it is to be mended; never a value, a key or a token. */
  async function failed(reading: Promise<string>) {
    const error: unknown = await reading.catch((caught: unknown) => caught);
    const all = inspect(error, { depth: 9 }) + JSON.stringify(error);
    for (const canary of ['canary', 'PRIVATE KEY', 'eyJ', 'Bearer']) expect(all).not.toContain(canary);
    return error;
  }

  it('is read by its field, in its latest version or a certain one, with a token that the key signs', async () => {
    expect(await read(reference)).toBe(value);
    expect(gcp.asked).toEqual(['/v1/projects/acme-prod/secrets/coupa/versions/latest:access']);
    gcp.put('coupa', '{"secret":"after"}');
    expect(await read(reference)).toBe('after');
    expect(await read('secret://gcp/acme-prod/coupa/1#secret')).toBe(value);
    gcp.put('whole', 'hunter2\n');
    expect(await read('secret://gcp/acme-prod/whole')).toBe('hunter2');
  });

  it('is read anew when it is old, all its fields with one call', async () => {
    gcp.put('both', '{"user":"one","password":"canary-before"}');
    const [user, password] = [
      'secret://gcp/acme-prod/both#user',
      'secret://gcp/acme-prod/both#password',
    ] as const;
    const store = await openSecretStore({
      references: [user, password],
      read: vaults(),
      refreshMs: 1_000,
      keepMs: 60_000,
    });
    expect(gcp.asked).toHaveLength(1);
    store.keepFresh();
    gcp.put('both', '{"user":"two","password":"canary-after"}');
    await vi.waitFor(() => expect(store.secret(password).reveal()).toBe('canary-after'), 5_000);
    store.close();
    expect(store.secret(user).reveal()).toBe('two');
    expect(gcp.asked).toHaveLength(2);
  });

  it('is read with the token of the machine', async () => {
    vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', '');
    vi.stubEnv('CLOUDSDK_CONFIG', path.dirname(file));
    vi.stubEnv('METADATA_SERVER_DETECTION', 'assume-present');
    vi.stubEnv('GCE_METADATA_HOST', gcp.host);
    const reader = vaults();
    expect(await reader(reference)).toBe(value);
    expect(await reader(reference)).toBe(value);
    const given = () => gcp.asked.filter((at) => at.includes('/service-accounts/default/token')).length;
    expect(given()).toBe(1);
    // A token that was revoked is exchanged for another.
    gcp.revoke();
    expect(await reader(reference)).toBe(value);
    expect(given()).toBe(2);
  });

  it('is read with a key that was exchanged in its file', async () => {
    const reader = vaults();
    expect(await reader(reference)).toBe(value);
    gcp.revoke();
    expect(await failed(reader(reference))).toEqual(
      unresolved(/refused our credentials \(UNAUTHENTICATED\)/, /Renew the credentials/),
    );
    writeFileSync(file, gcp.createKey());
    expect(await reader(reference)).toBe(value);
  });

  it('that is missing, disabled, forbidden or of other fields is named, with what to do', async () => {
    expect(await failed(read('secret://gcp/acme-prod/none'))).toEqual(
      unresolved(
        /project acme-prod has no secret none/,
        /gcloud secrets versions add none --project=acme-prod/,
      ),
    );
    expect(await failed(read('secret://gcp/acme-prod/coupa/7#secret'))).toEqual(
      unresolved(/version 7/, /Correct/),
    );
    expect(await failed(read('secret://gcp/acme-prod/coupa#token'))).toEqual(
      unresolved(/coupa#token: the secret has no field token; there are: secret, port/, /follows the #/),
    );
    gcp.put('bytes', Buffer.from([0xff, 0xfe]));
    expect(await failed(read('secret://gcp/acme-prod/bytes'))).toEqual(unresolved(/is binary/, /UTF-8/));
    gcp.put('empty', '');
    expect(await failed(read('secret://gcp/acme-prod/empty'))).toEqual(unresolved(/is empty/, /Store/));
    gcp.forbid('theirs');
    expect(await failed(read('secret://gcp/acme-prod/theirs'))).toEqual(
      unresolved(
        /does not let us read it/,
        /secretmanager\.versions\.access .*roles\/secretmanager.secretAccessor/,
      ),
    );
    gcp.put('coupa', '{"secret":"next"}');
    gcp.setState('coupa', 2, 'DISABLED');
    expect(await failed(read(reference))).toEqual(
      unresolved(
        /version latest is disabled or destroyed/,
        /Enable the version, or: gcloud secrets versions add/,
      ),
    );
  });

  it.each([
    ['SERVICE_DISABLED', /gcloud services enable secretmanager.googleapis.com --project=acme-prod/],
    ['ACCESS_TOKEN_SCOPE_INSUFFICIENT', /scope cloud-platform/],
  ])('that is refused with %s is mended elsewhere', async (reason, fix) => {
    gcp.answer(failure(403, 'PERMISSION_DENIED', 'canary', reason));
    expect(await failed(read(reference))).toEqual(unresolved(new RegExp(reason), fix));
  });

  it.each([
    ['too many calls', failure(429, 'RESOURCE_EXHAUSTED', 'canary: quota exceeded')],
    ['an outage', failure(503, 'UNAVAILABLE', 'canary')],
    ['an answer of something else', { status: 200, body: {} }],
  ])('can be asked for again after %s', async (_, said) => {
    gcp.answer(said);
    expect(await failed(read(reference))).toMatchObject({ error: 'ERR_VAULT_UNAVAILABLE', retryable: true });
  });

  it('is not used when it was spoilt on its way', async () => {
    const payload = { data: Buffer.from(`${value}!`).toString('base64'), dataCrc32c: '3808858755' };
    gcp.answer({ status: 200, body: { name: 'n', payload } });
    expect(await failed(read('secret://gcp/acme-prod/coupa'))).toMatchObject({
      error: 'ERR_VAULT_UNAVAILABLE',
      options: { detail: expect.stringContaining('CRC-32C') },
    });
    const whole = { data: Buffer.from('123456789').toString('base64'), dataCrc32c: '3808858755' };
    gcp.answer({ status: 200, body: { name: 'n', payload: whole } });
    expect(await read('secret://gcp/acme-prod/coupa')).toBe('123456789');
  });

  it('can be asked for again when nobody answers, the vault or who gives tokens', async () => {
    await gcp.stop();
    expect(await failed(read(reference))).toMatchObject({
      error: 'ERR_VAULT_UNAVAILABLE',
      options: { detail: expect.stringMatching(/127\.0\.0\.1:\d+ cannot be reached \(ECONNREFUSED\)/) },
    });
    vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', '');
    vi.stubEnv('CLOUDSDK_CONFIG', path.dirname(file));
    vi.stubEnv('METADATA_SERVER_DETECTION', 'assume-present');
    vi.stubEnv('GCE_METADATA_HOST', gcp.host);
    expect(await failed(read(reference))).toMatchObject({
      error: 'ERR_VAULT_UNAVAILABLE',
      options: { detail: expect.stringMatching(/who gives us credentials for Google/) },
    });
  });

  it('is not asked for when nothing says who we are', async () => {
    vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', path.join(path.dirname(file), 'none.json'));
    expect(await failed(read(reference))).toEqual(
      unresolved(/no credentials for Google can be had/, /GOOGLE_APPLICATION_CREDENTIALS/),
    );
    vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', '');
    vi.stubEnv('CLOUDSDK_CONFIG', path.dirname(file));
    expect(await failed(read(reference))).toEqual(
      unresolved(/no credentials for Google can be had/, /GOOGLE/),
    );
    expect(gcp.asked).toHaveLength(0);
  });
});
