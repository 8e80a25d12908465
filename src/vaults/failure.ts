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

/** The failure of a secret as that of one of its fields, or of the whole. */
export function failureOf(reference: string, address: string, error: unknown): unknown {
  if (!(error instanceof BatonError)) return error;
  const detail = error.options.detail.replace(address, () => reference);
  const own = new BatonError(error.error, { ...error.options, detail, where: reference });
  if (refusals.has(error)) refusals.add(own);
  return own;
}

/** The name of what kept somebody from being reached at all; null for a failure of another kind. */
export function unreachable(error: unknown): string | null {
  const { code, name, cause } = error as { code?: unknown; name?: unknown; cause?: unknown };
  const found = [code, name].find((word) => typeof word === 'string' && unreachablePattern.test(word));
  if (found !== undefined) return String(found);
  return typeof cause === 'object' && cause !== null ? unreachable(cause) : null;
}

const unreachablePattern =
  /^(?:ECONN[A-Z]+|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOST[A-Z]+|ENET[A-Z]+|EPIPE|UND_ERR_\w+|TimeoutError|AbortError)$/;

/** Within so long everybody has to answer. */
export const deadlineMs = 5_000;

/** Throws ERR_VAULT_UNAVAILABLE when it takes too long; what it comes to then is nobody's. */
export async function withDeadline<T>(reference: string, who: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(unavailable(reference, `${who} gave no answer in ${deadlineMs} ms`)),
      deadlineMs,
    );
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
