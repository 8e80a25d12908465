import http, { type ClientRequest } from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip, gzipSync } from 'node:zlib';
import axios, { type AxiosInstance, type AxiosResponse, isAxiosError } from 'axios';
import { Secret } from '../domain/secret.js';
import { BatonError } from '../protocol/errors.js';
import type { Authorization, Delivery, HttpRequest, VendorHttpOptions } from './http.js';
import { createPlace, isBeforeWriting, meaningOf, type Place } from './http-failure.js';
import { createScrubber } from './scrubber.js';
import { createStopper, type Stop, type Stopper } from './stopper.js';

/** Sends one request, once, within one deadline; knows of no tokens, limits or retries. */
export interface Transport {
  once(request: HttpRequest, authorization: Authorization | null, waitedMs: number): Promise<Delivery>;
  place(request: HttpRequest): Place;
  close(): void;
}

export function createTransport(options: VendorHttpOptions): Transport {
  const agents = createAgents();
  const client = createClient(agents);
  const scrub = createScrubber(options.secrets ?? []);
  const place = (request: HttpRequest): Place =>
    createPlace(options.connection, request.method, request.path, scrub.scrub);

  return {
    place,
    async once(request, authorization, waitedMs) {
      if (authorization !== null) scrub.add(authorization.header);
      const startedMs = performance.now();
      const delivery = await deliver(client, agents, options, request, authorization, place(request));
      options.onRequest?.({
        connection: options.connection,
        method: request.method,
        status: delivery.kind === 'answered' ? delivery.answer.status : 'error',
        durationMs: performance.now() - startedMs,
        ...(waitedMs > 0 ? { rateLimitWaitMs: waitedMs } : {}),
      });
      return delivery;
    },
    close() {
      for (const agent of Object.values(agents)) agent.destroy();
    },
  };
}

interface Agents {
  readonly http: http.Agent;
  readonly https: https.Agent;
  /** Writes use a connection of their own: a kept one that the vendor just closed would leave them unknown. */
  readonly httpOnce: http.Agent;
  readonly httpsOnce: https.Agent;
}

function createAgents(): Agents {
  // Any number of sockets: a request that was let through must not queue for one and arrive later than it was to.
  const kept = { keepAlive: true, maxFreeSockets: 16, scheduling: 'lifo' } as const;
  return {
    http: new http.Agent(kept),
    https: new https.Agent(kept),
    httpOnce: new http.Agent({ keepAlive: false }),
    httpsOnce: new https.Agent({ keepAlive: false }),
  };
}

function createClient(agents: Agents): AxiosInstance {
  return axios.create({
    adapter: 'http',
    allowAbsoluteUrls: false,
    maxRedirects: 0,
    responseType: 'stream',
    // Ours is strict: axios takes a compressed body that was cut off for a whole one.
    decompress: false,
    validateStatus: () => true,
    httpAgent: agents.http,
    httpsAgent: agents.https,
  });
}

async function deliver(
  client: AxiosInstance,
  agents: Agents,
  options: VendorHttpOptions,
  request: HttpRequest,
  authorization: Authorization | null,
  place: Place,
): Promise<Delivery> {
  const timeoutMs = Math.min(request.timeoutMs ?? Number.POSITIVE_INFINITY, options.limits.timeoutMs);
  const stopper = createStopper(timeoutMs, request.signal);
  try {
    const response: AxiosResponse<Readable> = await client.request<Readable>({
      ...address(authorization?.baseUrl ?? options.baseUrl, request),
      method: request.method,
      headers: headersOf(options, request, authorization),
      data: bodyOf(request),
      signal: stopper.signal,
      ...(request.method === 'GET' ? {} : { httpAgent: agents.httpOnce, httpsAgent: agents.httpsOnce }),
    });
    const body = await collect(response, options.limits.maxResponseBytes, stopper, place);
    if (body instanceof BatonError) return { kind: 'unknown', error: body };
    const headers = plainHeaders(response.headers);
    return { kind: 'answered', answer: { status: response.status, headers, body, calls: 1 } };
  } catch (error) {
    return transportFailure(error, stopper.stopped(), timeoutMs, place);
  } finally {
    stopper.release();
  }
}

