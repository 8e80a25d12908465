import type { FastifyReply, FastifyRequest } from 'fastify';
import type { SandboxClock } from './clock.js';
import { deliver, drip, reset, truncate } from './delivery.js';
import type { Fault, FaultBook } from './faults.js';
import type { RequestLog } from './request-log.js';
import { type Answer, type Call, html, type Route, type Vendor } from './wire.js';

export interface ServeParts {
  readonly clock: SandboxClock;
  readonly faults: FaultBook;
  readonly log: RequestLog;
  /** Aborted when the sandbox closes: ends drips, drops late commits. */
  readonly closing: AbortSignal;
}

interface Exchange {
  readonly vendor: Vendor;
  readonly route: Route;
  readonly call: Call;
  readonly reply: FastifyReply;
  readonly parts: ServeParts;
}

const loginPage =
  '<!doctype html><html><head><title>Sign in</title></head><body><form action="/login">Please sign in</form></body></html>';

function callOf(vendor: Vendor, request: FastifyRequest, fault: Fault | null): Call {
  const url = new URL(request.raw.url ?? '/', 'http://sandbox');
  return {
    method: request.method,
    path: url.pathname.slice(vendor.name.length + 1),
    params: request.params as Readonly<Record<string, string>>,
    query: url.searchParams,
    headers: request.headers,
    body: typeof request.body === 'string' ? request.body : '',
    baseUrl: `http://${request.headers.host ?? 'sandbox'}/${vendor.name}`,
    fault,
  };
}

/** What the vendor answers when nothing is wrong with the network. */
function work({ vendor, route, call }: Exchange): Answer {
  if (call.fault?.kind === 'token_expired') vendor.revokeTokens?.();
  if (call.fault?.kind === 'auth_dead') return vendor.refuse(401, call);
  const throttled = vendor.throttle?.(call, route) ?? null;
  if (throttled !== null) return throttled;
  const refused = route.open === true ? null : vendor.authenticate(call, route);
  return refused ?? route.handle(call);
}

/** When to ask again, as the fault wants it: seconds, an HTTP date, something absurd, or not at all. */
function retryAfter(fault: Fault, clock: SandboxClock): Record<string, string> {
  const wanted = fault.params['retryAfter'] ?? 1;
  const seconds = Number(fault.params['seconds'] ?? 1);
  const name = String(fault.params['header'] ?? 'retry-after');
  if (wanted === 'missing' || wanted === null) return {};
  if (wanted === 'date') return { [name]: new Date(clock.ms() + seconds * 1000).toUTCString() };
  if (wanted === 'absurd') return { [name]: '99999999999' };
  return { [name]: String(wanted) };
}

function withDate(answer: Answer, clock: SandboxClock): Answer {
  return { ...answer, headers: { date: clock.now().toUTCString(), ...answer.headers } };
}

/** The same page for ever: the first answer, changed to offer more, given again whatever is asked. */
function endless(exchange: Exchange, fault: Fault): Answer {
  const listed = exchange.call.path.replace(/\/query\/.*$/, '/query');
  // A page that is given again is one of as many records: what a caller asks for a single one is another question.
  const page = `${listed} ${exchange.call.query.get('limit') ?? ''}`;
  const known = fault.pages.get(page);
  const first = known === undefined ? work(exchange) : null;
  if (first !== null && first.status !== 200) return first;
  const body = known ?? neverLast(String(first?.body ?? ''), listed);
  fault.pages.set(page, body);
  return { status: 200, headers: { 'content-type': 'application/json; charset=utf-8' }, body };
}

function neverLast(body: string, listed: string): string {
  return body
    .replace('"end_of_stream":true', '"end_of_stream":false')
    .replace('"done":true', `"done":false,"nextRecordsUrl":"${listed}/0r8HsENDLESS-2000"`);
}

