import type { Secret } from '../domain/secret.js';

export interface Scrubber {
  scrub(text: string): string;
  add(secret: Secret): void;
}

/** Takes out every secret that this connection has used, should a vendor echo one. */
export function createScrubber(secrets: readonly Secret[]): Scrubber {
  const known = new Set<string>();
  const add = (secret: Secret): void => {
    const value = secret.reveal();
    const bare = value.replace(/^(Bearer|Basic) /, '');
    for (const text of [value, bare, encodeURIComponent(bare)]) if (text.length >= 4) known.add(text);
  };
  secrets.forEach(add);
  return {
    add,
    scrub(text) {
      let clean = text;
      for (const secret of known) clean = clean.replaceAll(secret, '[secret]');
      return clean;
    },
  };
}
