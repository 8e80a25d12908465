import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A server with Vault's HTTP API: the parts of KV version 2 and AppRole that a reader meets, as they are documented. */
export interface VaultServer {
  readonly address: string;
  readonly token: string;
  readonly role: { readonly roleId: string; readonly secretId: string };
  /** Every path that was asked, in order. */
  readonly asked: readonly string[];
  put(path: string, fields: Readonly<Record<string, unknown>>): void;
  /** Deletes the latest version, as `vault kv delete` does. */
  remove(path: string): void;
  /** What every request is answered with from now on; null = as usual. */
  fail(status: number | null): void;
  /** Ends all tokens that AppRole gave. */
  revokeLogins(): void;
  stop(): Promise<void>;
}

interface Version {
  data: Readonly<Record<string, unknown>> | null;
  readonly metadata: { created_time: string; deletion_time: string; destroyed: boolean; version: number };
}

/** https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2 and /vault/api-docs/auth/approle */
export async function startVaultServer(options: { namespace?: string } = {}): Promise<VaultServer> {
  const token = `hvs.canary-root-${randomUUID()}`;
  const role = { roleId: randomUUID(), secretId: `canary-secret-id-${randomUUID()}` };
  const secrets = new Map<string, Version[]>();
  const logins = new Set<string>();
  const asked: string[] = [];
  let failure: number | null = null;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const say = (status: number, body: unknown) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    const path = request.url ?? '';
    asked.push(path);
    if (failure !== null) {
      const location = failure < 400 ? { location: 'http://192.0.2.1:8200/' } : {};
      response.writeHead(failure, { 'content-type': 'application/json', ...location });
      return void response.end(JSON.stringify({ errors: failure === 503 ? ['Vault is sealed'] : [] }));
    }
    if (path === '/v1/auth/approle/login') {
      const { role_id, secret_id } = JSON.parse(await textOf(request)) as Record<string, string>;
      if (role_id !== role.roleId || secret_id !== role.secretId)
        return void say(400, { errors: ['invalid role or secret ID'] });
      const given = `hvs.canary-login-${randomUUID()}`;
      logins.add(given);
      return void say(200, {
        auth: { client_token: given, lease_duration: 1200, renewable: true },
        data: null,
      });
    }
    const shown = request.headers['x-vault-token'];
    const isKnown = shown === token || logins.has(String(shown));
    const isHere = request.headers['x-vault-namespace'] === options.namespace;
    // Whoever asks in another namespace is told no more than whoever has no token.
    if (!isKnown || !isHere) return void say(403, { errors: ['permission denied'] });
    const [, at = ''] = /^\/v1\/secret\/data\/(.+)$/.exec(path) ?? [];
    if (/^\/v1\/forbidden\//.test(path))
      return void say(403, { errors: ['1 error occurred:\n\t* permission denied\n\n'] });
    const latest = secrets.get(decodeURIComponent(at))?.at(-1);
    if (latest === undefined) return void say(404, { errors: [] });
    say(latest.data === null ? 404 : 200, {
      request_id: randomUUID(),
      lease_id: '',
      renewable: false,
      lease_duration: 0,
      data: latest,
      wrap_info: null,
      warnings: null,
      auth: null,
    });
  }

  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token,
    role,
    asked,
    put(path, data) {
      const versions = secrets.get(path) ?? [];
      const created_time = new Date().toISOString();
      const metadata = { created_time, deletion_time: '', destroyed: false, version: versions.length + 1 };
      secrets.set(path, [...versions, { data, metadata }]);
    },
    remove(path) {
      const latest = secrets.get(path)?.at(-1);
      if (latest === undefined) return;
      latest.data = null;
      latest.metadata.deletion_time = new Date().toISOString();
    },
    fail(status) {
      failure = status;
    },
    revokeLogins: () => logins.clear(),
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
