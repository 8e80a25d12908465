/** Where in Vault a secret is, as its reference says it. */
export interface VaultPlace {
  readonly mount: string;
  readonly path: string;
  readonly field: string;
}

/** `secret://vault/<mount>/<path>#<field>`; what is special in a part is percent-encoded. */
export const vaultRefPattern = /^secret:\/\/vault\/[^/#\s]+\/[^#\s]+#[^#\s]+$/;

/** The place that a reference names; null when it names none in a vault. */
export function vaultPlace(reference: string): VaultPlace | null {
  if (!vaultRefPattern.test(reference)) return null;
  const [address = '', field = ''] = reference.slice('secret://vault/'.length).split('#');
  const [mount = '', ...path] = address.split('/').map(decoded);
  return { mount, path: path.join('/'), field: decoded(field) };
}

/** Every reference to a vault in a configuration, or a part of it, once each. */
export function vaultReferencesIn(value: unknown): readonly string[] {
  return [...new Set(allIn(value))].filter((reference) => vaultRefPattern.test(reference));
}

function allIn(value: unknown): readonly string[] {
  if (typeof value === 'string') return value.startsWith('secret://') ? [value] : [];
  if (value === null || typeof value !== 'object') return [];
  return Object.values(value).flatMap(allIn);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
