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
