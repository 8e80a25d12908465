import type { Secret } from '../../domain/secret.js';
import type { Verdict } from '../webhook.js';
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
