import {
  type BatonConfig,
  eventRules,
  resolveWebhook,
  type SecretWatch,
  tenantOf,
  watchSecrets,
} from '../../config/index.js';
import type { Connector } from '../../connectors/port.js';
import type { Handshake, HookRequest, OpenWebhook, Webhook } from '../../connectors/webhook.js';
import type { Accepted, NewEvent } from '../../control/inbox.js';
import { classify, type ReadDelivery, readDelivery } from '../../events/reading.js';
import { BatonError } from '../../protocol/errors.js';

/** What a reply to a webhook is made of; `event` is null for a handshake. */
export interface Taken {
  readonly event: Accepted | null;
  readonly reply: Handshake | null;
}

export interface Intake {
  /** The media types that the connection's sender sends; null when the connection takes no webhooks. */
  contentTypes(connection: string): readonly string[] | null;
  /**
   * Verifies a request, and stores it. ERR_EVENT_NOT_GENUINE says nothing of why; a genuine one whose body we refuse
   * is stored as it is, rejected. What `accept` throws means that it is not stored, as far as is known.
   */
  take(connection: string, request: HookRequest): Promise<Taken>;
}

export interface IntakeDeps {
  readonly config: BatonConfig;
  readonly connectors: Readonly<Record<string, Connector>>;
  readonly accept: (event: NewEvent) => Promise<Accepted>;
  /** Told of what was not genuine, with the reason that the sender is not told. */
  readonly onForged: (connection: string, why: string) => void;
}

/** Of the headers only these are kept: no credential is among them. */
const keptHeaders =
  /^(?:user-agent|content-type|x-.*(?:id|timestamp|retry|event|topic|type|delivery).*|webhook-(?:id|timestamp)|ce-.*)$/;
const secretHeader = /sign|secret|token|auth|key|cookie/;

/** What comes in at the door: from the bytes of a request to a row in the inbox. */
export function createIntake({ config, connectors, accept, onForged }: IntakeDeps): Intake {
  const opened = new Map<string, { readonly hook: OpenWebhook; readonly version: string }>();
  const rules = eventRules(config);

  function webhookOf(connection: string): Webhook | null {
    const configured = Object.hasOwn(config.connections, connection) ? config.connections[connection] : null;
    return configured?.webhook === undefined ? null : (connectors[configured.type]?.webhook ?? null);
  }

  function open(connection: string, webhook: Webhook): OpenWebhook {
    const version = secretsOf(connection).version();
    const known = opened.get(connection);
    if (known?.version === version) return known.hook;
    const hook = webhook.open(resolveWebhook(config, connection, connectors));
    opened.set(connection, { hook, version });
    return hook;
  }

  function secretsOf(connection: string): SecretWatch {
    return watchSecrets(config, config.connections[connection]?.webhook);
  }

  /** What is not genuine is looked at again with secrets read anew: the sender may have begun to use its new one. */
  async function verified(connection: string, webhook: Webhook, request: HookRequest) {
    const hook = open(connection, webhook);
    const verdict = await hook.verify(request);
    const secrets = secretsOf(connection);
    if (verdict.genuine || secrets.version() === '') return { hook, verdict };
    await secrets.reread();
    const renewed = open(connection, webhook);
    return renewed === hook ? { hook, verdict } : { hook: renewed, verdict: await renewed.verify(request) };
  }

  function eventOf(connection: string, webhook: Webhook, request: HookRequest, read: ReadDelivery): NewEvent {
    const { id, type, subject, occurredAt } = read.delivery;
    const tenant = tenantOf(config, connection);
    const facts = { connection, tenant, type, subject };
    return {
      ...facts,
      ...classify(rules, facts, read),
      deliveryId: id,
      resendMs: webhook.resendMs,
      contentType: mediaType(request.headers['content-type']),
      headers: keptOf(request.headers),
      body: request.body,
      occurredAt,
    };
  }

  return {
    contentTypes: (connection) => webhookOf(connection)?.contentTypes ?? null,

    async take(connection, request) {
      const webhook = webhookOf(connection);
      if (webhook === null)
        throw new BatonError('ERR_EVENT_NO_HOOK', { detail: 'No webhook is configured at this address.' });
      const { hook, verdict } = await verified(connection, webhook, request);
      if (!verdict.genuine) {
        onForged(connection, verdict.why);
        throw new BatonError('ERR_EVENT_NOT_GENUINE', { detail: 'The request could not be verified.' });
      }
      const read = readDelivery(hook, request);
      const reply = read.refused === null ? ((await hook.handshake?.(request, read.content)) ?? null) : null;
      if (reply !== null) return { event: null, reply };
      const event = await accept(eventOf(connection, webhook, request, read));
      return { event, reply: hook.acknowledgement ?? null };
    },
  };
}

/** Without its parameters, in small letters. */
export function mediaType(header: string | undefined): string {
  return (header ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

function keptOf(headers: HookRequest['headers']): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined && isKept(name)) kept[name] = value.slice(0, 500);
  }
  return kept;
}

/** Names that came before, and whether they are kept: senders have few, and the same ones each time. */
const known = new Map<string, boolean>();

function isKept(name: string): boolean {
  const before = known.get(name);
  if (before !== undefined) return before;
  const kept = keptHeaders.test(name) && !secretHeader.test(name);
  if (known.size < 1_000) known.set(name, kept);
  return kept;
}
