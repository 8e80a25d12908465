import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { OpenableConnector, OpenConnection, Page, Stream } from '../../src/connectors/port.js';
import type { Mapped } from '../../src/domain/columns.js';
import type { FaultKind, FaultRequest } from '../../src/sandbox/faults.js';
import type { Sandbox } from '../../src/sandbox/sandbox.js';
import type { VendorName } from '../../src/sandbox/wire.js';
import {
  expectDeclaredWrites,
  expectNoSecret,
  failure,
  lines,
  openAgainst,
  type Reading,
  sandboxForTests,
  walk,
} from './support.js';

export interface StreamFixture extends Reading {
  /** Path below the vendor's own prefix, as faults match it. */
  readonly path: string;
  /** Key of the records in the body; null for a bare array; `series` where records are cut out of an object. */
  readonly recordsUnder: string | null | 'series';
  /** Whether pages are strung together by what the vendor hands out or by keys that rise. */
  readonly canBeEndless: boolean;
}

export interface ConnectorFixture {
  readonly vendor: VendorName;
  readonly settings: Readonly<Record<string, unknown>>;
  /** Whether the connection fetches tokens that can expire. */
  readonly hasTokens: boolean;
  /** The wait when a 429 carries no Retry-After. */
  readonly defaultWaitMs?: number;
  /** Adjusts the sandbox once it runs: smaller pages, another clock. */
  prepare?(sandbox: Sandbox): void | Promise<void>;
  readonly streams: Readonly<Record<string, StreamFixture>>;
}

