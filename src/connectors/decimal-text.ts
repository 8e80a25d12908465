import { Big } from 'big.js';

/** Plain decimals of at most 30 digits before and after the point; a short exponent is understood. */
const plain = /^[+-]?\d{1,30}(\.\d{1,30})?$/;
const exponential = /^[+-]?\d{1,30}(\.\d{1,30})?[eE][+-]?\d{1,2}$/;

/**
 * A decimal as canonical text: no exponent, no plus sign, no needless zeros in front; the places after the
 * point stay as the vendor sent them. Null when it is no decimal, or one of more than 30 digits.
 */
export function decimalText(value: string): string | null {
  if (plain.test(value)) {
    const bare = value.startsWith('+') ? value.slice(1) : value;
    return /^-?0\d/.test(bare) ? bare.replace(/^(-?)0+(?=\d)/, '$1') : bare;
  }
  if (!exponential.test(value)) return null;
  const text = new Big(value).toFixed();
  return plain.test(text) ? text : null;
}

/**
 * A JSON number as decimal text, or null when a float does not hold it exactly enough: beyond 15 significant
 * digits the vendor's own digits are lost once the record is parsed.
 */
export function exactNumberText(value: number): string | null {
  if (!Number.isFinite(value)) return null;
  if (Number.isSafeInteger(value)) return String(value);
  const text = String(value);
  const digits = text
    .replace(/[eE].*$/, '')
    .replace(/\D/g, '')
    .replace(/^0+/, '');
  return digits.length <= 15 ? decimalText(text) : null;
}

export function sum(values: readonly string[]): string {
  let total = new Big(0);
  for (const value of values) total = total.plus(value);
  return total.toFixed();
}

export function product(a: string, b: string): string {
  return new Big(a).times(b).toFixed();
}
