import type { Rate } from '../domain/rate.js';
import type { Secret } from '../domain/secret.js';
import { BatonError } from '../protocol/errors.js';
import {
  type Charge,
  createLocalGate,
  type Gate,
  type Passage,
  type Quota,
  type QuotaReading,
  type RequestOutcome,
} from './gate.js';
import { answerFailure, type ProblemReader } from './http-failure.js';
import { createTransport, type Transport } from './http-transport.js';
import type { ConnectionLimits, RequestEvent, ResolvedConnection } from './port.js';
import { retryAfterMs } from './retry-after.js';
import { createScrubber } from './scrubber.js';

/** One request. Its values may be secrets; they are revealed only as the bytes leave. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below the connection's baseUrl, beginning with a slash; never an absolute address. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as application/json. */
  readonly json?: unknown;
  /** Sends `json` compressed; only where the vendor says that it takes it so. */
  readonly gzip?: true;
  /** Sent as application/x-www-form-urlencoded. */
  readonly form?: Readonly<Record<string, string | Secret>>;
  /** Without the connection's own Authorization header: the call that fetches a token. */
  readonly anonymous?: boolean;
  /** A shorter deadline than the connection's, for the whole request including its body. */
  readonly timeoutMs?: number;
  /** A limit of the vendor that this request counts for besides the connection's; `chargeOf` is then not asked. */
  readonly quota?: Quota;
  readonly signal?: AbortSignal | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** HTTP calls that this answer took: more than one when a token had to be fetched or renewed. */
  readonly calls: number;
}

/** What became of a request: an answer of any status, nothing written, or nobody knows. */
export type Delivery =
  | { readonly kind: 'answered'; readonly answer: HttpAnswer }
  | { readonly kind: 'not_sent'; readonly error: BatonError }
  | { readonly kind: 'unknown'; readonly error: BatonError };

/** Who we are to the vendor: the Authorization header, and the host that the vendor told us to use. */
export interface Authorization {
  readonly header: Secret;
  /** Replaces baseUrl, for vendors that assign a host with the token. */
  readonly baseUrl?: string;
  /** HTTP calls that obtaining it took; 0 when it was at hand. */
  readonly calls: number;
}

export interface Authenticator {
  authorize(signal?: AbortSignal): Promise<Authorization>;
  /** Forgets a token that was refused. Absent where there is nothing to renew. */
  renew?(refused: Authorization): void;
}

/**
 * HTTP to one vendor. It never retries, except after a 401: once with a fresh token, and once with secrets that were read
 * anew, which all later requests then use too.
 */
export interface VendorHttp {
  readonly connection: string;
  readonly baseUrl: string;
  /** How many requests may be on their way at once. */
  readonly requestsInFlight: number;
  /** What all its requests go through. */
  readonly gate: Gate;
  /** A 2xx answer; anything else throws a BatonError. A cancelled signal throws the signal's own reason. */
  read(request: HttpRequest): Promise<HttpAnswer>;
  /** Sends once and tells what became of it; never throws. For writes, where not knowing matters. */
  send(request: HttpRequest): Promise<Delivery>;
  /** The error that an answer stands for, in the vendor's own words where it gave any. */
  failure(request: HttpRequest, answer: HttpAnswer): BatonError;
  /** An error about a body that is not what the vendor documents. Shows its first 80 characters. */
  badResponse(request: HttpRequest, answer: HttpAnswer, what: string): BatonError;
  close(): void;
}

export interface VendorHttpOptions {
  readonly connection: string;
  readonly system: string;
  readonly baseUrl: string;
  readonly limits: ConnectionLimits;
  /** One of this process alone when not given, which keeps `rate` unless the limits say otherwise. */
  readonly gate?: Gate | undefined;
  readonly rate?: Rate;
  readonly onRequest?: ((event: RequestEvent) => void) | undefined;
  readonly authenticator?: Authenticator;
  /** Who takes over when our credentials are refused; see `ResolvedConnection`. */
  readonly renewed?: ResolvedConnection['renewed'] | undefined;
  /** Header that says in seconds, beside a 429, when to ask again, where the vendor has none of the standard's name. */
  readonly resetHeader?: string;
  /** What the vendor counts a request for, where not each is one and the same. */
  readonly chargeOf?: (request: HttpRequest) => Charge;
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Reads the vendor's error bodies. */
  readonly problem?: ProblemReader;
  /** What an answer's headers say of the vendor's own count of requests. */
  readonly reading?: (headers: HttpAnswer['headers']) => QuotaReading | null;
  /** Values that must never appear in an error, whatever the vendor echoes. */
  readonly secrets?: readonly Secret[];
}

export function createVendorHttp(options: VendorHttpOptions): VendorHttp {
  const transport = createTransport(options);
  const gate =
    options.gate ?? createLocalGate(`${options.connection}|${options.baseUrl}`, options.limits, options.rate);
  const failure = (request: HttpRequest, answer: HttpAnswer): BatonError =>
    answerFailure(transport.place(request), answer, options);
  let heir: VendorHttp | null = null;
  const send = async (request: HttpRequest): Promise<Delivery> => {
    if (heir !== null) return heir.send(request);
    const delivery = await exchange(options, transport, gate, request);
    if (request.anonymous === true || !isRefused(delivery)) return delivery;
    heir = (await options.renewed?.())?.http ?? null;
    return heir === null ? delivery : heir.send(request);
  };

  return {
    connection: options.connection,
    baseUrl: options.baseUrl,
    requestsInFlight: options.limits.requestsInFlight ?? 4,
    gate,
    send,
    async read(request) {
      request.signal?.throwIfAborted();
      const delivery = await send(request);
      if (delivery.kind !== 'answered') {
        request.signal?.throwIfAborted();
        throw delivery.error;
      }
      if (delivery.answer.status >= 200 && delivery.answer.status < 300) return delivery.answer;
      throw failure(request, delivery.answer);
    },
    failure,
    badResponse: (request, answer, what) => transport.place(request).badResponse(what, answer.body),
    close: () => transport.close(),
  };
}

