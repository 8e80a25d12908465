import { nearest } from '../../config/closest.js';
import { type BatonConfig, eventRules, resolveWebhook } from '../../config/index.js';
import { connectors } from '../../connectors/registry.js';
import { createInboxStore, type InboxRow } from '../../control/inbox.js';
import { classify, readDelivery } from '../../events/reading.js';
import { BatonError } from '../../protocol/errors.js';
import type { Cli, Outcome } from '../context.js';
import { one } from '../render/result.js';

/** The event of an id. Throws ERR_UNKNOWN_NAME with the nearest ones. */
export async function knownEvent(cli: Cli, reference: string): Promise<InboxRow> {
  const inbox = createInboxStore(await cli.control());
  const event = await inbox.find(reference);
  if (event !== null) return event;
  const recent = (await inbox.list({ limit: 100 })).map(({ event_id }) => event_id);
  throw new BatonError('ERR_UNKNOWN_NAME', {
    detail: `No event "${reference}".${nearest(reference, recent, '')}`,
    fix: 'See all: baton events list',
  });
}

/** Hands it out once more. Throws ERR_EVENT_STATE while it is under way, and where it would be refused again. */
export async function replayKnownEvent(cli: Cli, reference: string): Promise<Outcome> {
  const event = await knownEvent(cli, reference);
  const config = await cli.config();
  const { type, subject, ...read } = readAgain(config, event);
  const { tenant, connection } = event;
  const { state, detail, key, consumer, rule } = classify(
    eventRules(config),
    { connection, tenant, type, subject },
    read,
  );
  if (state !== 'accepted')
    throw new BatonError('ERR_EVENT_STATE', {
      detail: `${event.event_id} would be ${state} again: ${detail}`,
      fix: 'Change the rule in baton.yaml, or have the sender send it well-formed.',
    });
  const inbox = createInboxStore(await cli.control());
  if (!(await inbox.replay(event.id, { key, consumer, rule, type, subject })))
    throw new BatonError('ERR_EVENT_STATE', { detail: `${event.event_id} is ${event.state}.` });
  const data = { id: event.event_id, was: event.state, consumer, rule };
  const what = consumer === null ? 'is landed' : `is handled by ${consumer} (rule ${rule})`;
  return { result: one(data, () => `${event.event_id} was ${event.state}, and ${what} now.\n`) };
}

/** What a stored event says of itself to the connector of today; as it is stored where none takes webhooks for it. */
function readAgain(config: BatonConfig, event: InboxRow) {
  const connection = config.connections[event.connection];
  const webhook = connectors[connection?.type ?? '']?.webhook;
  if (webhook === undefined || connection?.webhook === undefined)
    return { type: event.type, subject: event.subject, refused: null, content: contentOf(event) };
  const hook = webhook.open(resolveWebhook(config, event.connection, connectors));
  const request = { headers: event.headers, query: {}, body: event.body, receivedAt: event.accepted_at };
  const { delivery, refused, content } = readDelivery(hook, request);
  return { type: delivery.type, subject: delivery.subject, refused, content };
}

function contentOf({ body }: InboxRow): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return null;
  }
}
