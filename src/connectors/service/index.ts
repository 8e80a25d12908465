import { z } from 'zod';
import { Secret } from '../../domain/secret.js';
import { type CheckPlan, checkConnection } from '../check.js';
import { createVendorHttp, type VendorHttp } from '../http.js';
import {
  type CommandDesk,
  defineConnector,
  type EffectRequest,
  type OpenConnection,
  type ResolvedConnection,
  type SendOutcome,
} from '../port.js';
import { parseObject } from '../read-page.js';
import { sendOnce, wrongBody } from '../send-outcome.js';
import { plainText, secretReference, secretSetting } from '../settings.js';
import { vendorClock } from '../vendor-clock.js';

const command = z.strictObject({
  /** Below baseUrl; `{id}` is the id that the command which it takes back has answered. */
  path: z
    .string({ error: 'must be a path' })
    .regex(/^\/(?:[\w./~-]|\{id\})*$/, { error: 'must be a path that begins with a slash' }),
  method: z.enum(['POST', 'PUT', 'DELETE'], { error: 'must be POST, PUT or DELETE' }).prefault('POST'),
});

const serviceSettings = z.strictObject({
  /** A bearer token; none when not given. */
  auth: z.strictObject({ token: secretReference }).optional(),
  commands: z.record(z.string().regex(/^[a-z][a-z0-9_-]{0,40}$/, { error: 'must be a name' }), command),
  /** The member of its answers that holds the id of what was done. */
  id: plainText.prefault('id'),
  /** How long it knows an Idempotency-Key again, in milliseconds. */
  keysKeptMs: z
    .int({ error: 'must be a number of milliseconds' })
    .positive({ error: 'must be a number of milliseconds' })
    .prefault(86_400_000),
});

type ServiceSettings = z.infer<typeof serviceSettings>;

/**
 * A service of one's own that takes commands over HTTP: JSON in and out, and a repeat with the same Idempotency-Key is
 * answered as the first was. https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
 */
export const service = defineConnector<ServiceSettings>({
  type: 'service',
  system: 'a service of your own',
  verifiedAgainst: ['sandbox'],
  writes: { 'command.send': ['exact'] },
  connection: serviceSettings,
  streams: {},
  open,
});

function open(resolved: ResolvedConnection): OpenConnection {
  // Validated already; the secret stands in it resolved.
  const settings = resolved.settings as unknown as ServiceSettings;
  const token = settings.auth === undefined ? null : secretSetting(resolved, 'auth.token');
  const authorization = token === null ? null : { header: new Secret(`Bearer ${token.reveal()}`), calls: 0 };
  const http = createVendorHttp({
    connection: resolved.name,
    system: resolved.name,
    baseUrl: resolved.baseUrl,
    limits: resolved.limits,
    gate: resolved.gate,
    onRequest: resolved.onRequest,
    renewed: resolved.renewed,
    ...(authorization === null ? {} : { authenticator: { authorize: async () => authorization } }),
    secrets: token === null ? [] : [token],
    problem: (_status, body) =>
      typeof body === 'object' && body !== null && 'error' in body ? { words: String(body.error) } : null,
  });
  const vendorNow = (signal?: AbortSignal) => vendorClock(http, { method: 'GET', path: '/', signal });
  const opened: OpenConnection = {
    name: resolved.name,
    http,
    vendorNow,
    check: (signal) => checkConnection(opened, plan(resolved.name), signal),
    commands: commandsOf(http, settings),
    close: () => http.close(),
  };
  return opened;
}

/** Nothing can be asked of it that would do nothing: only that it answers at all is looked at. */
function plan(name: string): CheckPlan {
  return {
    system: name,
    streams: [],
    authenticate: async () => 'not asked: a command would do something',
    authFix: `Check auth of the connection ${name}.`,
    scopeFix: () => '',
  };
}

function commandsOf(http: VendorHttp, settings: ServiceSettings): CommandDesk {
  return {
    names: Object.keys(settings.commands),
    send: {
      guarantee: 'exact',
      docs: 'https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/',
      settleMs: 0,
      resendIsSafe: ({ firstSentAt }, now) =>
        firstSentAt === null || now.getTime() - firstSentAt.getTime() < settings.keysKeptMs,
      send: (request, signal) => send(http, settings, request, signal),
      look: async () => ({
        kind: 'cannot_look',
        reason: 'the service may have forgotten the key by now: look there whether it was done',
      }),
    },
  };
}

async function send(
  http: VendorHttp,
  settings: ServiceSettings,
  { body, marker }: EffectRequest,
  signal: AbortSignal,
): Promise<SendOutcome> {
  if (body.kind !== 'command') return wrongBody('command', body.kind);
  const found = settings.commands[body.command];
  if (found === undefined)
    return { kind: 'refused', retryable: false, reason: `${http.connection} has no command ${body.command}` };
  const path = found.path.replace('{id}', encodeURIComponent(body.remoteId ?? ''));
  const { answer, outcome } = await sendOnce(http, {
    method: found.method,
    path,
    headers: { 'Idempotency-Key': marker },
    json: body.payload,
    signal,
  });
  if (outcome !== undefined) return outcome;
  const said = parseObject(answer.body);
  // A proxy's page says nothing of the service.
  if (said === null && answer.status !== 204)
    return { kind: 'unknown', reason: `${http.connection}: the answer to ${body.command} is no JSON object` };
  const id = said?.[settings.id];
  const remoteId = typeof id === 'string' || typeof id === 'number' ? String(id) : (body.remoteId ?? marker);
  return { kind: 'confirmed', remoteId, remoteUrl: null, adopted: false };
}
