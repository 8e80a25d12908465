import { BatonError } from '../protocol/errors.js';

/** The vault has answered, and the secret is not there for us: no secret, no such field, no permission. */
export function unresolved(reference: string, what: string, fix: string): BatonError {
  return new BatonError('ERR_SECRET_UNRESOLVED', { detail: `${reference}: ${what}.`, where: reference, fix });
}

/** The vault refused who we are. It says the same of a token that has expired and of a right that was taken. */
export function refused(reference: string, what: string, fix: string): BatonError {
  const error = unresolved(reference, what, fix);
  refusals.add(error);
  return error;
}

/** The vault could not be asked, or did not answer as it should. */
export function unavailable(reference: string, what: string): BatonError {
  return new BatonError('ERR_VAULT_UNAVAILABLE', { detail: `${reference}: ${what}.`, where: reference });
}

const refusals = new WeakSet<BatonError>();

/** Whether what was read before is still good to be used for a while. */
export function mayPass(error: BatonError): boolean {
  return error.error === 'ERR_VAULT_UNAVAILABLE' || refusals.has(error);
}

/** A field of a secret; numbers and truth values as text. */
export function member(reference: string, fields: unknown, key: string): string {
  const known = typeof fields === 'object' && fields !== null && !Array.isArray(fields) ? fields : {};
  const value = Object.hasOwn(known, key) ? (known as Record<string, unknown>)[key] : undefined;
  if (typeof value === 'string') return nonEmpty(reference, value);
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (value !== undefined)
    throw unresolved(reference, `the field ${key} is no text`, 'Name a field that holds the secret itself.');
  const names = Object.keys(known).slice(0, 10).join(', ');
  const there = names === '' ? 'there is none' : `there are: ${names}`;
  throw unresolved(reference, `the secret has no field ${key}; ${there}`, 'Correct what follows the #.');
}

function nonEmpty(reference: string, value: string): string {
  if (value !== '') return value;
  throw unresolved(reference, 'the secret is empty', 'Store its value in the vault.');
}
