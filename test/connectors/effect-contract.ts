import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type {
  EffectAction,
  EffectRequest,
  OpenableConnector,
  OpenConnection,
  SendOutcome,
} from '../../src/connectors/port.js';
import type { FaultKind } from '../../src/sandbox/faults.js';
import type { Sandbox } from '../../src/sandbox/sandbox.js';
import type { VendorName } from '../../src/sandbox/wire.js';
import { expectDeclaredWrites, expectNoSecret, openAgainst, sandboxForTests, writesOf } from './support.js';

export interface EffectFixture {
  readonly name: string;
  readonly vendor: VendorName;
  readonly settings: Readonly<Record<string, unknown>>;
  action(connection: OpenConnection): EffectAction;
  /** The write's own request, as faults match it. */
  readonly match: { readonly method: string; readonly path: string };
  /** A new request with a marker of its own. */
  request(sandbox: Sandbox, ordinal: number): Promise<EffectRequest>;
  /** How often the effect is visible at the vendor, counted without the connector. */
  visible(sandbox: Sandbox, request: EffectRequest): Promise<number>;
  /** Whether refused credentials may be mended and the write sent again. */
  readonly authIsRetryable: boolean;
  prepare?(sandbox: Sandbox): void;
  /** The vendor tells nobody what was made. */
  readonly cannotLook?: true;
  /** It does not know a repeat again: what was sent twice is there twice. */
  readonly mayRepeat?: true;
  /** A repeat is a change of what is there, even while the first one is on its way. */
  readonly isUpsert?: true;
}

