import { createHmac } from 'node:crypto';
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** What a delivery is made of before it is signed. */
export interface Delivery {
  readonly id: string;
  readonly body: string;
}

export interface Sent {
  readonly id: string;
  /** 0 = the connection broke. */
  readonly status: number;
  readonly ms: number;
}

export const secret = `whsec_${Buffer.from('a secret of the bench').toString('base64')}`;

/** An order event of about 600 bytes. */
export function delivery(id: string, type = 'order.changed'): Delivery {
  const lines = [1, 2, 3].map((line) => ({
    line,
    sku: `SKU-${line}00${id.length}`,
    quantity: line,
    price: '19.90',
  }));
  const data = { id, status: 'issued', currency: 'EUR', total: '119.40', supplier: 'Müller & Söhne', lines };
  return {
    id,
    body: JSON.stringify({ type, timestamp: new Date().toISOString(), data, note: 'x'.repeat(200) }),
  };
}

/** Signed as Standard Webhooks has it. */
function standardHeaders({ id, body }: Delivery): Record<string, string> {
  const time = String(Math.floor(Date.now() / 1_000));
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const signature = createHmac('sha256', key).update(`${id}.${time}.${body}`).digest('base64');
  return {
    'webhook-id': id,
    'webhook-timestamp': time,
    'webhook-signature': `v1,${signature}`,
  };
}

/** A sender with so many connections, kept alive. */
export function createSender(
  url: string,
  connections: number,
  headersOf: (one: Delivery) => Record<string, string> = standardHeaders,
) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: connections });

  function send(one: Delivery): Promise<Sent> {
    const startedAt = performance.now();
    return new Promise((resolve) => {
      const end = (status: number) => resolve({ id: one.id, status, ms: performance.now() - startedAt });
      const headers = {
        'content-type': 'application/json',
        'content-length': String(Buffer.byteLength(one.body)),
        ...headersOf(one),
      };
      const request = http.request(url, { method: 'POST', agent, headers }, (answer) => {
        answer.resume();
        answer.on('end', () => end(answer.statusCode ?? 0));
        answer.on('error', () => end(0));
      });
      request.on('error', () => end(0));
      request.end(one.body);
    });
  }

  return {
    send,
    /** All of them, each connection one after the other. */
    async flood(deliveries: readonly Delivery[]): Promise<Sent[]> {
      const sent: Sent[] = [];
      const waiting = deliveries[Symbol.iterator]();
      const line = async () => {
        for (const one of waiting) sent.push(await send(one));
      };
      await Promise.all(Array.from({ length: connections }, line));
      return sent;
    },
    /** All of them, evenly over so many seconds, whether or not those before were answered. */
    async pace(deliveries: readonly Delivery[], seconds: number): Promise<Sent[]> {
      const startedAt = performance.now();
      const sent: Promise<Sent>[] = [];
      for (const [at, one] of deliveries.entries()) {
        const dueMs = (at / deliveries.length) * seconds * 1_000 - (performance.now() - startedAt);
        if (dueMs > 1) await sleep(dueMs);
        sent.push(send(one));
      }
      return Promise.all(sent);
    },
    close: () => agent.destroy(),
  };
}
