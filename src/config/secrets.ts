import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Secret } from '../domain/secret.js';
import { BatonError } from '../protocol/errors.js';
import { createVaults } from '../vaults/read.js';
import { vaultReferencesIn, vaultRefPattern, vaultTitle } from '../vaults/reference.js';
import { openSecretStore, type SecretLog, type SecretStore } from '../vaults/store.js';
import { parseUrl } from './address.js';
import type { Environment } from './environment.js';
import { secretRefPattern } from './schema/values.js';
import type { BatonConfig } from './types.js';

/** The environment that a configuration was loaded with. Kept beside it, so that printing it shows none of it. */
const environments = new WeakMap<object, Environment>();

export function rememberEnvironment(config: BatonConfig, environment: Environment): void {
  environments.set(config, environment);
}

/** The environment that belongs to a configuration; the process's own for a copy. */
export function environmentOf(config: BatonConfig): Environment {
  return environments.get(config) ?? process.env;
}

/** The secrets of vaults that were read for a configuration. */
const stores = new WeakMap<object, SecretStore>();

/**
 * Reads what the configuration refers to in vaults, once; to be called before anything of it is used. What cannot be read is
 * an error where it is used. Asked again it answers with the same store.
 */
export async function openSecrets(config: BatonConfig, log?: SecretLog): Promise<SecretStore> {
  const known = stores.get(config);
  if (known !== undefined) return known;
  const { refresh: refreshMs, keep: keepMs } = config.secrets;
  const read = createVaults(environmentOf(config));
  const store = await openSecretStore({
    references: vaultReferencesIn(config),
    read,
    refreshMs,
    keepMs,
    log,
  });
  stores.set(config, store);
  return store;
}

/** Tells when secrets of vaults that a part of the configuration refers to are other ones. */
export interface SecretWatch {
  /** Another text when one of them is another; always the same where there are none. Throws like `resolveSecret`. */
  version(): string;
  /** Reads them anew, because they were refused. */
  reread(): Promise<void>;
}

export function watchSecrets(config: BatonConfig, part: unknown): SecretWatch {
  const references = vaultReferencesIn(part);
  return {
    version: () => (references.length === 0 ? '' : storeOf(config).version(references)),
    reread: async () => (references.length === 0 ? undefined : storeOf(config).reread(references)),
  };
}

/** A secret of a vault as it was last read: who keeps it, and why it cannot be used if it cannot. */
export interface VaultSecret {
  readonly reference: string;
  /** `HashiCorp Vault`. */
  readonly vault: string;
  readonly error: BatonError | null;
}

/** Those that a part of the configuration refers to. */
export function vaultSecrets(config: BatonConfig, part: unknown): readonly VaultSecret[] {
  return vaultReferencesIn(part).map((reference) => {
    const vault = vaultTitle(reference);
    try {
      storeOf(config).secret(reference);
      return { reference, vault, error: null };
    } catch (error) {
      if (!(error instanceof BatonError)) throw error;
      return { reference, vault, error };
    }
  });
}

/** A secret as it is at each moment where it is in a vault, else as it is now; throws then and now like `resolveSecret`. */
export function followSecret(ref: string, config: BatonConfig): () => Secret {
  const now = resolveSecret(ref, config);
  return vaultRefPattern.test(ref) ? () => storeOf(config).secret(ref) : () => now;
}

function storeOf(config: BatonConfig): SecretStore {
  const store = stores.get(config);
  if (store !== undefined) return store;
  throw new BatonError('ERR_INTERNAL', {
    detail: 'The secrets of vaults were not read before they were used.',
  });
}

/**
 * The secret that a reference stands for. Throws ERR_SECRET_UNRESOLVED naming the reference, never a value; of a vault
 * that cannot be asked ERR_VAULT_UNAVAILABLE.
 * - `secret://env/NAME`: the variable, else the line of that name in `secrets.env` of the local state
 * - `secret://env-url/NAME`: the password inside the URL that the variable holds
 * - `secret://file/path`: the file's content, relative to baton.yaml's folder; `secret://file//abs` is absolute
 * - `secret://vault/…`, `secret://aws/…`, `secret://gcp/…`: as `openSecrets` has read it, and reads it anew
 */
export function resolveSecret(ref: string, config: BatonConfig): Secret {
  if (!secretRefPattern.test(ref)) {
    // The reference is not repeated: it may be a secret in the wrong place.
    throw new BatonError('ERR_SECRET_UNRESOLVED', {
      detail: 'What should be a secret:// reference is none.',
    });
  }
  if (vaultRefPattern.test(ref)) return storeOf(config).secret(ref);
  const [, scheme, rest] = /^secret:\/\/([a-z-]+)\/(.+)$/s.exec(ref) ?? [];
  if (scheme === 'file') return new Secret(readSecretFile(ref, path.resolve(config.root, rest ?? '')));
  const value = readVariable(rest ?? '', config);
  if (value === undefined) {
    const detail = `The variable ${rest} that ${ref} refers to is not set.`;
    throw new BatonError('ERR_SECRET_UNRESOLVED', { detail, where: ref });
  }
  return new Secret(scheme === 'env-url' ? decodeURIComponent(parseUrl(value)?.password ?? '') : value);
}

function readVariable(name: string, config: BatonConfig): string | undefined {
  return environmentOf(config)[name] || readSecretsEnv(config.home).get(name) || undefined;
}

function readSecretFile(ref: string, file: string): string {
  try {
    const value = readFileSync(file, 'utf8').replace(/\r?\n$/, '');
    if (value !== '') return value;
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'does not exist' : 'cannot be read';
    const detail = `The file ${file} that ${ref} refers to ${reason}.`;
    throw new BatonError('ERR_SECRET_UNRESOLVED', { detail, where: ref, cause });
  }
  throw new BatonError('ERR_SECRET_UNRESOLVED', { detail: `The file ${file} is empty.`, where: ref });
}

/** The generated secrets of the local stack; empty where there is none. */
function readSecretsEnv(home: string): ReadonlyMap<string, string> {
  let text: string;
  try {
    text = readFileSync(path.join(home, 'secrets.env'), 'utf8');
  } catch {
    return new Map();
  }
  const pairs = text.split(/\r?\n/).flatMap((line) => {
    const match = /^\s*([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(line);
    return match === null ? [] : [[match[1] ?? '', match[2] ?? ''] as const];
  });
  return new Map(pairs);
}