/** What every connector with streams has to keep, whatever system it speaks to. Runs over real HTTP. */
export function describeConnector(connector: OpenableConnector, fixture: ConnectorFixture): void {
  describe(`${connector.system} keeps the connector contract`, () => {
    let sandbox: Sandbox;
    let connection: OpenConnection;
    const opened: OpenConnection[] = [];

    beforeAll(async () => {
      sandbox = await sandboxForTests();
      await fixture.prepare?.(sandbox);
      connection = open();
    });
    afterEach(() => sandbox.faults.clear());
    afterAll(async () => {
      for (const one of opened) one.close();
      await sandbox.close();
    });

    function open(more: { timeoutMs?: number; requestsPerSecond?: number } = {}): OpenConnection {
      const one = openAgainst(sandbox, { connector, ...fixture }, more);
      opened.push(one);
      return one;
    }

    /** Requests that the vendor has received since `before`. */
    function received(before: number): number {
      return total() - before;
    }
    function total(): number {
      return sandbox.requests.counts().reduce((sum, { count }) => sum + count, 0);
    }

    it('declares what the fixture reads, with documentation and a first column', () => {
      expect(Object.keys(fixture.streams).sort()).toEqual(Object.keys(connector.streams).sort());
      for (const [name, stream] of Object.entries(connector.streams)) {
        expect(stream.name).toBe(name);
        expect(stream.docs).toMatch(/^https:\/\//);
        expect(stream.columns.length).toBeGreaterThan(0);
        expect(stream.mode === 'incremental').toBe(stream.cursorField !== null);
        const names = stream.columns.map((column) => column.name);
        if (stream.versionColumn !== null) expect(names).toContain(stream.versionColumn);
      }
    });

    it('declares what it writes', () => expectDeclaredWrites(connector, connection));

    it('refuses settings that hold the secret itself, and unknown keys', () => {
      const plain = { ...fixture.settings, surprise: true };
      expect(connector.connection.safeParse(plain).success).toBe(false);
    });

    it('ticks every step of a check', async () => {
      const ticks = [];
      for await (const tick of connection.check()) ticks.push(tick);
      expect(ticks.filter(({ state }) => state === 'failed')).toEqual([]);
      expect(new Set(ticks.map(({ step }) => step))).toEqual(
        new Set(['dns', 'tls', 'auth', 'scope', 'sample', 'clock']),
      );
      expectNoSecret(ticks);
    });

    it('tells the vendor’s own time', async () => {
      const now = await connection.vendorNow();
      expect(Math.abs(now.getTime() - sandbox.clock.ms())).toBeLessThan(5_000);
    });

    it('names dns as the first failure of a host that does not exist, and stops there', async () => {
      const lost = openAgainst({ url: 'http://no-such-host.invalid' }, { connector, ...fixture });
      const ticks = [];
      for await (const tick of lost.check()) ticks.push(tick);
      lost.close();
      expect(ticks).toHaveLength(1);
      expect(ticks[0]).toMatchObject({ step: 'dns', state: 'failed' });
      expect(ticks[0]?.fix).toContain(`${connector.type}-test`);
    });

    describe.each(Object.entries(fixture.streams))('%s', (name, reading) => {
      const stream = connector.streams[name] as Stream;
      const whole = (): Promise<Page[]> => walk(stream, connection, reading);
      const first = (on: OpenConnection = connection, signal?: AbortSignal): Promise<Page> =>
        stream.readPage(on, reading.window, null, {
          pageSize: reading.pageSize,
          parameters: reading.parameters ?? {},
          ...(signal === undefined ? {} : { signal }),
        });
      const fault = (kind: FaultKind, more: Partial<FaultRequest> = {}): void => {
        sandbox.faults.add({ vendor: fixture.vendor, kind, match: { path: reading.path }, ...more });
      };

      it('cut at each page boundary and resumed equals uncut, byte for byte', async () => {
        const pages = await whole();
        expect(pages.length).toBeGreaterThan(1);
        const uncut = lines(pages);
        expect(uncut.length).toBeGreaterThan(1);
        for (let cut = 1; cut < pages.length; cut++) {
          const stored = JSON.parse(JSON.stringify(pages[cut - 1]?.next));
          const cursor = stream.checkCursor(stored, reading.window);
          const rest = await walk(stream, connection, reading, cursor);
          expect([...lines(pages.slice(0, cut)), ...lines(rest)]).toEqual(uncut);
        }
      });

      it.runIf(stream.split !== undefined)('cut into ranges equals uncut, each record once', async () => {
        const uncut = lines(await whole());
        const { pageSize, parameters = {} } = reading;
        const page = await first();
        if (page.next === null) throw new Error('the first page is the only one');
        const cut = await stream.split?.(connection, reading.window, page.next, page.records, {
          pageSize,
          parameters,
        });
        const starts = cut?.starts ?? [page.next];
        const rest: Page[][] = [];
        for (const start of starts) {
          const stored = stream.checkCursor(JSON.parse(JSON.stringify(start)), reading.window);
          rest.push(await walk(stream, connection, reading, stored));
        }
        expect([...lines([page]), ...lines(rest.flat())]).toEqual(uncut);
      });

      it('keeps the vendor’s own bytes, one line a record', async () => {
        const { records } = await first();
        const { path } = sandbox.requests.last(1)[0] ?? { path: '' };
        // The very request again, answered to plain fetch: what the server sent.
        const body = await rawBody(connection, path);
        const joined = records.map((record) => record.toString('utf8'));
        for (const line of joined) expect(line).not.toMatch(/[\r\n]/);
        if (reading.recordsUnder === null) expect(`[${joined.join(',')}]`).toBe(body);
        else if (reading.recordsUnder !== 'series')
          expect(body).toContain(`"${reading.recordsUnder}":[${joined.join(',')}]`);
        else for (const line of joined) expect(body).toContain(line.replace(/^.*?"rates":/, '').slice(0, -1));
      });

      it.each([
        ['garbage', 'garbage'],
        ['a number', 7],
        ['nothing', null],
        ['a list', []],
        ['unknown keys', { at: '1', to: '2026-01-01T00:00:00Z', x: 1 }],
        ['no end', { at: '1' }],
        [
          'a path elsewhere',
          { at: 'http://127.0.0.1:1/x', to: reading.window.to, page: 1, mark: '0'.repeat(16) },
        ],
        ['an injection', { at: '1&limit=9', to: reading.window.to }],
      ])('refuses %s as a cursor, before any request', async (_what, cursor) => {
        const before = total();
        await failure(
          Promise.resolve().then(() => stream.checkCursor(cursor, reading.window)),
          'ERR_CURSOR_INVALID',
        );
        if (cursor !== null) {
          await failure(
            stream.readPage(connection, reading.window, cursor as never, {}),
            'ERR_CURSOR_INVALID',
          );
        }
        expect(received(before)).toBe(0);
      });

      it('refuses a cursor from the future or of another window, before any request', async () => {
        const next = (await first()).next;
        expect(next).not.toBeNull();
        const before = total();
        for (const to of ['2999-01-01T00:00:00.000Z', '2001-01-01T00:00:00.000Z']) {
          const error = await failure(
            Promise.resolve().then(() => stream.checkCursor({ ...next, to }, reading.window)),
            'ERR_CURSOR_INVALID',
          );
          expect(error.message).toMatch(to.startsWith('2999') ? /future/ : /another window/);
          expect(error.retryable).toBe(false);
        }
        expect(received(before)).toBe(0);
      });

      it('maps what the vendor sends, each row with the declared columns and no others', async () => {
        const verdicts = (await whole()).flatMap(({ records }) =>
          records.map((record) => stream.map(record)),
        );
        const rows = verdicts.filter((verdict) => verdict.kind === 'row');
        expect(rows.length).toBeGreaterThan(0);
        const columns = stream.columns.map((column) => column.name).sort();
        for (const { row } of rows) {
          expect(Object.keys(row).sort()).toEqual(columns);
          for (const { name: column, type, ...rest } of stream.columns) {
            const value = row[column];
            if (value === null) expect('nullable' in rest && rest.nullable, column).toBe(true);
            else expect(value, column).toMatch(forms[type] ?? /never/);
          }
        }
      });

      it('is total: any JSON and any bytes give a verdict, and the right kind of it', () => {
        const sane = (verdict: Mapped): void => {
          if (verdict.kind === 'quarantined') expect(verdict.violations.length).toBeGreaterThan(0);
        };
        fc.assert(
          fc.property(fc.json({ maxDepth: 5 }), (text) => sane(stream.map(Buffer.from(text)))),
          { numRuns: 300 },
        );
        fc.assert(
          fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => sane(stream.map(Buffer.from(bytes)))),
          {
            numRuns: 300,
          },
        );
      });

      it('is total on records of the right shape with any value at any place', async () => {
        const samples = (await whole()).flatMap(({ records }) => records).slice(0, 40);
        const odd = fc.oneof(
          fc.jsonValue({ maxDepth: 2 }),
          fc.constantFrom(
            '',
            '1e400',
            '1e9999999999',
            'constructor',
            '__proto__',
            '\0',
            '\ud800',
            1e308,
            -0,
            2 ** 60,
          ),
        );
        fc.assert(
          fc.property(fc.constantFrom(...samples), fc.nat(), odd, (sample, place, value) => {
            const verdict = stream.map(
              Buffer.from(JSON.stringify(withValueAt(JSON.parse(String(sample)), place, value))),
            );
            if (verdict.kind !== 'row') return;
            for (const cell of Object.values(verdict.row)) {
              expect(cell === null || typeof cell === 'string').toBe(true);
              expect(cell ?? '').not.toMatch(/[\0\p{Surrogate}]/u);
            }
          }),
          { numRuns: 600 },
        );
      });

      it('is total on nesting beyond any stack, and on prototype keys', () => {
        const deep = `{"id":${'['.repeat(200_000)}${']'.repeat(200_000)}}`;
        expect(['quarantined', 'filtered']).toContain(stream.map(Buffer.from(deep)).kind);
        expect(stream.map(Buffer.from('{"__proto__":{"id":1,"status":"issued"}}')).kind).toBe('quarantined');
        expect(stream.map(Buffer.from('{"id":1,"id":2')).kind).toBe('quarantined');
      });

      it.each([
        ['seconds', { retryAfter: 2 }, 2_000, 2_000],
        ['an HTTP date', { retryAfter: 'date', seconds: 30 }, 25_000, 31_000],
        ['something absurd', { retryAfter: 'absurd' }, 3_600_000, 3_600_000],
      ])('waits as a 429 says in %s', async (_form, params, least, most) => {
        fault('rate_limit', { params });
        const error = await failure(first(), 'ERR_SOURCE_RATE_LIMITED');
        expect(error.options.vendor).toBe(true);
        expect(error.options.retryAfterMs).toBeGreaterThanOrEqual(least);
        expect(error.options.retryAfterMs).toBeLessThanOrEqual(most);
        await first();
      });

      it.each(['missing', 'soon', '-5'])('takes a 429 with Retry-After %j', async (retryAfter) => {
        fault('rate_limit', { params: { retryAfter } });
        const error = await failure(first(), 'ERR_SOURCE_RATE_LIMITED');
        expect(error.options.retryAfterMs).toBe(fixture.defaultWaitMs);
      });

      it.each([500, 502, 503])('takes a %i as the vendor’s failure', async (status) => {
        fault('status', { params: { status, retryAfter: 3 } });
        const error = await failure(first(), 'ERR_SOURCE_UNAVAILABLE');
        expect(error.options).toMatchObject({ vendor: true, retryAfterMs: 3_000 });
        expect(error.message).toContain(`${connector.type}-test: GET ${reading.path}`);
      });

      it('takes a 400 as final', async () => {
        fault('status', { params: { status: 400 } });
        expect((await failure(first(), 'ERR_SOURCE_BAD_REQUEST')).retryable).toBe(false);
      });

      it.each(['truncate', 'html', 'empty_body', 'not_json'] as const)(
        'takes %s as a bad response',
        async (kind) => {
          fault(kind);
          const error = await failure(first(), 'ERR_SOURCE_BAD_RESPONSE');
          expect(error.message).toContain(`${connector.type}-test: GET ${reading.path}`);
          expect(error.message.length).toBeLessThan(400);
          expect(error.message).not.toContain('?');
          if (kind === 'html') expect(error.message).toMatch(/HTML.*Sign in/);
          await first();
        },
      );

      it('gives up on a vendor that hangs, at the deadline', async () => {
        fault('hang', { count: 1 });
        const startedMs = performance.now();
        await failure(first(open({ timeoutMs: 300 })), 'ERR_SOURCE_TIMEOUT');
        expect(performance.now() - startedMs).toBeLessThan(2_000);
      });

      it('gives up on a body that drips, at the same deadline', async () => {
        fault('slow_body', { params: { durationMs: 20_000 } });
        const startedMs = performance.now();
        await failure(first(open({ timeoutMs: 400 })), 'ERR_SOURCE_TIMEOUT');
        expect(performance.now() - startedMs).toBeLessThan(2_500);
      });

      it('takes a reset as unreachable', async () => {
        fault('reset');
        const error = await failure(first(), 'ERR_SOURCE_UNREACHABLE');
        expect(error.message).toContain('reset');
      });

      it('takes a refused connection as unreachable', async () => {
        const closed = openAgainst({ url: 'http://127.0.0.1:1' }, { connector, ...fixture });
        expect((await failure(first(closed), 'ERR_SOURCE_UNREACHABLE')).message).toContain('refused');
        closed.close();
      });

      it('stops at once when it is cancelled, with the caller’s own reason', async () => {
        fault('hang', { count: 1 });
        const controller = new AbortController();
        const reason = new Error('shutting down');
        setTimeout(() => controller.abort(reason), 100);
        await expect(first(connection, controller.signal)).rejects.toBe(reason);
        await expect(first(connection, AbortSignal.abort(reason))).rejects.toBe(reason);
      });

      it.runIf(reading.canBeEndless)('ends a walk through pages that do not end', async () => {
        fault('endless_cursor');
        const before = total();
        const error = await failure(whole(), 'ERR_CURSOR_ENDLESS');
        expect(error.retryable).toBe(false);
        expect(received(before)).toBeLessThan(8);
      });

      it.runIf(fixture.hasTokens)(
        'goes on over a token that expires in the middle, with one refresh',
        async () => {
          const uncut = await whole();
          fault('token_expired', { skip: 1 });
          const before = sandbox.requests.counts().filter(isTokenCall);
          const pages = await whole();
          const after = sandbox.requests.counts().filter(isTokenCall);
          expect(lines(pages)).toEqual(lines(uncut));
          expect(countOf(after) - countOf(before)).toBe(1);
          // The refused call, the token, and the call again.
          expect(pages.map(({ calls }) => calls).toSorted((a, b) => b - a)[0]).toBe(3);
        },
      );

      it.runIf(fixture.hasTokens)('shares one refresh among all who meet an expired token', async () => {
        await first();
        sandbox.faults.add({ vendor: fixture.vendor, kind: 'token_expired', match: { path: reading.path } });
        const before = countOf(sandbox.requests.counts().filter(isTokenCall));
        await Promise.all(Array.from({ length: 6 }, () => first()));
        const minted = countOf(sandbox.requests.counts().filter(isTokenCall)) - before;
        expect(minted).toBeGreaterThanOrEqual(1);
        expect(minted).toBeLessThanOrEqual(2);
      });

      it.runIf(fixture.vendor !== 'rates')(
        'fails once and clearly when credentials are refused for ever',
        async () => {
          sandbox.faults.add({ vendor: fixture.vendor, kind: 'auth_dead' });
          const before = total();
          const error = await failure(first(), 'ERR_SOURCE_AUTH');
          expect(error.retryable).toBe(false);
          expect(received(before)).toBeLessThanOrEqual(4);
        },
      );
    });
  });
}

const forms: Readonly<Record<string, RegExp>> = {
  text: /./su,
  integer: /^-?\d+$/,
  numeric: /^-?\d+(\.\d+)?$/,
  boolean: /^(true|false)$/,
  date: /^\d{4}-\d{2}-\d{2}$/,
  timestamp: /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3,6}Z$/,
  json: /^[[{]/,
};

interface Counted {
  readonly path: string;
  readonly count: number;
}

function isTokenCall({ path }: Counted): boolean {
  return path.endsWith('/token');
}

function countOf(counts: readonly Counted[]): number {
  return counts.reduce((sum, { count }) => sum + count, 0);
}

async function rawBody(connection: OpenConnection, path: string): Promise<string> {
  const { body } = await connection.http.read({ method: 'GET', path });
  return body.toString('utf8');
}

/** The record with the value at one of its places, counted depth first. */
function withValueAt(record: unknown, place: number, value: unknown): unknown {
  const places: (() => void)[] = [];
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    for (const key of Object.keys(node)) {
      const parent = node as Record<string, unknown>;
      places.push(() => {
        parent[key] = value;
      });
      visit(parent[key]);
    }
  };
  visit(record);
  places[place % Math.max(1, places.length)]?.();
  return record;
}
