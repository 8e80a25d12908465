import { setTimeout as sleep } from 'node:timers/promises';
import { Secret } from '../domain/secret.js';
import { BatonError } from '../protocol/errors.js';
import { mayPass } from './failure.js';

export interface SecretStoreOptions {
  readonly references: readonly string[];
  /** Reads one secret from its vault. */
  readonly read: (reference: string) => Promise<string>;
  /** How old a value may be before it is read anew. */
  readonly refreshMs: number;
  /** How old a value may be that is used while its vault cannot be asked. */
  readonly keepMs: number;
  /** Told of a vault that cannot be asked, and of one that can again; never of a value. */
  readonly log?: SecretLog | undefined;
}

export interface SecretLog {
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
}

/** The secrets of vaults as this process knows them. Nothing of it is shared with another process. */
export interface SecretStore {
  /** The value as it was last read. Throws ERR_SECRET_UNRESOLVED or ERR_VAULT_UNAVAILABLE when there is none to be used. */
  secret(reference: string): Secret;
  /** Another text when one of these values is another. Throws like `secret`. */
  version(references: readonly string[]): string;
  /** Reads these anew, because they were refused. Never throws. */
  reread(references: readonly string[]): Promise<void>;
  /** From now on each value is read anew when it is old, until `close`. */
  keepFresh(): void;
  close(): void;
}

interface Entry {
  readonly reference: string;
  secret: Secret | null;
  version: number;
  readAtMs: number;
  triedAtMs: number;
  error: BatonError | null;
  /** The read under way, which all who wait share. */
  reading: Promise<void> | null;
}

/** Whoever is refused again and again asks the vault no more often than this. */
const rereadMs = 1_000;
/** After a failure a vault is asked again so soon. */
const retryMs = 10_000;

/** Reads every secret once, side by side. What cannot be read is an error only where it is used. */
export async function openSecretStore(options: SecretStoreOptions): Promise<SecretStore> {
  const entries = new Map(options.references.map((reference) => [reference, newEntry(reference)]));
  let timer: NodeJS.Timeout | undefined;
  await Promise.all([...entries.values()].map((entry) => readOnce(entry, options)));

  const known = (references: readonly string[]) =>
    references.flatMap((reference) => entries.get(reference) ?? []);
  function secret(reference: string): Secret {
    const entry = entries.get(reference);
    if (entry === undefined)
      throw new BatonError('ERR_INTERNAL', { detail: `${reference} is no reference of this configuration.` });
    return usable(entry, options.keepMs);
  }

  return {
    secret,
    version: (references) =>
      references
        .map((reference) => {
          secret(reference);
          return entries.get(reference)?.version;
        })
        .join('.'),
    async reread(references) {
      const asked = known(references).map(async (entry) => {
        const { triedAtMs } = entry;
        const waitMs = triedAtMs + rereadMs - Date.now();
        if (waitMs > 0) await sleep(waitMs);
        if (entry.triedAtMs === triedAtMs) await readOnce(entry, options);
      });
      await Promise.all(asked);
    },
    keepFresh() {
      if (entries.size === 0) return;
      timer ??= setInterval(
        () => {
          for (const entry of entries.values()) if (isDue(entry, options)) void readOnce(entry, options);
        },
        Math.min(options.refreshMs / 2, retryMs / 2),
      );
      timer.unref();
    },
    close: () => clearInterval(timer),
  };
}

function newEntry(reference: string): Entry {
  return { reference, secret: null, version: 0, readAtMs: 0, triedAtMs: 0, error: null, reading: null };
}

function isDue(entry: Entry, { refreshMs }: SecretStoreOptions): boolean {
  const now = Date.now();
  return entry.error === null
    ? now >= entry.readAtMs + refreshMs
    : now >= entry.triedAtMs + Math.min(retryMs, refreshMs);
}

function readOnce(entry: Entry, options: SecretStoreOptions): Promise<void> {
  entry.reading ??= readAnew(entry, options).finally(() => {
    entry.reading = null;
  });
  return entry.reading;
}

async function readAnew(entry: Entry, { read, keepMs, log }: SecretStoreOptions): Promise<void> {
  const { reference } = entry;
  try {
    const value = await read(reference);
    const isNew = entry.secret?.reveal() !== value;
    if (entry.error !== null) log?.info({ reference }, 'the secret can be read again');
    else if (isNew && entry.secret !== null) log?.info({ reference }, 'the secret is another one now');
    if (isNew) {
      entry.secret = new Secret(value);
      entry.version += 1;
    }
    entry.error = null;
    entry.readAtMs = Date.now();
  } catch (cause) {
    const error =
      cause instanceof BatonError
        ? cause
        : new BatonError('ERR_INTERNAL', { detail: `${reference} could not be read.`, cause });
    entry.error = error;
    const { detail, fix } = error.options;
    const leftMs = entry.secret !== null && mayPass(error) ? entry.readAtMs + keepMs - Date.now() : 0;
    const message =
      leftMs > 0 ? 'the secret cannot be read: its last value is used' : 'the secret cannot be read';
    log?.warn({ reference, detail, fix, ...(leftMs > 0 ? { forMs: leftMs } : {}) }, message);
  } finally {
    entry.triedAtMs = Date.now();
  }
}

function usable({ reference, secret, readAtMs, error }: Entry, keepMs: number): Secret {
  if (secret !== null && (error === null || mayPass(error)) && Date.now() < readAtMs + keepMs) return secret;
  throw (
    error ??
    new BatonError('ERR_VAULT_UNAVAILABLE', { detail: `${reference}: it was last read too long ago.` })
  );
}
