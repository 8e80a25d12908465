/** What is special in a part of a reference is percent-encoded. */
const patterns = {
  /** `secret://vault/<mount>/<path>#<field>` */
  vault: /^secret:\/\/vault\/[^/#\s]+\/[^#\s]+#[^#\s]+$/,
  /** `secret://aws/<name or ARN>`, with `#<field>` where the secret is JSON */
  aws: /^secret:\/\/aws\/[^#\s]+(?:#[^#\s]+)?$/,
  /** `secret://gcp/<project>/<secret>`, with `/<version>` for one that is not the latest, and `#<field>` as above */
  gcp: /^secret:\/\/gcp\/[^/#\s]+\/[^/#\s]+(?:\/[^/#\s]+)?(?:#[^#\s]+)?$/,
} as const;

export type VaultKind = keyof typeof patterns;

/** As people know them. */
const titles: Readonly<Record<VaultKind, string>> = {
  vault: 'HashiCorp Vault',
  aws: 'AWS Secrets Manager',
  gcp: 'Google Cloud Secret Manager',
};

/** Where in a vault a secret is, as its reference says it. */
export interface SecretPlace {
  readonly vault: VaultKind;
  /** The reference without its field: what is read at once. */
  readonly address: string;
  readonly path: readonly string[];
  /** Null for the whole secret. */
  readonly field: string | null;
}

export const vaultRefPattern = new RegExp(
  Object.values(patterns)
    .map(({ source }) => source)
    .join('|'),
);

/** The place that a reference names; null when it names none in a vault. */
export function secretPlace(reference: string): SecretPlace | null {
  const vault = (Object.keys(patterns) as VaultKind[]).find((kind) => patterns[kind].test(reference));
  if (vault === undefined) return null;
  const [address = '', field] = reference.split('#');
  const path = address.slice(`secret://${vault}/`.length).split('/').map(decoded);
  return { vault, address, path, field: field === undefined ? null : decoded(field) };
}

/** The name of the vault that a reference is to. */
export function vaultTitle(reference: string): string {
  const place = secretPlace(reference);
  return place === null ? '' : titles[place.vault];
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