function address(baseUrl: string, request: HttpRequest): { baseURL: string; url: string; proxy?: false } {
  const pairs = Object.entries(request.query ?? {}).map(
    ([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`,
  );
  const joint = request.path.includes('?') ? '&' : '?';
  const url = pairs.length === 0 ? request.path : `${request.path}${joint}${pairs.join('&')}`;
  // A proxy of the environment is for the world outside, not for this machine.
  return isLoopback(baseUrl) ? { baseURL: baseUrl, url, proxy: false } : { baseURL: baseUrl, url };
}

function isLoopback(baseUrl: string): boolean {
  return /^(127(\.\d+){3}|localhost|\[::1\])$/.test(new URL(baseUrl).hostname);
}

function headersOf(
  options: VendorHttpOptions,
  request: HttpRequest,
  authorization: Authorization | null,
): Record<string, string> {
  return {
    Accept: 'application/json',
    'Accept-Encoding': 'gzip',
    'User-Agent': 'baton',
    ...options.headers,
    ...(request.json === undefined ? {} : { 'Content-Type': 'application/json; charset=utf-8' }),
    ...(request.gzip === undefined ? {} : { 'Content-Encoding': 'gzip' }),
    ...(request.form === undefined ? {} : { 'Content-Type': 'application/x-www-form-urlencoded' }),
    ...request.headers,
    ...(authorization === null ? {} : { Authorization: authorization.header.reveal() }),
  };
}

function bodyOf(request: HttpRequest): Buffer | undefined {
  if (request.json !== undefined) {
    const json = Buffer.from(JSON.stringify(request.json));
    return request.gzip === true ? gzipSync(json) : json;
  }
  if (request.form === undefined) return undefined;
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries(request.form)) {
    form.append(name, value instanceof Secret ? value.reveal() : value);
  }
  return Buffer.from(form.toString());
}

/** The whole body, or the error that kept us from it. The headers are here, so the vendor has answered. */
async function collect(
  response: AxiosResponse<Readable>,
  maxBytes: number,
  stopper: Stopper,
  place: Place,
): Promise<Buffer | BatonError> {
  const stream = decompressed(response);
  const destroy = (): void => {
    response.data.destroy();
    stream.destroy(new Error('stopped'));
  };
  stopper.signal.addEventListener('abort', destroy, { once: true });
  // Of a compressed body, the length that was promised says nothing about what is read.
  const promised = stream === response.data ? response.headers['content-length'] : undefined;
  const body = createBody(promised, maxBytes);
  let bytes = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      body.add(chunk);
      if (bytes > maxBytes) stopper.stop('too_large');
    }
    return body.whole();
  } catch {
    return bodyFailure(place, stopper.stopped(), bytes, promised, maxBytes);
  } finally {
    stopper.signal.removeEventListener('abort', destroy);
  }
}

/** Gathers a body; one whose length was promised in place, so that its chunks are free again at once. */
function createBody(promised: unknown, maxBytes: number): { add(chunk: Buffer): void; whole(): Buffer } {
  const length = typeof promised === 'string' && /^\d{1,15}$/.test(promised) ? Number(promised) : 0;
  const place = length > 0 && length <= maxBytes ? Buffer.allocUnsafeSlow(length) : null;
  const chunks: Buffer[] = [];
  let at = 0;
  return {
    add(chunk) {
      if (place === null) chunks.push(chunk);
      else at += chunk.copy(place, at);
    },
    whole() {
      if (place !== null) return place.subarray(0, at);
      return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
    },
  };
}

/** The body without its compression; a stream that is cut off fails, whatever was read of it. */
function decompressed(response: AxiosResponse<Readable>): Readable {
  const encoding = String(response.headers['content-encoding'] ?? 'identity').toLowerCase();
  if (encoding !== 'gzip' && encoding !== 'x-gzip') return response.data;
  // The failure reaches whoever reads the result.
  return pipeline(response.data, createGunzip(), () => {});
}

function bodyFailure(
  place: Place,
  stopped: Stop | null,
  bytes: number,
  promised: unknown,
  maxBytes: number,
): BatonError {
  const where = `${place.connection}: ${place.method} ${place.path}`;
  switch (stopped) {
    case 'too_large':
      return place.badResponse(`answered with more than ${maxBytes} bytes`, undefined, {
        retryable: false,
        fix: 'Raise limits.maxResponseBytes of the connection if such answers are to be expected.',
      });
    case 'deadline':
      return new BatonError('ERR_SOURCE_TIMEOUT', {
        detail: `${where} was still sending its answer at the deadline, after ${bytes} bytes`,
        vendor: true,
      });
    case 'cancelled':
      return new BatonError('ERR_SOURCE_TIMEOUT', { detail: `${where} was cancelled` });
    default: {
      const of = typeof promised === 'string' ? ` of ${promised}` : '';
      return place.badResponse(`was cut off after ${bytes}${of} bytes`);
    }
  }
}

/** No answer at all: names the cause, and whether a byte of the request can have left. Drops the AxiosError. */
function transportFailure(error: unknown, stopped: Stop | null, timeoutMs: number, place: Place): Delivery {
  const where = `${place.connection}: ${place.method} ${place.path}`;
  const written = mayBeWritten(error);
  const kind = written ? 'unknown' : 'not_sent';
  if (stopped === 'cancelled') {
    return { kind, error: new BatonError('ERR_SOURCE_TIMEOUT', { detail: `${where} was cancelled` }) };
  }
  if (stopped === 'deadline') {
    const detail = written ? `no answer within ${timeoutMs} ms` : `no connection within ${timeoutMs} ms`;
    const name = written ? 'ERR_SOURCE_TIMEOUT' : 'ERR_SOURCE_UNREACHABLE';
    return { kind, error: new BatonError(name, { detail: `${where}: ${detail}`, vendor: true }) };
  }
  const code = codeOf(error);
  if (code.startsWith('HPE_')) return { kind, error: place.badResponse('did not answer in HTTP') };
  const detail = `${where}: ${meaningOf(code)}`;
  return { kind, error: new BatonError('ERR_SOURCE_UNREACHABLE', { detail, vendor: true }) };
}

function codeOf(error: unknown): string {
  if (!isAxiosError(error)) return error instanceof Error && 'code' in error ? String(error.code) : '';
  const cause: unknown = error.cause;
  const inner = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  return inner !== '' ? inner : (error.code ?? '');
}

/** False only when it is certain: no socket yet, still connecting, TLS not yet agreed, or a code that proves it. */
function mayBeWritten(error: unknown): boolean {
  if (isBeforeWriting(codeOf(error))) return false;
  if (!isAxiosError(error)) return true;
  if (error.cause !== undefined && 'syscall' in error.cause && error.cause.syscall === 'connect')
    return false;
  const socket = (error.request as ClientRequest | undefined)?.socket as
    | (Socket & { secureConnecting?: boolean })
    | null
    | undefined;
  if (socket === undefined || socket === null) return error.request === undefined;
  return !(socket.connecting || socket.secureConnecting === true);
}

function plainHeaders(headers: AxiosResponse['headers']): Record<string, string> {
  const plain: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && value !== null) plain[name.toLowerCase()] = String(value);
  }
  return plain;
}
