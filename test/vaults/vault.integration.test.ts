import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createVaults } from '../../src/vaults/read.js';
import { temporaryFolder } from '../setup/shared.js';
import { startVaultServer, type VaultServer } from '../setup/vault-server.js';
import { unresolved } from './refusal.js';

const value = 'canary-vault-value-3f9ac1';

describe('a secret of Vault', () => {
  let vault: VaultServer;

  beforeEach(async () => {
    vault = await startVaultServer();
    vault.put('apps/coupa', { secret: value, port: 5432, nested: { a: 1 } });
  });
  afterEach(() => vault.stop());

  const read = (reference: string, env: Record<string, string> = {}) =>
    createVaults({ VAULT_ADDR: vault.address, VAULT_TOKEN: vault.token, ...env })(reference);

  /** What is said of the failure, all of it, and how it is to be mended; never a value or a token. */
  async function failure(reference: string, env?: Record<string, string>) {
    const error: unknown = await read(reference, env).catch((caught: unknown) => caught);
    const all = inspect(error, { depth: 9 }) + JSON.stringify(error);
    for (const canary of [value, vault.token, vault.role.secretId, 'canary'])
      expect(all).not.toContain(canary);
    return error;
  }

  it('is read by its field', async () => {
    expect(await read('secret://vault/secret/apps/coupa#secret')).toBe(value);
    expect(await read('secret://vault/secret/apps/coupa#port')).toBe('5432');
    expect(vault.asked[0]).toBe('/v1/secret/data/apps/coupa');
  });

  it('is read with the token of a file, as it is at that moment', async () => {
    const file = path.join(temporaryFolder('vault-token'), 'token');
    writeFileSync(file, `${vault.token}\n`);
    const env = { VAULT_TOKEN: '', VAULT_TOKEN_FILE: file };
    expect(await read('secret://vault/secret/apps/coupa#secret', env)).toBe(value);
    writeFileSync(file, 'hvs.other-token');
    expect(await failure('secret://vault/secret/apps/coupa#secret', env)).toEqual(
      unresolved(/refused our token/, /Renew the token.*secret\/data\/apps\/coupa/),
    );
  });

  it('is read with AppRole, which is asked once, and again when its token is revoked', async () => {
    const env = {
      VAULT_ADDR: vault.address,
      VAULT_ROLE_ID: vault.role.roleId,
      VAULT_SECRET_ID: vault.role.secretId,
    };
    const reader = createVaults(env);
    const reference = 'secret://vault/secret/apps/coupa#secret';
    expect(await Promise.all([reader(reference), reader(reference)])).toEqual([value, value]);
    const logins = () => vault.asked.filter((at) => at.endsWith('/login')).length;
    expect(logins()).toBe(1);
    vault.revokeLogins();
    expect(await reader(reference)).toBe(value);
    expect(logins()).toBe(2);
    expect(await failure(reference, { VAULT_TOKEN: '', ...env, VAULT_SECRET_ID: 'canary-wrong' })).toEqual(
      unresolved(/refused the AppRole/, /VAULT_SECRET_ID/),
    );
  });

  it('is asked for in its namespace', async () => {
    const elsewhere = await startVaultServer({ namespace: 'team-a' });
    elsewhere.put('one', { key: 'in the namespace' });
    const env = { VAULT_ADDR: elsewhere.address, VAULT_TOKEN: elsewhere.token };
    expect(await read('secret://vault/secret/one#key', { ...env, VAULT_NAMESPACE: 'team-a' })).toBe(
      'in the namespace',
    );
    await expect(read('secret://vault/secret/one#key', env)).rejects.toThrow(/refused our token/);
    await elsewhere.stop();
  });

  it('that is missing, deleted or forbidden is named, with what to do', async () => {
    expect(await failure('secret://vault/secret/apps/none#secret')).toEqual(
      unresolved(/no secret apps\/none at secret/, /vault kv put -mount=secret apps\/none <field>=/),
    );
    expect(await failure('secret://vault/secret/apps/coupa#token')).toEqual(
      unresolved(/no field token; there are: secret, port, nested/, /follows the #/),
    );
    expect(await failure('secret://vault/secret/apps/coupa#nested')).toEqual(unresolved(/no text/, /field/));
    expect(await failure('secret://vault/forbidden/x#y')).toEqual(
      unresolved(/may not read/, /path "forbidden\/data\/x" \{ capabilities/),
    );
    vault.remove('apps/coupa');
    expect(await failure('secret://vault/secret/apps/coupa#secret')).toEqual(
      unresolved(/latest version was deleted/, /vault kv put/),
    );
    const nobody = { VAULT_TOKEN: '' };
    expect(await failure('secret://vault/secret/apps/coupa#secret', nobody)).toEqual(
      unresolved(/who we are/, /VAULT_TOKEN/),
    );
  });

  it.each([503, 500, 429, 473, 307])('can be asked for again after %i', async (status) => {
    vault.fail(status);
    expect(await failure('secret://vault/secret/apps/coupa#secret')).toMatchObject({
      error: 'ERR_VAULT_UNAVAILABLE',
      retryable: true,
      options: { detail: expect.stringContaining(String(status)) },
    });
  });

  it('can be asked for again when nobody answers', async () => {
    await vault.stop();
    const error = await failure('secret://vault/secret/apps/coupa#secret');
    expect(error).toMatchObject({
      error: 'ERR_VAULT_UNAVAILABLE',
      options: { detail: expect.stringMatching(/127\.0\.0\.1:\d+ cannot be reached \(ECONNREFUSED\)/) },
    });
  });
});
