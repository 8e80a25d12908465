import { createHmac, timingSafeEqual } from 'node:crypto';

export interface TokenClaims {
  readonly vendor: string;
  readonly scopes: readonly string[];
  /** Strictly rising per sandbox, in milliseconds. */
  readonly issuedMs: number;
  readonly expiresMs: number;
}

function signature(payload: string, secret: string): string {
  return createHmac('sha256', secret).update(payload).digest('base64url');
}

/** A bearer token that needs no memory: its claims, signed with the client's secret, so a restart keeps it. */
function signToken(claims: TokenClaims, secret: string): string {
  const payload = Buffer.from(JSON.stringify(claims)).toString('base64url');
  return `${payload}.${signature(payload, secret)}`;
}

/** The claims of a token that this secret signed, expired or not; null for anything else. */
function readToken(token: string, secret: string): TokenClaims | null {
  const [payload, given, more] = token.split('.');
  if (payload === undefined || given === undefined || more !== undefined) return null;
  const want = Buffer.from(signature(payload, secret));
  const have = Buffer.from(given);
  if (want.length !== have.length || !timingSafeEqual(want, have)) return null;
  return JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as TokenClaims;
}

export function sameSecret(given: string, wanted: string): boolean {
  const a = createHmac('sha256', 'compare').update(given).digest();
  const b = createHmac('sha256', 'compare').update(wanted).digest();
  return timingSafeEqual(a, b);
}

/** Issues and checks the tokens of one vendor; keeps only from when on tokens count. */
export class TokenIssuer {
  readonly #vendor: string;
  readonly #secret: string;
  readonly #nowMs: () => number;
  #lastIssuedMs = 0;
  #validFromMs = 0;

  constructor(vendor: string, secret: string, nowMs: () => number) {
    this.#vendor = vendor;
    this.#secret = secret;
    this.#nowMs = nowMs;
  }

  issue(scopes: readonly string[], ttlSeconds: number): string {
    this.#lastIssuedMs = Math.max(this.#lastIssuedMs + 1, this.#nowMs(), this.#validFromMs);
    const expiresMs = this.#nowMs() + ttlSeconds * 1000;
    const claims = { vendor: this.#vendor, scopes, issuedMs: this.#lastIssuedMs, expiresMs };
    return signToken(claims, this.#secret);
  }

  /** The claims behind an `Authorization: Bearer` header; null when there are none that count now. */
  check(authorization: string | undefined): TokenClaims | null {
    const token = /^Bearer (.+)$/i.exec(authorization ?? '')?.[1];
    const claims = token === undefined ? null : readToken(token, this.#secret);
    if (claims === null || claims.vendor !== this.#vendor) return null;
    return claims.expiresMs > this.#nowMs() && claims.issuedMs >= this.#validFromMs ? claims : null;
  }

  /** The first moment that counts from now on: tokens issued before it do not. */
  nextValidFromMs(): number {
    return Math.max(this.#lastIssuedMs, this.#nowMs()) + 1;
  }

  setValidFrom(ms: number): void {
    this.#validFromMs = Math.max(this.#validFromMs, ms);
  }
}
