import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import type { Secret } from '../../domain/secret.js';
import type { HookRequest, Verdict } from '../webhook.js';
import { isSameSignature } from './secrets.js';

/** How far the signed time may be from ours, in either direction. */
const toleranceMs = 300_000;

/** A signature over the body, and over the time at which it was sent where the sender signs that too. */
export interface HmacScheme {
  readonly secrets: readonly Secret[];
  /** Header with the signature, in small letters. */
  readonly header: string;
  readonly encoding: 'hex' | 'base64';
  /** The signatures in the header; one must fit. The header itself when not given. */
  readonly signatures?: (header: string) => readonly string[];
  /** What is signed; the body when not given. `time` is the text of the time's header. */
  readonly content?: (body: Buffer, time: string) => readonly (string | Buffer)[];
  readonly time?: {
    readonly header: string;
    /** As milliseconds since 1970; NaN for what is no time. */
    readonly read: (text: string) => number;
  };
  /** The key that a secret stands for; its own bytes when not given. */
  readonly keyOf?: (secret: string) => Buffer | string;
}

/** HMAC-SHA256, https://www.rfc-editor.org/rfc/rfc2104 ; each secret and signature is tried, so that the time taken tells nothing. */
export function verifyHmac(scheme: HmacScheme, request: HookRequest): Verdict {
  const header = request.headers[scheme.header];
  if (header === undefined) return notGenuine(`there is no ${scheme.header}`);
  const time = scheme.time === undefined ? '' : request.headers[scheme.time.header];
  if (time === undefined) return notGenuine(`there is no ${scheme.time?.header}`);
  const signatures = scheme.signatures?.(header) ?? [header];
  const content = scheme.content?.(request.body, time) ?? [request.body];
  let fits = false;
  for (const secret of scheme.secrets) {
    const hmac = createHmac('sha256', keyOf(scheme, secret));
    for (const piece of content) hmac.update(piece);
    const expected = hmac.digest(scheme.encoding);
    for (const signature of signatures) if (isSameSignature(signature, expected)) fits = true;
  }
  if (!fits) return notGenuine(`${scheme.header} is not the signature of these bytes`);
  if (scheme.time === undefined) return { genuine: true };
  const offMs = Math.abs(scheme.time.read(time) - request.receivedAt.getTime());
  if (offMs <= toleranceMs) return { genuine: true };
  return notGenuine(`${scheme.time.header} is ${time.slice(0, 40)}, more than five minutes from our clock`);
}

/** Seconds since 1970, as text of digits alone. */
export function unixSeconds(text: string): number {
  return /^\d{1,11}$/.test(text) ? Number(text) * 1_000 : Number.NaN;
}

/** A secret's key, made once: as long as the secret is in use. */
const keys = new WeakMap<Secret, KeyObject>();

function keyOf(scheme: HmacScheme, secret: Secret): KeyObject {
  const known = keys.get(secret);
  if (known !== undefined) return known;
  const text = secret.reveal();
  const key = createSecretKey(Buffer.from(scheme.keyOf?.(text) ?? text));
  keys.set(secret, key);
  return key;
}

export function notGenuine(why: string): Verdict {
  return { genuine: false, why };
}
