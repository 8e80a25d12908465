import { createHash } from 'node:crypto';
import { Secret } from '../domain/secret.js';
import { BatonError } from '../protocol/errors.js';
import type { Authenticator, Authorization, HttpRequest, VendorHttp } from './http.js';
import { readSetting, type SettingValue } from './settings.js';

/** An access token as the vendor minted it. */
export interface MintedToken {
  readonly value: Secret;
  /** Undefined when the vendor tells no lifetime: the token is then used until it is refused. */
  readonly lifetimeMs?: number;
  /** The host that the vendor assigned with the token. */
  readonly baseUrl?: string;
}

export interface TokenHolderOptions {
  /** Same key, same token: see `tokenKey`. */
  readonly key: string;
  mint(): Promise<MintedToken>;
}

interface Held {
  readonly token: MintedToken;
  readonly renewAtMs: number;
}

interface Slot {
  held: Held | null;
  /** The one refresh under way, which all callers share. */
  minting: Promise<Held> | null;
}

/** Tokens live here and nowhere else: once per process, however often the connection is opened. */
const slots = new Map<string, Slot>();

/**
 * Bearer tokens, fetched when first needed, renewed a fifth of their life (at most ten minutes) before they
 * expire, and forgotten when the vendor refuses them. Concurrent callers share one request for a token; a
 * caller that is cancelled does not cancel it for the others.
 */
export function createTokenHolder(options: TokenHolderOptions): Authenticator {
  const slot = slots.get(options.key) ?? { held: null, minting: null };
  slots.set(options.key, slot);
  return {
    async authorize(signal) {
      const ready = slot.held;
      if (ready !== null && Date.now() < ready.renewAtMs) return authorization(ready, 0);
      const mine = slot.minting === null;
      slot.minting ??= refresh(slot, options);
      return authorization(await raced(slot.minting, signal), mine ? 1 : 0);
    },
    renew(refused) {
      if (slot.held?.token.value === tokens.get(refused)) slot.held = null;
    },
  };
}

/** Which token an authorization was made from, so that a late 401 does not throw away its successor. */
const tokens = new WeakMap<Authorization, Secret>();

function authorization(held: Held, calls: number): Authorization {
  const { value, baseUrl } = held.token;
  const made: Authorization = {
    header: new Secret(`Bearer ${value.reveal()}`),
    calls,
    ...(baseUrl === undefined ? {} : { baseUrl }),
  };
  tokens.set(made, value);
  return made;
}

async function refresh(slot: Slot, options: TokenHolderOptions): Promise<Held> {
  try {
    const token = await options.mint();
    const lifetimeMs = token.lifetimeMs ?? Number.POSITIVE_INFINITY;
    slot.held = { token, renewAtMs: Date.now() + lifetimeMs - Math.min(600_000, lifetimeMs / 5) };
    return slot.held;
  } finally {
    slot.minting = null;
  }
}

function raced<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** One token per connection and set of credentials; the credentials only as a digest. */
export function tokenKey(
  connection: string,
  baseUrl: string,
  ...credentials: readonly SettingValue[]
): string {
  const digest = createHash('sha256');
  for (const part of credentials) digest.update(readSetting(part)).update('\0');
  return `${connection}|${baseUrl}|${digest.digest('hex')}`;
}

/** The vendor's answer to a token call, in the words of RFC 6749 §5.1. */
interface TokenAnswer {
  readonly access_token: string;
  readonly expires_in?: unknown;
  readonly instance_url?: unknown;
}

/**
 * Asks for a token by the client-credentials grant; any refusal of the credentials is ERR_SOURCE_AUTH. `basic`: the
 * Authorization header, where the vendor takes the client there and not in the form.
 */
export async function mintToken(
  http: VendorHttp,
  path: string,
  form: Readonly<Record<string, string | Secret>>,
  basic?: Secret,
): Promise<MintedToken> {
  const request: HttpRequest = {
    method: 'POST',
    path,
    anonymous: true,
    ...(basic === undefined ? {} : { headers: { Authorization: basic.reveal() } }),
    form: { grant_type: 'client_credentials', ...form },
  };
  const delivery = await http.send(request);
  if (delivery.kind !== 'answered') throw delivery.error;
  const { answer } = delivery;
  if (answer.status === 400 || answer.status === 401) {
    const { detail } = http.failure(request, answer).options;
    throw new BatonError('ERR_SOURCE_AUTH', { detail, vendor: true });
  }
  if (answer.status < 200 || answer.status >= 300) throw http.failure(request, answer);
  const body = parseTokenAnswer(answer.body);
  if (body === null) {
    // The body may hold a token: not shown.
    throw http.badResponse(request, { ...answer, body: Buffer.alloc(0) }, 'answered without an access token');
  }
  return {
    value: new Secret(body.access_token),
    ...(typeof body.expires_in === 'number' ? { lifetimeMs: body.expires_in * 1000 } : {}),
    ...(typeof body.instance_url === 'string' ? { baseUrl: body.instance_url.replace(/\/+$/, '') } : {}),
  };
}

function parseTokenAnswer(body: Buffer): TokenAnswer | null {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    const usable =
      typeof value === 'object' &&
      value !== null &&
      'access_token' in value &&
      typeof value.access_token === 'string' &&
      value.access_token !== '';
    return usable ? (value as TokenAnswer) : null;
  } catch {
    return null;
  }
}
