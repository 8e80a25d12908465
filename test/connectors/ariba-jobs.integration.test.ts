import { strToU8, zipSync } from 'fflate';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ariba } from '../../src/connectors/ariba/index.js';
import { type Cursor, type OpenConnection, type Stream, streamsOf } from '../../src/connectors/port.js';
import type { Sandbox } from '../../src/sandbox/sandbox.js';
import { aribaDeclared, aribaResolved } from './ariba-settings.js';
import { failure, lines, openAgainst, sandboxForTests, walk } from './support.js';

const vendor = 'ariba';
const orders = streamsOf(ariba, aribaDeclared)['purchase_orders'] as Stream;
const window = { from: '2026-01-01T00:00:00.000Z', to: '2026-12-31T00:00:00.000Z' };
const hourMs = 3_600_000;
const jobs = '/procurement-reporting-job/v2/prod/jobs';
const results = '/procurement-reporting-jobresult/v2/prod/jobs';
const whole = { window, pageSize: 50 };

describe('a view of SAP Ariba that is read by jobs', () => {
  let sandbox: Sandbox;
  let connection: OpenConnection;
  beforeAll(async () => {
    sandbox = await sandboxForTests();
    sandbox.settings.aribaLimited = false;
    connection = open({ jobsAbove: 100 });
  });
  afterEach(() => {
    sandbox.faults.clear();
    sandbox.requests.clear();
    Object.assign(sandbox.settings, {
      aribaJobMs: 0,
      aribaRecordsPerFile: 1_000,
      aribaFilesPerJob: 10,
      aribaMostRecords: 1_000_000,
    });
  });
  afterAll(async () => {
    connection?.close();
    await sandbox?.close();
  });

  function open(more: Readonly<Record<string, unknown>>): OpenConnection {
    return openAgainst(sandbox, { connector: ariba, vendor, settings: { ...aribaResolved, ...more } });
  }
  const idsOf = (read: readonly string[]) => read.map((line) => JSON.parse(line).InternalId as string);
  const there = () => sandbox.coupa.store.purchase_orders.ids.map(String).toSorted();
  /** Calls that the sandbox has seen of a method and path. */
  const seen = (method: string, path: string) =>
    sandbox.requests
      .counts()
      .filter((one) => one.method === method && one.path.startsWith(path))
      .reduce((sum, { count }) => sum + count, 0);
  const stored = (cursor: Cursor | null) =>
    cursor && orders.checkCursor(JSON.parse(JSON.stringify(cursor)), window);
  const read = (from: Cursor | null, on = connection) => orders.readPage(on, window, from, {});
  /** The cursor of a job that was submitted. */
  const submitted = async (): Promise<Cursor> => {
    const place = (await read(stored((await read(null)).next))).next;
    return place ?? expect.unreachable();
  };

  it('gives each order once, from several files of several jobs, as its pages give it', async () => {
    sandbox.settings.aribaRecordsPerFile = 50;
    sandbox.settings.aribaFilesPerJob = 3;
    const pages = await walk(orders, connection, whole);
    expect(pages.map(({ records }) => records.length)).toEqual([
      ...[0, 0, 50, 50, 50],
      ...[0, 50, 50, 50],
      ...[0, 20],
    ]);
    expect(seen('POST', jobs)).toBe(3);
    expect(idsOf(lines(pages)).toSorted()).toEqual(there());
    const byPages = open({});
    const paged = await walk(orders, byPages, whole);
    byPages.close();
    expect(lines(pages).toSorted()).toEqual(lines(paged).toSorted());
  });

  it('cut at each step and resumed by another process equals uncut, by the same job', async () => {
    sandbox.settings.aribaRecordsPerFile = 120;
    const pages = await walk(orders, connection, whole);
    expect(pages.map(({ records }) => records.length)).toEqual([0, 0, 120, 120, 80]);
    const uncut = lines(pages);
    sandbox.requests.clear();
    // From where the job stands: submitting it is the step before.
    for (let cut = 2; cut < pages.length; cut += 1) {
      const other = open({ jobsAbove: 100 });
      const rest = await walk(orders, other, whole, stored(pages[cut - 1]?.next ?? null));
      other.close();
      expect([...lines(pages.slice(0, cut)), ...lines(rest)]).toEqual(uncut);
    }
    expect(seen('POST', jobs)).toBe(0);
  });

  it('waits for a job that is at work, and goes on with the same', async () => {
    sandbox.settings.aribaJobMs = 2 * hourMs;
    const place = await submitted();
    const waiting = await failure(read(place), 'ERR_SOURCE_NOT_READY');
    expect(waiting).toMatchObject({ retryable: true, options: { vendor: true } });
    expect(waiting.options.retryAfterMs).toBeGreaterThanOrEqual(2_000);
    expect(waiting.message).toMatch(/^ariba-test: job \w+ is pending\.$/);
    sandbox.settings.aribaJobMs = 0;
    expect(idsOf(lines(await walk(orders, connection, whole, place))).toSorted()).toEqual(there());
    expect(seen('POST', jobs)).toBe(1);
  });

  it('submits the page again whose files have expired, and lacks nothing', async () => {
    sandbox.settings.aribaRecordsPerFile = 50;
    sandbox.settings.aribaFilesPerJob = 3;
    const { offsetMs } = sandbox.clock;
    try {
      const place = await submitted();
      const [one, two] = [await read(place), await read((await read(place)).next)];
      expect([one, two].map(({ records }) => records.length)).toEqual([50, 50]);
      sandbox.clock.shiftTo(offsetMs + 49 * hourMs);
      const rest = await walk(orders, connection, whole, stored(two.next));
      expect(rest.map(({ records }) => records.length).slice(0, 5)).toEqual([0, 0, 50, 50, 50]);
      expect([...new Set(idsOf(lines([one, two, ...rest])))].toSorted()).toEqual(there());
      expect(seen('POST', jobs)).toBe(4);
    } finally {
      sandbox.clock.shiftTo(offsetMs);
    }
  });

  it('submits a job again that Ariba does not know any more', async () => {
    const place = await submitted();
    sandbox.faults.add({ vendor, kind: 'status', match: { path: results }, params: { status: 410 } });
    const rest = await walk(orders, connection, whole, place);
    expect(idsOf(lines(rest)).toSorted()).toEqual(there());
    expect(seen('POST', jobs)).toBe(2);
  });

  it('submits a job again that failed within Ariba, four times in all', async () => {
    const params = { status: 200, body: JSON.stringify({ status: 'errorInternal' }) };
    const place = await submitted();
    sandbox.faults.add({ vendor, kind: 'status', match: { path: results }, params });
    expect(idsOf(lines(await walk(orders, connection, whole, place))).toSorted()).toEqual(there());
    expect(seen('POST', jobs)).toBe(2);
    sandbox.requests.clear();
    sandbox.faults.add({ vendor, kind: 'status', match: { path: results }, count: null, params });
    const failed = await failure(walk(orders, connection, whole), 'ERR_SOURCE_JOB_FAILED');
    expect(failed.retryable).toBe(false);
    expect(seen('POST', jobs)).toBe(4);
  });

  it('says what to do where a job finds more than Ariba gives', async () => {
    sandbox.settings.aribaMostRecords = 300;
    const error = await failure(walk(orders, connection, whole), 'ERR_SOURCE_JOB_FAILED');
    expect(error.retryable).toBe(false);
    expect(error.message).toContain('errorMaxReached');
    expect(error.options.fix).toMatch(/since.*baton backfill.*baton_purchase_orders/);
    expect(seen('POST', jobs)).toBe(1);
  });

  it('ends well where what was counted is gone when the job looks', async () => {
    const place = {
      ...(await submitted()),
      at: '+',
      start: '2026-12-01T00:00:00Z',
      end: '2026-12-31T00:00:00Z',
    };
    const pages = await walk(orders, connection, whole, stored(place));
    expect(lines(pages)).toEqual([]);
    expect(pages.at(-1)?.next).toBeNull();
  });

  it('reads a window of many years in jobs of a year at most, where a year holds too much', async () => {
    const many = { from: '2016-03-01T12:00:00.000Z', to: '2030-01-01T00:00:00.000Z' };
    const pages = await walk(orders, connection, { ...whole, window: many });
    expect(idsOf(lines(pages)).toSorted()).toEqual(there());
    expect(seen('POST', jobs)).toBe(1);
  });

  it.each([
    [320, 0],
    [319, 1],
  ])('of 320 orders, with jobs above %i, submits %i', async (jobsAbove, expected) => {
    const few = open({ jobsAbove });
    const pages = await walk(orders, few, whole);
    few.close();
    expect(idsOf(lines(pages)).toSorted()).toEqual(there());
    expect(seen('POST', jobs)).toBe(expected);
    expect(seen('GET', '/procurement-reporting-details/v2/prod/views/:view/count')).toBe(1);
  });

  const zipped = (text: string) => Buffer.from(zipSync({ 'records.txt': strToU8(text) }));
  it.each([
    ['is no archive', Buffer.from('{"message":"later"}'), /GET .*no zip archive/, true],
    ['holds no JSON', zipped('<html>'), /records\.txt that/, true],
    ['is cut off within', zipped('[{"UniqueName":"PO1"},{'), /records\.txt that/, true],
    ['is a bomb', zipped(' '.repeat(30_000_000)), /30000000 bytes in records\.txt/, false],
  ])('refuses a file that %s', async (_what, body, words, retryable) => {
    const place = await submitted();
    const match = { path: `/${results}/\\w+/files//` };
    sandbox.faults.add({ vendor, kind: 'status', match, params: { status: 200, body } });
    const error = await failure(read(place), 'ERR_SOURCE_BAD_RESPONSE');
    expect(error.message).toMatch(words);
    expect(error.retryable).toBe(retryable);
    expect(idsOf(lines(await walk(orders, connection, whole, place))).toSorted()).toEqual(there());
  });

  it.each([
    ['a file elsewhere', { files: '../../x' }],
    ['a job elsewhere', { at: '../x' }],
    ['a token with a line break', { token: 'a\nb' }],
    ['a negative count', { again: -1 }],
    ['no slice', { start: 'x' }],
    ['another key', { x: 1 }],
    ['another window', { to: '2001-01-01T00:00:00.000Z' }],
  ])('refuses %s as a cursor, before any request', async (_what, wrong) => {
    const place = await submitted();
    sandbox.requests.clear();
    const error = await failure(
      Promise.resolve().then(() => orders.checkCursor({ ...place, ...wrong }, window)),
      'ERR_CURSOR_INVALID',
    );
    expect(error.retryable).toBe(false);
    await failure(read({ ...place, ...wrong }), 'ERR_CURSOR_INVALID');
    expect(sandbox.requests.counts()).toEqual([]);
  });
});
