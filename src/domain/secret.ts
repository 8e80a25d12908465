/**
 * A secret's value that cannot be printed by accident: JSON, templates, string concatenation, util.inspect
 * and error messages all show `[secret]`. Only `reveal()` gives the value, and only connectors call it.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
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
