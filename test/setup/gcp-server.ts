import { createPublicKey, generateKeyPairSync, randomUUID, verify } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { crc32c } from '../../src/vaults/crc32c.js';

/** A server with the part of Secret Manager's REST API that a reader meets, and a machine's metadata server. */
export interface GcpServer {
  readonly address: string;
  /** `host:port`, as GCE_METADATA_HOST wants it. */
  readonly host: string;
  /** Every path that was asked, in order. */
  readonly asked: readonly string[];
  /** The JSON of a new key of the service account, which may read everything. */
  createKey(): string;
  /** No key and no token that was given is good any more. */
  revoke(): void;
  /** Adds a version. */
  put(secret: string, data: string | Uint8Array): void;
  setState(secret: string, version: number, state: 'ENABLED' | 'DISABLED' | 'DESTROYED'): void;
  /** From now on this secret may not be read. */
  forbid(secret: string): void;
  /** What it answers to every request for a secret from now on; null = as usual. */
  answer(said: { readonly status: number; readonly body: unknown } | null): void;
  stop(): Promise<void>;
}

export const project = 'acme-prod';
const email = `reader@${project}.iam.gserviceaccount.com`;
const scope = 'https://www.googleapis.com/auth/cloud-platform';

interface Version {
  readonly data: Buffer;
  state: string;
}

/**
 * https://docs.cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions/access, errors as in
 * https://google.aip.dev/193, and https://docs.cloud.google.com/compute/docs/metadata/predefined-metadata-keys.
 */
export async function startGcpServer(): Promise<GcpServer> {
  const secrets = new Map<string, Version[]>();
  const forbidden = new Set<string>();
  const keys = new Map<string, string>();
  const tokens = new Set<string>();
  const asked: string[] = [];
  let answer: { readonly status: number; readonly body: unknown } | null = null;

  function respond(request: IncomingMessage): { status: number; body: unknown } {
    const path = request.url ?? '';
    asked.push(path);
    if (path.startsWith('/computeMetadata/')) {
      if (request.headers['metadata-flavor'] !== 'Google') return { status: 403, body: 'Forbidden' };
      if (!/\/service-accounts\/default\/token(?:\?|$)/.test(path)) return { status: 200, body: {} };
      const token = `ya29.canary-${randomUUID()}`;
      tokens.add(token);
      return { status: 200, body: { access_token: token, expires_in: 3599, token_type: 'Bearer' } };
    }
    if (answer !== null) return answer;
    if (!isKnown(/^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '', keys, tokens))
      return failure(401, 'UNAUTHENTICATED', 'Request had invalid authentication credentials.');
    return access(path);
  }

  function access(path: string): { status: number; body: unknown } {
    const [, of = '', name = '', version = ''] =
      /^\/v1\/projects\/([^/]+)\/secrets\/([^/]+)\/versions\/([^/:]+):access$/.exec(path) ?? [];
    if (name === '') return failure(404, 'NOT_FOUND', 'Not found.');
    const resource = `projects/${of}/secrets/${name}/versions/${version}`;
    if (of !== project || forbidden.has(name))
      return failure(
        403,
        'PERMISSION_DENIED',
        `Permission 'secretmanager.versions.access' denied for resource '${resource}' (or it may not exist).`,
      );
    const versions = secrets.get(name) ?? [];
    if (versions.length === 0)
      return failure(404, 'NOT_FOUND', `Secret [projects/1/secrets/${name}] not found or has no versions.`);
    const number = version === 'latest' ? versions.length : Number(version);
    const found = versions[number - 1];
    if (found === undefined)
      return failure(
        404,
        'NOT_FOUND',
        `Secret Version [projects/1/secrets/${name}/versions/${version}] not found.`,
      );
    if (found.state !== 'ENABLED')
      return failure(
        400,
        'FAILED_PRECONDITION',
        `Secret Version [projects/1/secrets/${name}/versions/${number}] is in ${found.state} state.`,
      );
    const payload = {
      ...(found.data.length === 0 ? {} : { data: found.data.toString('base64') }),
      dataCrc32c: String(crc32c(found.data)),
    };
    return { status: 200, body: { name: `projects/1/secrets/${name}/versions/${number}`, payload } };
  }

  const server = createServer((request, response) => {
    const { status, body } = respond(request);
    const headers = { 'content-type': 'application/json; charset=UTF-8', 'metadata-flavor': 'Google' };
    response.writeHead(status, headers).end(JSON.stringify(body));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    address: `http://${host}`,
    host,
    asked,
    createKey() {
      const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
      const private_key_id = randomUUID().replaceAll('-', '');
      keys.set(private_key_id, publicKey.export({ type: 'spki', format: 'pem' }).toString());
      return JSON.stringify({
        type: 'service_account',
        project_id: project,
        private_key_id,
        private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
        client_email: email,
        client_id: '1',
        token_uri: 'https://oauth2.googleapis.com/token',
      });
    },
    revoke() {
      keys.clear();
      tokens.clear();
    },
    put(secret, data) {
      const version = { data: Buffer.from(data), state: 'ENABLED' };
      secrets.set(secret, [...(secrets.get(secret) ?? []), version]);
    },
    setState(secret, version, state) {
      const found = secrets.get(secret)?.[version - 1];
      if (found !== undefined) found.state = state;
    },
    forbid: (secret) => void forbidden.add(secret),
    answer(said) {
      answer = said;
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export function failure(code: number, status: string, message: string, reason?: string) {
  const info = { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason, domain: 'googleapis.com' };
  const details = reason === undefined ? {} : { details: [info] };
  return { status: code, body: { error: { code, message, status, ...details } } };
}

/** A token that the metadata server gave, or one that a key signed itself: https://google.aip.dev/auth/4111. */
function isKnown(token: string, keys: ReadonlyMap<string, string>, tokens: ReadonlySet<string>): boolean {
  if (tokens.has(token)) return true;
  const [head = '', claims = '', signature = ''] = token.split('.');
  const read = (part: string) =>
    JSON.parse(Buffer.from(part, 'base64url').toString() || '{}') as Record<string, unknown>;
  if (!/^eyJ/.test(head)) return false;
  const key = keys.get(String(read(head)['kid']));
  const { iss, sub, scope: scopes, exp } = read(claims);
  const isOurs = iss === email && sub === email && scopes === scope && Number(exp) * 1000 > Date.now();
  if (key === undefined || !isOurs) return false;
  const signed = Buffer.from(`${head}.${claims}`);
  return verify('RSA-SHA256', signed, createPublicKey(key), Buffer.from(signature, 'base64url'));
}
