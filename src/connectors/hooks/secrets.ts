import { createHash, timingSafeEqual } from 'node:crypto';
import { Secret } from '../../domain/secret.js';
import { secretReference } from '../settings.js';

/** The secrets of a webhook, as a connector's schema has them: a second one while they are being rotated. */
export const secretSettings = {
  secret: secretReference,
  /** The one before, as long as the sender may still use it. */
  previousSecret: secretReference.optional(),
};

/** Those that are set, resolved. */
export function secretsOf(settings: Readonly<Record<string, unknown>>): readonly Secret[] {
  return [settings['secret'], settings['previousSecret']].filter((value) => value instanceof Secret);
}

/** The same for signatures, whose length is no secret. */
export function isSameSignature(given: string, expected: string): boolean {
  const [one, other] = [Buffer.from(given, 'latin1'), Buffer.from(expected, 'latin1')];
  return one.length === other.length && timingSafeEqual(one, other);
}

/** Whether two texts are the same, in a time that tells nothing of where they differ. */
export function isSame(given: string, expected: string): boolean {
  return timingSafeEqual(digest(given), digest(expected));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
