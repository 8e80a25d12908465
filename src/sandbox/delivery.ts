import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer } from './wire.js';

/** How an answer is put on the wire, in the ways that go wrong. All of them bypass the web framework. */

function head(raw: ServerResponse, answer: Answer, length: number): void {
  raw.writeHead(answer.status, { ...answer.headers, 'content-length': length });
}

/** Drops the connection without a word (RST). */
export function reset(raw: ServerResponse): void {
  raw.socket?.resetAndDestroy();
}

/** Announces the whole body and ends the connection in the middle of it. */
export function truncate(raw: ServerResponse, answer: Answer): void {
  const body = bytesOf(answer);
  head(raw, answer, Math.max(2, body.length));
  raw.write(body.subarray(0, Math.floor(body.length / 2)), () => raw.socket?.destroy());
}

/** Sends the body in small portions over `durationMs`; stops when the client goes away or `signal` fires. */
export async function drip(
  raw: ServerResponse,
  answer: Answer,
  durationMs: number,
  signal: AbortSignal,
): Promise<void> {
  const body = bytesOf(answer);
  const portions = 10;
  head(raw, answer, body.length);
  for (let at = 0; at < portions && !raw.destroyed && !signal.aborted; at++) {
    const [from, to] = [at, at + 1].map((share) => Math.floor((body.length * share) / portions));
    raw.write(body.subarray(from, to));
    await sleep(durationMs / portions, undefined, { signal }).catch(() => {});
  }
  raw.end();
}

function bytesOf({ body }: Answer): Buffer {
  return typeof body === 'string' ? Buffer.from(body) : body;
}

export function deliver(raw: ServerResponse, answer: Answer): void {
  head(raw, answer, Buffer.byteLength(answer.body));
  raw.end(answer.body);
}
