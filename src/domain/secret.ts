/**
 * A secret's value that cannot be printed by accident: JSON, templates, string concatenation, util.inspect
 * and error messages all show `[secret]`. Only `reveal()` gives the value, and only who sends it calls that.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
    if (value.length >= shortestRedacted) known.add(value);
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[secret]';
  }
}

/** Shorter values would blot out ordinary words. */
const shortestRedacted = 8;

/** Every secret that this process has held: the last line of defence for what others write into messages. */
const known = new Set<string>();

/** The text with every known secret, plain, URL-encoded or base64-encoded, replaced by `[secret]`. */
export function redact(text: string): string {
  let clean = text;
  for (const value of known)
    for (const form of [value, encodeURIComponent(value), Buffer.from(value).toString('base64')])
      if (clean.includes(form)) clean = clean.replaceAll(form, '[secret]');
  return clean;
}
