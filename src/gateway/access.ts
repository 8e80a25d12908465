import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { type BatonConfig, followSecret } from '../config/index.js';
import type { Secret } from '../domain/secret.js';
import { BatonError } from '../protocol/errors.js';

/** Who may ask the gateway what. */
export interface Access {
  /** Whether the request may see more than that we are alive. */
  admits(request: FastifyRequest): boolean;
  /** Throws when the request may not be answered. */
  require(request: FastifyRequest): void;
}

/** These tell an orchestrator whether to restart us or to send us traffic; they say nothing else without a token. */
const open: ReadonlySet<string> = new Set(['/healthz', '/readyz']);

/** What comes here is verified by its sender's own signature. */
const verified = '/hooks/';

/**
 * The gateway's protection. Throws ERR_GATEWAY_UNPROTECTED when it would listen beyond this machine without a
 * token. Without one it answers only under its own names, so that a web page elsewhere cannot make a visitor's
 * browser read from it (DNS rebinding).
 */
export function createAccess(config: BatonConfig): Access {
  const { host, token, publicUrl } = config.gateway;
  if (token === undefined && !isLoopback(host)) {
    throw new BatonError('ERR_GATEWAY_UNPROTECTED', {
      detail: `The gateway is to listen on ${host}, and gateway.token is not set.`,
      where: 'gateway.token',
    });
  }
  const secret = token === undefined ? null : followSecret(token, config);
  const publicName = nameIn(publicUrl);
  const admits = (request: FastifyRequest) =>
    secret === null
      ? isOwnName(nameIn(`http://${request.headers.host ?? ''}`), publicName)
      : matches(secret, request.headers.authorization);
  return {
    admits,
    require(request) {
      const path = pathOf(request);
      if (open.has(path) || path.startsWith(verified) || admits(request)) return;
      throw secret === null
        ? new BatonError('ERR_GATEWAY_FOREIGN_HOST', {
            detail: 'This gateway answers only under its own name.',
          })
        : new BatonError('ERR_GATEWAY_UNAUTHORIZED', { detail: 'This address needs the gateway’s token.' });
    },
  };
}

export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '').toLowerCase();
  return bare === 'localhost' || bare === '::1' || /^127(?:\.\d{1,3}){3}$/.test(bare);
}

function isOwnName(name: string, publicName: string): boolean {
  return isLoopback(name) || (name !== '' && name === publicName);
}

/** The host's name without its port, in small letters; empty when there is none that can be read. */
function nameIn(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname : '';
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? '';
}

/** In constant time, whatever the length: both sides are hashed first. Nobody is let in while a vault does not give the token. */
function matches(secret: () => Secret, header: string | undefined): boolean {
  const [, given] = /^Bearer +(\S+) *$/i.exec(header ?? '') ?? [];
  try {
    return timingSafeEqual(digest(given ?? ''), digest(secret().reveal())) && given !== undefined;
  } catch {
    return false;
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
