import type { Secret } from '../domain/secret.js';
import { unresolved } from './failure.js';

/** A field of a secret whose text is JSON; without one the whole text, less its last line break. */
export function secretValue(reference: string, text: Secret, field: string | null): string {
  if (field === null) return nonEmpty(reference, text.reveal().replace(/\r?\n$/, ''));
  const fields = fieldsOf(text);
  if (fields !== null) return member(reference, fields, field);
  const fix = 'Leave out what follows the #, or store the secret as a JSON object.';
  throw unresolved(reference, `the secret is no JSON object that could have a field ${field}`, fix);
}

/** Numbers and truth values as text. */
function member(reference: string, fields: Readonly<Record<string, unknown>>, key: string): string {
  const value = Object.hasOwn(fields, key) ? fields[key] : undefined;
  if (typeof value === 'string') return nonEmpty(reference, value);
  if (typeof value === 'boolean' || (typeof value === 'number' && isExact(value))) return String(value);
  if (value !== undefined) {
    const what = typeof value === 'number' ? 'is a number that is not exact' : 'is no text';
    throw unresolved(
      reference,
      `the field ${key} ${what}`,
      'Name a field that holds the secret itself, as text.',
    );
  }
  const names = Object.keys(fields).slice(0, 10).join(', ');
  const there = names === '' ? 'there is none' : `there are: ${names}`;
  throw unresolved(reference, `the secret has no field ${key}; ${there}`, 'Correct what follows the #.');
}

/** JSON's numbers lose digits beyond these. */
function isExact(value: number): boolean {
  return Math.abs(value) <= Number.MAX_SAFE_INTEGER;
}

function fieldsOf(text: Secret): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text.reveal());
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function nonEmpty(reference: string, value: string): string {
  if (value !== '') return value;
  throw unresolved(reference, 'the secret is empty', 'Store its value in the vault.');
}
