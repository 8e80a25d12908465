import { createHmac } from 'node:crypto';
import type { Journal } from '../journal.js';
import { sameSecret } from '../tokens.js';
import { type Answer, type Call, json, type Vendor } from '../wire.js';

/** What the pretended receiver checks signatures with. */
export const webhooksSecret = 'whsec_c2FuZGJveC1yZWNlaXZlci1zaWduaW5nLWtleQ==';

/** A delivery as it came. */
export interface Received {
  readonly id: string;
  readonly timestamp: string;
  readonly signature: string;
  readonly body: string;
}

export interface WebhookStore {
  readonly received: readonly Received[];
  add(delivery: Received): void;
}

export function createWebhookStore(journal: Journal): WebhookStore {
  const received: Received[] = [];
  const add = journal.register<Received>('webhooks.received', (delivery) => {
    received.push(delivery);
  });
  return { received, add };
}

/** A receiver of Standard Webhooks; it keeps repeats, so that they can be counted. */
export function createWebhooks(store: WebhookStore): Vendor {
  const header = (call: Call, name: string) => String(call.headers[`webhook-${name}`] ?? '');
  function take(call: Call): Answer {
    const [id, timestamp] = [header(call, 'id'), header(call, 'timestamp')];
    const signature = header(call, 'signature');
    const key = Buffer.from(webhooksSecret.slice('whsec_'.length), 'base64');
    const wanted = createHmac('sha256', key).update(`${id}.${timestamp}.${call.body}`).digest('base64');
    if (!signature.split(' ').some((one) => sameSecret(one, `v1,${wanted}`)))
      return json(401, { error: 'the signature does not fit' });
    if (Math.abs(Number(timestamp) * 1_000 - Date.now()) > 300_000)
      return json(401, { error: 'the time is too far from ours' });
    store.add({ id, timestamp, signature, body: call.body });
    return { status: 204, body: '' };
  }
  return {
    name: 'webhooks',
    routes: [
      { method: 'POST', path: '/in', handle: take },
      { method: 'GET', path: '/in', open: true, handle: () => json(200, store.received) },
    ],
    authenticate: () => null,
    refuse: (status) => json(status, { error: `it was answered ${status}` }),
  };
}