/** Answers that a fault makes up without the vendor doing any work; null when the fault is of another kind. */
function madeUp({ vendor, call, parts }: Exchange, fault: Fault): Answer | null {
  const { kind, params } = fault;
  if (kind === 'rate_limit') {
    const refused = vendor.refuse(429, call);
    return { ...refused, headers: { ...refused.headers, ...retryAfter(fault, parts.clock) } };
  }
  if (kind === 'status') {
    const refused = vendor.refuse(Number(params['status'] ?? 500), call);
    const headers = params['retryAfter'] === undefined ? {} : retryAfter(fault, parts.clock);
    const body = isBody(params['body']) ? params['body'] : refused.body;
    return { status: refused.status, headers: { ...refused.headers, ...headers }, body };
  }
  const type = { 'content-type': 'application/json; charset=utf-8' };
  if (kind === 'html') return html(200, loginPage);
  if (kind === 'not_json') return { status: 200, headers: type, body: '{"records": [1, 2' };
  if (kind === 'empty_body') return { status: 200, headers: type, body: '' };
  return null;
}

/** What a fault gives instead of the vendor's body; bytes only from a test in the same process. */
function isBody(value: unknown): value is string | Buffer {
  return typeof value === 'string' || Buffer.isBuffer(value);
}

/** Does the work after a while, as a vendor does whose front end gave up before its back end. */
function commitLate(exchange: Exchange, fault: Fault): void {
  const { route, call, parts } = exchange;
  const release = route.reserve?.(call);
  const delayMs = Number(fault.params['seconds'] ?? 20) * 1000;
  const timer = setTimeout(() => {
    release?.();
    work(exchange);
  }, delayMs);
  parts.closing.addEventListener('abort', () => clearTimeout(timer), { once: true });
}

/** Plays the faults that touch the connection itself. Answers the outcome for the log, or null. */
function breakConnection(exchange: Exchange, fault: Fault): string | null {
  const { reply, parts } = exchange;
  const { raw } = reply;
  const act: Partial<Record<Fault['kind'], () => void>> = {
    hang: () => {},
    reset: () => reset(raw),
    accept_then_reset: () => {
      work(exchange);
      reset(raw);
    },
    accept_late_then_reset: () => {
      commitLate(exchange, fault);
      reset(raw);
    },
    truncate: () => truncate(raw, withDate(work(exchange), parts.clock)),
    slow_body: () => {
      const durationMs = Number(fault.params['durationMs'] ?? 5_000);
      void drip(raw, withDate(work(exchange), parts.clock), durationMs, parts.closing);
    },
  };
  const found = act[fault.kind];
  if (found === undefined) return null;
  reply.hijack();
  found();
  return fault.kind;
}

function answerOf(exchange: Exchange, fault: Fault | null): Answer {
  if (fault?.kind === 'endless_cursor' && exchange.route.open !== true) return endless(exchange, fault);
  const made = fault === null ? null : madeUp(exchange, fault);
  if (made !== null) return made;
  const answer = work(exchange);
  return fault?.kind === 'accept_then_500' ? exchange.vendor.refuse(500, exchange.call) : answer;
}

/** One request to a vendor: fault, limit, credentials, work, answer, log. */
export function serve(vendor: Vendor, route: Route, parts: ServeParts) {
  return (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const url = new URL(request.raw.url ?? '/', 'http://sandbox');
    const fault = parts.faults.strike(vendor.name, request.method, url);
    const exchange: Exchange = { vendor, route, call: callOf(vendor, request, fault), reply, parts };
    const broken = fault === null ? null : breakConnection(exchange, fault);
    let outcome = broken;
    if (outcome === null) {
      const answer = answerOf(exchange, fault);
      reply.hijack();
      deliver(reply.raw, withDate(answer, parts.clock));
      outcome = String(answer.status);
    }
    const { method } = request;
    const full = (request.raw.url ?? '').slice(vendor.name.length + 1);
    const at = parts.clock.now().toISOString();
    parts.log.add({ at, vendor: vendor.name, method, path: full, template: route.path, outcome });
    return reply;
  };
}
