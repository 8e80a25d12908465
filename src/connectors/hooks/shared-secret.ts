import type { Secret } from '../../domain/secret.js';
import type { HookRequest, Verdict } from '../webhook.js';
import { notGenuine } from './hmac.js';
import { isSame } from './secrets.js';

/**
 * A secret that the sender only repeats, in a header or where else it can put one: it proves who knows it, and neither
 * the body nor the time. `given` is what came, `expected` what each secret makes of it.
 */
export function verifyShared(
  where: string,
  given: string | undefined,
  secrets: readonly Secret[],
  expected: (secret: string) => string = (secret) => secret,
): Verdict {
  if (given === undefined) return notGenuine(`there is no ${where}`);
  let fits = false;
  for (const secret of secrets) if (isSame(given, expected(secret.reveal()))) fits = true;
  return fits ? { genuine: true } : notGenuine(`${where} is not the secret`);
}

/** The secret as HTTP's own header has it: the password of `username`, or a token where there is no such name. */
export function verifyAuthorization(
  headers: HookRequest['headers'],
  secrets: readonly Secret[],
  username: unknown,
): Verdict {
  const expected = (secret: string) =>
    typeof username === 'string'
      ? `Basic ${Buffer.from(`${username}:${secret}`).toString('base64')}`
      : `Bearer ${secret}`;
  return verifyShared('authorization', headers['authorization'], secrets, expected);
}
