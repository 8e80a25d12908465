import { lookup } from 'node:dns/promises';
import { connect as connectTls } from 'node:tls';
import { BatonError, describeError } from '../protocol/errors.js';
import type { CheckTick, OpenConnection, Stream } from './port.js';

/** What `check()` needs to know of a system beyond its connection. */
export interface CheckPlan {
  readonly system: string;
  readonly streams: readonly Stream[];
  /** Proves who we are with one cheap call; tells as whom. */
  authenticate(signal: AbortSignal | undefined): Promise<string>;
  /** Where in the vendor's administration credentials are made. */
  readonly authFix: string;
  /** Where in the vendor's administration permissions are granted. */
  scopeFix(scope: string): string;
  /** Permissions that no stream shows: of a ticket desk, of a notifier. */
  readonly permissions?: readonly Permission[];
}

export interface Permission {
  readonly scope: string;
  probe(signal: AbortSignal | undefined): Promise<void>;
}

/** A clock that is off by more than this makes windows and signatures wrong. */
const allowedSkewMs = 60_000;

type Step = CheckTick['step'];

class CheckFailure extends Error {
  readonly tick: CheckTick;

  constructor(tick: CheckTick) {
    super(tick.detail);
    this.tick = tick;
  }
}

/** The ticks of a connection in order: DNS, TLS, auth, scope per stream, sample, clock. Ends at the first failure. */
export async function* checkConnection(
  connection: OpenConnection,
  plan: CheckPlan,
  signal: AbortSignal | undefined,
): AsyncIterable<CheckTick> {
  try {
    yield* steps(connection, plan, signal);
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof CheckFailure)) throw error;
    yield error.tick;
  }
}

async function* steps(
  connection: OpenConnection,
  plan: CheckPlan,
  signal: AbortSignal | undefined,
): AsyncIterable<CheckTick> {
  const url = new URL(connection.http.baseUrl);
  yield ok('dns', await attempt('dns', dnsFix(connection.name), () => resolveHost(url.hostname)));
  if (url.protocol === 'https:') yield ok('tls', await attempt('tls', tlsFix, () => handshake(url, signal)));
  else yield { step: 'tls', state: 'skipped', detail: 'baseUrl is http' };
  yield ok('auth', await attempt('auth', plan.authFix, () => plan.authenticate(signal)));
  const now = await attempt('auth', plan.authFix, () => connection.vendorNow(signal));

  const window = { from: new Date(now.getTime() - 86_400_000).toISOString(), to: now.toISOString() };
  for (const [scope, stream, names] of byScope(plan.streams)) {
    await attempt('scope', plan.scopeFix(scope), () =>
      stream.readPage(connection, window, null, { pageSize: 1, ...(signal === undefined ? {} : { signal }) }),
    );
    yield ok('scope', `${scope} (${names.join(', ')})`);
  }
  for (const permission of plan.permissions ?? []) {
    await attempt('scope', plan.scopeFix(permission.scope), () => permission.probe(signal));
    yield ok('scope', permission.scope);
  }
  const first = plan.streams[0];
  if (first === undefined) yield { step: 'sample', state: 'skipped', detail: 'nothing to read' };
  else yield ok('sample', await attempt('sample', sampleFix, () => sample(connection, first, now, signal)));
  yield clockTick(now);
}

/** Each permission once, with the stream that shows it: some vendors allow few calls a minute. */
function byScope(streams: readonly Stream[]): readonly (readonly [string, Stream, readonly string[]])[] {
  const scopeOf = ({ scope, name }: Stream) => scope ?? name;
  const first = new Map(streams.toReversed().map((stream) => [scopeOf(stream), stream]));
  return [...new Set(streams.map(scopeOf))].flatMap((scope) => {
    const stream = first.get(scope);
    const names = streams.filter((one) => scopeOf(one) === scope).map(({ name }) => name);
    return stream === undefined ? [] : [[scope, stream, names] as const];
  });
}

function ok(step: Step, detail: string): CheckTick {
  return { step, state: 'ok', detail };
}

/** Runs one step; a failure becomes its tick, with the fix of the error's own kind where that says more. */
async function attempt<T>(step: Step, fix: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof BatonError)) throw error;
    const isPermission = error.error === 'ERR_SOURCE_AUTH' || error.error === 'ERR_SOURCE_FORBIDDEN';
    const isOwnStep = step === 'dns' || step === 'tls' || isPermission;
    throw new CheckFailure({
      step,
      state: 'failed',
      detail: error.message,
      fix: isOwnStep ? fix : describeError(error).fix,
    });
  }
}

/** Throws ERR_SOURCE_UNREACHABLE. */
export async function resolveHost(hostname: string): Promise<string> {
  const startedMs = performance.now();
  const host = hostname.replace(/^\[|\]$/g, '');
  try {
    const { address } = await lookup(host);
    return `${host} is ${address} (${Math.round(performance.now() - startedMs)} ms)`;
  } catch {
    throw new BatonError('ERR_SOURCE_UNREACHABLE', { detail: `the host name ${host} was not found` });
  }
}

function handshake(url: URL, signal: AbortSignal | undefined): Promise<string> {
  const startedMs = performance.now();
  return new Promise((resolve, reject) => {
    const port = url.port === '' ? 443 : Number(url.port);
    const socket = connectTls({ host: url.hostname, port, servername: url.hostname });
    const fail = (why: string): void => {
      socket.destroy();
      reject(new BatonError('ERR_SOURCE_UNREACHABLE', { detail: `${url.host}: ${why}` }));
    };
    socket.setTimeout(10_000, () => fail('no TLS connection within 10 s'));
    signal?.addEventListener('abort', () => fail('cancelled'), { once: true });
    socket.once('error', (error: NodeJS.ErrnoException) => fail(error.code ?? 'TLS failed'));
    socket.once('secureConnect', () => {
      const until = socket.getPeerCertificate().valid_to;
      socket.end();
      const took = Math.round(performance.now() - startedMs);
      resolve(`${socket.getProtocol() ?? 'TLS'}, certificate valid until ${until} (${took} ms)`);
    });
  });
}

async function sample(
  connection: OpenConnection,
  stream: Stream,
  now: Date,
  signal: AbortSignal | undefined,
): Promise<string> {
  const window = { from: null, to: now.toISOString() };
  const options = { pageSize: 5, ...(signal === undefined ? {} : { signal }) };
  const { records } = await stream.readPage(connection, window, null, options);
  const readable = records.filter((record) => stream.map(record).kind !== 'quarantined').length;
  return `${records.length} ${records.length === 1 ? 'record' : 'records'} of ${stream.name}, ${readable} readable`;
}

function clockTick(now: Date): CheckTick {
  const skewMs = Date.now() - now.getTime();
  const detail = `this machine is ${Math.abs(skewMs / 1000).toFixed(1)} s ${skewMs < 0 ? 'behind' : 'ahead of'} the vendor`;
  // The vendor's Date header is cut to the second and was on its way for a while.
  if (Math.abs(skewMs) <= allowedSkewMs) return ok('clock', detail);
  return {
    step: 'clock',
    state: 'failed',
    detail,
    fix: 'Set this machine’s clock: switch on NTP (`timedatectl set-ntp true`).',
  };
}

export function dnsFix(connection: string): string {
  return `Correct the host in connections.${connection}.baseUrl, or this machine’s DNS.`;
}

const tlsFix =
  'Check that baseUrl names the right host and port; a company proxy’s certificate authority goes into NODE_EXTRA_CA_CERTS.';
const sampleFix = 'Open the vendor’s list in a browser as the same user.';
