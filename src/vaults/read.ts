import type { Secret } from '../domain/secret.js';
import { createAws } from './aws.js';
import { failureOf, unresolved } from './failure.js';
import { createGcp } from './gcp.js';
import { type SecretPlace, secretPlace, type VaultKind } from './reference.js';
import { secretValue } from './value.js';
import { createVault } from './vault.js';

export type Variables = Readonly<Record<string, string | undefined>>;

/** Reads the whole text of a secret; of one that is made of fields, their JSON. */
export type VaultReader = (place: SecretPlace) => Promise<Secret>;

/**
 * Reads secrets of every vault that a reference can name. Fields of one secret that are asked for at the same time cost one
 * call. Throws ERR_SECRET_UNRESOLVED or ERR_VAULT_UNAVAILABLE.
 */
export function createVaults(env: Variables): (reference: string) => Promise<string> {
  const readers: Readonly<Record<VaultKind, VaultReader>> = {
    vault: createVault(env),
    aws: createAws(env),
    gcp: createGcp(env),
  };
  const underWay = new Map<string, Promise<Secret>>();

  function textOf(place: SecretPlace): Promise<Secret> {
    const known = underWay.get(place.address);
    if (known !== undefined) return known;
    const reading = readers[place.vault](place).finally(() => underWay.delete(place.address));
    underWay.set(place.address, reading);
    return reading;
  }

  return async (reference) => {
    const place = secretPlace(reference);
    if (place === null)
      throw unresolved(reference, 'it names no secret of a vault', 'Correct the reference.');
    const text = await textOf(place).catch((error: unknown) => {
      throw failureOf(reference, place.address, error);
    });
    return secretValue(reference, text, place.field);
  };
}
