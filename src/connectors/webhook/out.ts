import { createHmac } from 'node:crypto';
import type { Secret } from '../../domain/secret.js';
import type { VendorHttp } from '../http.js';
import type { EffectRequest, Message, Notifier, SendOutcome } from '../port.js';
import { sendOnce, wrongBody } from '../send-outcome.js';
import { endsThread } from '../thread.js';

/** Where it is sent, and with what it is signed: `whsec_` and the key in base64. */
export interface Receiver {
  readonly path: string;
  readonly signingSecret: Secret;
}

/**
 * Messages as signed webhooks. Each has an id of its own, the same however often it is sent, by which the receiver knows a
 * repeat again. `v1` of https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export function webhookNotifier(http: VendorHttp, receiver: Receiver): Notifier {
  return {
    send: {
      guarantee: 'at_least_once',
      docs: 'https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md',
      settleMs: 0,
      resendIsSafe: () => true,
      send: (request, signal) => deliver(http, receiver, request, signal),
      look: async () => ({ kind: 'cannot_look', reason: 'a receiver of webhooks tells nobody what it has' }),
    },
    preview: toPayload,
  };
}

async function deliver(
  http: VendorHttp,
  { path, signingSecret }: Receiver,
  { body, marker }: EffectRequest,
  signal: AbortSignal,
): Promise<SendOutcome> {
  if (body.kind !== 'message') return wrongBody('message', body.kind);
  const json = toPayload(body, marker);
  const time = String(Math.floor(Date.now() / 1_000));
  // The transport sends these very bytes.
  const signature = createHmac('sha256', keyOf(signingSecret))
    .update(`${marker}.${time}.${JSON.stringify(json)}`)
    .digest('base64');
  const headers = {
    'webhook-id': marker,
    'webhook-timestamp': time,
    'webhook-signature': `v1,${signature}`,
  };
  const { outcome } = await sendOnce(http, { method: 'POST', path, headers, json, signal });
  return outcome ?? { kind: 'confirmed', remoteId: marker, remoteUrl: null, adopted: false };
}

function keyOf(secret: Secret): Buffer {
  return Buffer.from(secret.reveal().replace(/^whsec_/, ''), 'base64');
}

function typeOf(message: Message): string {
  if (endsThread(message)) return 'message.ended';
  return message.acknowledges === true ? 'message.acknowledged' : `message.${message.severity}`;
}

/** `thread` is the id of the message that it answers. */
function toPayload(message: Message, id: string) {
  const { channel, title, text, severity, fields, links, thread } = message;
  return {
    type: typeOf(message),
    data: { id, channel, title, text, severity, fields, links, thread: thread ?? null },
  };
}