/** Whether the vendor does not know us, or gave us no token. */
function isRefused(delivery: Delivery): boolean {
  if (delivery.kind === 'answered') return delivery.answer.status === 401;
  return delivery.kind === 'not_sent' && delivery.error.error === 'ERR_SOURCE_AUTH';
}

/** One request, and once more with a fresh token when the first one was refused. */
async function exchange(
  options: VendorHttpOptions,
  transport: Transport,
  gate: Gate,
  request: HttpRequest,
): Promise<Delivery> {
  let calls = 0;
  for (let attempt = 1; ; attempt++) {
    if (request.signal?.aborted === true)
      return { kind: 'not_sent', error: cancelled(options, request, null) };
    const authorization = await authorize(options, request);
    if (authorization instanceof BatonError) return { kind: 'not_sent', error: authorization };
    calls += (authorization?.calls ?? 0) + 1;
    const delivery = await admitted(options, transport, gate, request, authorization);
    if (delivery.kind !== 'answered') return delivery;
    const mayRenew = authorization !== null && options.authenticator?.renew !== undefined;
    if (delivery.answer.status !== 401 || !mayRenew || attempt > 1) {
      return { kind: 'answered', answer: { ...delivery.answer, calls } };
    }
    options.authenticator?.renew?.(authorization);
  }
}

/** One request through the gate, which is told what became of it. */
async function admitted(
  options: VendorHttpOptions,
  transport: Transport,
  gate: Gate,
  request: HttpRequest,
  authorization: Authorization | null,
): Promise<Delivery> {
  let passage: Passage;
  try {
    const { quota } = request;
    const charge = quota === undefined ? options.chargeOf?.(request) : { quota };
    passage = await gate.pass(charge, request.signal);
  } catch (cause) {
    return {
      kind: 'not_sent',
      error: cause instanceof BatonError ? cause : cancelled(options, request, cause),
    };
  }
  const sentAt = performance.now();
  const delivery = await sent(options, transport, request, authorization, passage.waitedMs);
  const deadlineMs = request.timeoutMs ?? options.limits.timeoutMs;
  const wasAway = performance.now() - sentAt > deadlineMs + awayMs;
  const outcome = outcomeOf(options, request, delivery);
  await passage.settle(wasAway && outcome.kind === 'failed' ? { kind: 'neutral' } : outcome);
  return delivery;
}

/** A failure noticed so long after its deadline is of our own process, which was frozen: the vendor may be well. */
const awayMs = 1_000;

async function sent(
  options: VendorHttpOptions,
  transport: Transport,
  request: HttpRequest,
  authorization: Authorization | null,
  waitedMs: number,
): Promise<Delivery> {
  try {
    return await transport.once(request, authorization, waitedMs);
  } catch (cause) {
    return { kind: 'not_sent', error: cancelled(options, request, cause) };
  }
}

/** A vendor is down when it answers 5xx, not in time or not at all. That it hands out tokens proves nothing. */
function outcomeOf(options: VendorHttpOptions, request: HttpRequest, delivery: Delivery): RequestOutcome {
  if (delivery.kind !== 'answered') {
    const { error, options: told } = delivery.error;
    const isDown = error === 'ERR_SOURCE_UNREACHABLE' || error === 'ERR_SOURCE_TIMEOUT';
    return isDown && told.vendor === true
      ? { kind: 'failed', error: delivery.error.message }
      : { kind: 'neutral' };
  }
  const { status, headers } = delivery.answer;
  if (status === 429) return { kind: 'limited', retryAfterMs: retryAfterMs(headers, options.resetHeader) };
  if (status >= 500) return { kind: 'failed', error: `${shown(options, request)} answered ${status}` };
  if (request.anonymous === true) return { kind: 'neutral' };
  return { kind: 'ok', reading: options.reading?.(headers) ?? undefined };
}

async function authorize(
  options: VendorHttpOptions,
  request: HttpRequest,
): Promise<Authorization | BatonError | null> {
  const { authenticator } = options;
  if (authenticator === undefined || request.anonymous === true) return null;
  try {
    return await authenticator.authorize(request.signal);
  } catch (error) {
    return error instanceof BatonError ? error : cancelled(options, request, error);
  }
}

/** A request as errors name it. */
function shown({ secrets = [] }: Pick<VendorHttpOptions, 'secrets'>, { method, path }: HttpRequest): string {
  return `${method} ${createScrubber(secrets).scrub(path.split('?')[0] ?? '')}`;
}

function cancelled(options: VendorHttpOptions, request: HttpRequest, cause: unknown): BatonError {
  const what = shown(options, request);
  if (request.signal?.aborted === true) {
    return new BatonError('ERR_SOURCE_TIMEOUT', { detail: `${what} was cancelled` });
  }
  return new BatonError('ERR_INTERNAL', { detail: `${what} could not be prepared`, cause });
}
