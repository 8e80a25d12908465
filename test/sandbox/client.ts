import { type IncomingHttpHeaders, request } from 'node:http';
import type { SandboxOptions } from '../../src/sandbox/options.js';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.js';

export const secrets = {
  coupaClientSecret: 'test-coupa',
  zendeskApiToken: 'test-zendesk',
  salesforceClientSecret: 'test-salesforce',
  slackBotToken: 'xoxb-test',
};

/** A sandbox on a free port whose clock stands a day after the seed, unless told otherwise. */
export function start(options: Partial<SandboxOptions> = {}): Promise<Sandbox> {
  const clock = (): Date => new Date('2026-06-16T00:00:00Z');
  return startSandbox({ port: 0, secrets, coupaLimit: null, clock, ...options });
}

export interface Reply {
  /** Null when no status line came. */
  readonly status: number | null;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** The socket's error, if the answer broke off. */
  readonly error: string | null;
}

export interface Ask {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly timeoutMs?: number;
}

/** One request over a fresh connection, with nothing smoothed over. */
export function raw(url: string, ask: Ask = {}): Promise<Reply> {
  return new Promise((resolve) => {
    let status: number | null = null;
    let headers: IncomingHttpHeaders = {};
    const chunks: Buffer[] = [];
    const done = (error: string | null): void =>
      resolve({ status, headers, body: Buffer.concat(chunks).toString(), error });
    const call = request(
      url,
      { method: ask.method ?? 'GET', headers: ask.headers ?? {}, agent: false },
      (response) => {
        status = response.statusCode ?? null;
        headers = response.headers;
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => done(response.complete ? null : 'incomplete'));
        response.on('error', (error) => done(error.message));
      },
    );
    call.on('error', (error) => done(error.message));
    if (ask.timeoutMs !== undefined) {
      call.setTimeout(ask.timeoutMs, () => call.destroy(new Error('client gave up')));
    }
    call.end(ask.body);
  });
}

export async function getJson<T>(url: string, headers: Record<string, string> = {}): Promise<T> {
  const reply = await raw(url, { headers });
  if (reply.status !== 200) throw new Error(`${url}: ${reply.status} ${reply.body}`);
  return JSON.parse(reply.body) as T;
}

const form = { 'content-type': 'application/x-www-form-urlencoded' };

export async function coupaHeaders(sandbox: Sandbox, scope = ''): Promise<Record<string, string>> {
  const parameters = new URLSearchParams({
    client_id: 'baton-demo',
    client_secret: secrets.coupaClientSecret,
    grant_type: 'client_credentials',
    scope,
  });
  const reply = await raw(`${sandbox.url}/coupa/oauth2/token`, {
    method: 'POST',
    headers: form,
    body: String(parameters),
  });
  const token = (JSON.parse(reply.body) as { access_token: string }).access_token;
  return { authorization: `Bearer ${token}`, accept: 'application/json', 'content-type': 'application/json' };
}

export async function salesforceHeaders(sandbox: Sandbox): Promise<Record<string, string>> {
  const parameters = new URLSearchParams({
    client_id: 'baton-demo',
    client_secret: secrets.salesforceClientSecret,
    grant_type: 'client_credentials',
  });
  const url = `${sandbox.url}/salesforce/services/oauth2/token`;
  const reply = await raw(url, { method: 'POST', headers: form, body: String(parameters) });
  return { authorization: `Bearer ${(JSON.parse(reply.body) as { access_token: string }).access_token}` };
}

export function zendeskHeaders(key?: string): Record<string, string> {
  const credentials = Buffer.from(`baton@example.com/token:${secrets.zendeskApiToken}`).toString('base64');
  const common = { authorization: `Basic ${credentials}`, 'content-type': 'application/json' };
  return key === undefined ? common : { ...common, 'idempotency-key': key };
}

export function ticketBody(externalId: string, subject = 'Order PO-1'): string {
  return JSON.stringify({
    ticket: { subject, comment: { body: 'what was found' }, external_id: externalId },
  });
}

/** Every record of a Coupa list, paged by id. */
export async function readAll<T extends { id: number }>(
  sandbox: Sandbox,
  path: string,
  headers: Record<string, string>,
): Promise<T[]> {
  const found: T[] = [];
  for (let last = 0; ; last = found.at(-1)?.id ?? last) {
    const separator = path.includes('?') ? '&' : '?';
    const page = await getJson<T[]>(
      `${sandbox.url}/coupa/api/${path}${separator}id[gt]=${last}&limit=50`,
      headers,
    );
    found.push(...page);
    if (page.length < 50) return found;
  }
}
