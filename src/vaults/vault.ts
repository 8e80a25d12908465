import { readFile } from 'node:fs/promises';
import { Secret } from '../domain/secret.js';
import { type Answered, ask, at } from './ask.js';
import { refused, unavailable, unresolved } from './failure.js';
import type { Variables, VaultReader } from './read.js';

const how =
  'Set VAULT_ADDR, and VAULT_TOKEN, VAULT_TOKEN_FILE, or VAULT_ROLE_ID with VAULT_SECRET_ID, for this process.';

/**
 * Reads secrets of HashiCorp Vault's KV engine, version 2, or of what speaks its protocol (OpenBao).
 * https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#read-secret-version
 */
export function createVault(env: Variables): VaultReader {
  const tokens = createTokens(env);

  async function read(reference: string, url: string): Promise<Answered> {
    const token = await tokens.token(reference);
    return ask({ reference, url, headers: { ...namespaceOf(env), 'x-vault-token': token.reveal() } });
  }

  return async ({ address: reference, path: [mount = '', ...parts] }) => {
    const path = parts.join('/');
    const url = `${addressOf(env, reference)}/v1/${encoded(mount)}/data/${encoded(path)}`;
    let answer = await read(reference, url);
    // A token that AppRole gave may have been revoked: a new one is asked for, once.
    if (answer.status === 403 && tokens.forget()) answer = await read(reference, url);
    return fieldsIn(reference, mount, path, answer);
  };
}

function fieldsIn(reference: string, mount: string, path: string, { status, body }: Answered): Secret {
  const fields = at(body, 'data', 'data');
  if (status === 200 && fields !== undefined) return new Secret(JSON.stringify(fields));
  if (status === 404) {
    const isDeleted = at(body, 'data', 'metadata') !== undefined;
    const what = isDeleted ? 'its latest version was deleted' : `Vault has no secret ${path} at ${mount}`;
    throw unresolved(reference, what, `vault kv put -mount=${mount} ${path} <field>=…`);
  }
  if (status === 403)
    throw refused(
      reference,
      'Vault refused our token, or it may not read this',
      `Renew the token, or let its policy have: path "${mount}/data/${path}" { capabilities = ["read"] }`,
    );
  if (status === 200) throw unavailable(reference, 'what answered is no KV engine of version 2');
  throw unresolved(reference, `Vault answered ${status}`, how);
}

interface Tokens {
  token(reference: string): Promise<Secret>;
  /** Whether there is another one to be had. */
  forget(): boolean;
}

/** VAULT_TOKEN, the file's token of this moment, or one of AppRole's, until a fifth of its life is left. */
function createTokens(env: Variables): Tokens {
  let held: { readonly token: Secret; readonly untilMs: number } | null = null;
  let login: Promise<Secret> | null = null;
  const plain = env['VAULT_TOKEN'];
  const file = env['VAULT_TOKEN_FILE'];
  const roleId = env['VAULT_ROLE_ID'];
  const secretId = env['VAULT_SECRET_ID'];

  async function logIn(reference: string): Promise<Secret> {
    const { status, body } = await ask({
      reference,
      url: `${addressOf(env, reference)}/v1/auth/approle/login`,
      method: 'POST',
      headers: { ...namespaceOf(env), 'content-type': 'application/json' },
      body: JSON.stringify({ role_id: roleId, secret_id: new Secret(secretId ?? '').reveal() }),
    });
    const token = at(body, 'auth', 'client_token');
    if (status !== 200 || typeof token !== 'string')
      throw refused(reference, `Vault refused the AppRole (${status})`, 'Renew VAULT_SECRET_ID.');
    const lease = Number(at(body, 'auth', 'lease_duration')) || 60;
    held = { token: new Secret(token), untilMs: Date.now() + lease * 800 };
    return held.token;
  }

  return {
    async token(reference) {
      if (plain) return new Secret(plain);
      if (file) return readToken(reference, file);
      if (!roleId || !secretId) throw unresolved(reference, 'nothing says who we are to Vault', how);
      if (held !== null && Date.now() < held.untilMs) return held.token;
      login ??= logIn(reference).finally(() => {
        login = null;
      });
      return login;
    },
    forget() {
      const had = held !== null;
      held = null;
      return had;
    },
  };
}

/** Each time anew: an agent renews it. */
async function readToken(reference: string, file: string): Promise<Secret> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw unresolved(reference, `VAULT_TOKEN_FILE cannot be read (${error.code})`, how);
  });
  if (text.trim() === '') throw unresolved(reference, 'VAULT_TOKEN_FILE is empty', how);
  return new Secret(text.trim());
}

function addressOf(env: Variables, reference: string): string {
  const address = env['VAULT_ADDR'] ?? '';
  if (URL.canParse(address) && /^https?:$/.test(new URL(address).protocol))
    return address.replace(/\/+$/, '');
  throw unresolved(reference, address === '' ? 'VAULT_ADDR is not set' : 'VAULT_ADDR is no address', how);
}

function namespaceOf(env: Variables): Record<string, string> {
  const namespace = env['VAULT_NAMESPACE'];
  return namespace ? { 'x-vault-namespace': namespace } : {};
}

function encoded(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}