/** What every action that writes at a vendor has to keep: one visible effect per marker, and no guessing. */
export function describeAction(connector: OpenableConnector, fixture: EffectFixture): void {
  describe(`${connector.system}: ${fixture.name}`, () => {
    let sandbox: Sandbox;
    let connection: OpenConnection;
    let ordinal = 0;
    const signal = new AbortController().signal;

    beforeAll(async () => {
      sandbox = await sandboxForTests(20);
      fixture.prepare?.(sandbox);
      connection = openAgainst(sandbox, { connector, ...fixture });
    });
    afterEach(() => sandbox.faults.clear());
    afterAll(async () => {
      connection.close();
      await sandbox.close();
    });

    const next = (): Promise<EffectRequest> => fixture.request(sandbox, ++ordinal);
    const visible = (request: EffectRequest): Promise<number> => fixture.visible(sandbox, request);
    function fault(kind: FaultKind, params: Readonly<Record<string, unknown>> = {}): void {
      sandbox.faults.add({ vendor: fixture.vendor, kind, match: fixture.match, params });
    }
    async function send(request: EffectRequest, on = connection): Promise<SendOutcome> {
      const outcome = await fixture.action(on).send(request, signal);
      expectNoSecret(outcome);
      return outcome;
    }
    const sent = (request: EffectRequest): EffectRequest => ({ ...request, firstSentAt: new Date() });
    async function looksAs(kind: 'found' | 'absent', request: EffectRequest): Promise<void> {
      const seen = await fixture.action(connection).look(request, signal);
      expect(seen).toMatchObject({ kind: fixture.cannotLook === true ? 'cannot_look' : kind });
    }
    const afterResend = fixture.mayRepeat === true ? 2 : 1;

    it('is declared with its guarantee', () => {
      expectDeclaredWrites(connector, connection);
      expect(Object.values(writesOf(connection))).toContain(fixture.action(connection));
    });

    it('sends once, names what it made, and finds it by its marker', async () => {
      const request = await next();
      const action = fixture.action(connection);
      await looksAs('absent', request);
      const outcome = await send(request);
      expect(outcome).toMatchObject({ kind: 'confirmed', adopted: false });
      expect(await visible(request)).toBe(1);
      await looksAs('found', sent(request));
      const found = await action.look(sent(request), signal);
      if (found.kind === 'found' && outcome.kind === 'confirmed') {
        expect(found.remoteIds).toEqual([outcome.remoteId]);
      }
    });

    it.each([
      ['accept_then_reset', {}],
      ['accept_then_500', {}],
      ['truncate', {}],
    ] as const)('does not know after %s, and finds the one that was made', async (kind, params) => {
      const request = await next();
      fault(kind, params);
      expect(await send(request)).toMatchObject({ kind: 'unknown' });
      const action = fixture.action(connection);
      await looksAs('found', sent(request));
      expect(await visible(request)).toBe(1);
      if (action.resendIsSafe(sent(request), new Date())) {
        expect(await send(request)).toMatchObject({
          kind: 'confirmed',
          adopted: fixture.cannotLook !== true,
        });
        expect(await visible(request)).toBe(afterResend);
      }
    });

    it('does not know while a late commit is on its way, and finds it after it settled', async () => {
      const request = await next();
      fault('accept_late_then_reset', { seconds: 1 });
      const action = fixture.action(connection);
      expect(await send(request)).toMatchObject({ kind: 'unknown' });
      await looksAs('absent', sent(request));
      if (action.resendIsSafe(sent(request), new Date())) {
        const takesRepeats = fixture.cannotLook === true || fixture.isUpsert === true;
        const kind = takesRepeats ? 'confirmed' : 'unknown';
        expect(await send(request)).toMatchObject({ kind });
      }
      await new Promise((resolve) => setTimeout(resolve, 1_300));
      await looksAs('found', sent(request));
      expect(await visible(request)).toBe(afterResend);
    });

    it.each(['reset', 'html', 'empty_body'] as const)(
      'does not know after %s, and sees that nothing was made',
      async (kind) => {
        const request = await next();
        fault(kind);
        expect(await send(request)).toMatchObject({ kind: 'unknown' });
        await looksAs('absent', sent(request));
        expect(await visible(request)).toBe(0);
      },
    );

    it('does not know when the deadline passes after the request was written', async () => {
      const request = await next();
      fault('hang');
      const hasty = openAgainst(sandbox, { connector, ...fixture }, { timeoutMs: 300 });
      expect(await send(request, hasty)).toMatchObject({ kind: 'unknown' });
      hasty.close();
    });

    it('knows that nothing was written when no connection was made', async () => {
      const closed = openAgainst({ url: 'http://127.0.0.1:1' }, { connector, ...fixture });
      expect(await send(await next(), closed)).toMatchObject({ kind: 'refused', retryable: true });
      closed.close();
      const lost = openAgainst({ url: 'http://no-such-host.invalid' }, { connector, ...fixture });
      expect(await send(await next(), lost)).toMatchObject({ kind: 'refused', retryable: true });
      lost.close();
    });

    it('is refused for now by a 429, or a 503 with Retry-After, for as long as the vendor says', async () => {
      for (const kind of ['rate_limit', 'status'] as const) {
        const request = await next();
        fault(kind, { status: 503, retryAfter: 7 });
        expect(await send(request)).toMatchObject({ kind: 'refused', retryable: true, retryAfterMs: 7_000 });
        expect(await visible(request)).toBe(0);
      }
    });

    it.each([400, 422, 404].filter((status) => fixture.vendor !== 'slack' || status !== 404))(
      'is refused for good by a %i',
      async (status) => {
        const request = await next();
        fault('status', { status });
        expect(await send(request)).toMatchObject({ kind: 'refused', retryable: false });
        expect(await visible(request)).toBe(0);
      },
    );

    // A proxy says 503 too, after the vendor has done the write: only who names a time has refused it.
    it.each([500, 502, 503, 504])('does not know after a %i without Retry-After', async (status) => {
      fault('status', { status });
      expect(await send(await next())).toMatchObject({ kind: 'unknown' });
    });

    it('is refused when credentials are', async () => {
      sandbox.faults.add({ vendor: fixture.vendor, kind: 'auth_dead' });
      const before = sandbox.requests.last().length;
      const request = { ...(await failing(next)), firstSentAt: null };
      expect(await send(request)).toMatchObject({ kind: 'refused', retryable: fixture.authIsRetryable });
      expect(sandbox.requests.last().length - before).toBeLessThanOrEqual(3);
    });

    /** Requests are prepared at a healthy vendor. */
    async function failing(make: () => Promise<EffectRequest>): Promise<EffectRequest> {
      const faults = sandbox.faults.list().map(({ vendor, kind }) => ({ vendor, kind }));
      sandbox.faults.clear();
      const request = await make();
      for (const one of faults) sandbox.faults.add(one);
      return request;
    }

    it('cannot look when the vendor cannot be asked, and says why', async () => {
      const request = await next();
      sandbox.faults.add({ vendor: fixture.vendor, kind: 'html', count: 10, match: { method: 'GET' } });
      const looked = await fixture.action(connection).look(sent(request), signal);
      expect(looked).toMatchObject({ kind: 'cannot_look' });
      expectNoSecret(looked);
      const closed = openAgainst({ url: 'http://127.0.0.1:1' }, { connector, ...fixture });
      expect(await fixture.action(closed).look(sent(request), signal)).toMatchObject({ kind: 'cannot_look' });
      closed.close();
    });

    it('refuses a body of another kind before anything is sent', async () => {
      const request = await next();
      const before = sandbox.requests.last().length;
      const body = { ...request.body, kind: request.body.kind === 'message' ? 'ticket' : 'message' };
      const outcome = await send({ ...request, body: body as EffectRequest['body'] });
      expect(outcome).toMatchObject({ kind: 'refused', retryable: false });
      expect(sandbox.requests.last().length).toBe(before);
    });

    it('answers and does not throw when it is cancelled', async () => {
      const outcome = await fixture.action(connection).send(await next(), AbortSignal.abort());
      expect(['refused', 'unknown']).toContain(outcome.kind);
    });
  });
}
