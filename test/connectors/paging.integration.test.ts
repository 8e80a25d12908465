import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Cursor, OpenConnection, Page, Stream, Window } from '../../src/connectors/port.js';
import type { RestItem } from '../../src/sandbox/rest/store.js';
import { Draw } from '../../src/sandbox/rng.js';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.js';
import { openRest, styles } from './rest-streams.js';
import { canary, failure, lines, sandboxForTests, walk } from './support.js';

/**
 * Every paging style over the same records, which change while they are read. What must hold is computed from the
 * store alone: a record that was there from beginning to end was read, in a version no older than the one it had
 * when reading began, or it changed and so belongs to the next window.
 */
describe.each(Object.keys(styles))('paging by %s', (style) => {
  let sandbox: Sandbox;
  let connection: OpenConnection;
  let stream: Stream;
  const everything: Window = { from: null, to: '2100-01-01T00:00:00.000Z' };

  beforeAll(async () => {
    sandbox = await sandboxForTests(1);
    const opened = openRest(`${sandbox.url}/rest`);
    connection = opened.connection;
    stream = opened.stream(style);
  });
  afterAll(async () => {
    connection?.close();
    await sandbox?.close();
  });

  /** Reads page after page as extraction does, the cursor by way of the database; `between` happens between two. */
  async function read(
    window: Window,
    pageSize: number,
    between: () => void = () => {},
    from: Cursor | null = null,
  ): Promise<Page[]> {
    const pages: Page[] = [];
    let cursor = from;
    do {
      const page = await stream.readPage(connection, window, cursor, { pageSize });
      pages.push(page);
      cursor = page.next === null ? null : stream.checkCursor(JSON.parse(JSON.stringify(page.next)), window);
      between();
    } while (cursor !== null && pages.length < 400);
    expect(pages.length).toBeLessThan(400);
    return pages;
  }

  const itemsOf = (pages: readonly Page[]) => lines(pages).map((line) => JSON.parse(line) as RestItem);

  it.each([1, 2, 3, 7, 10, 119, 120, 121, 500])('reads everything once with pages of %i', async (size) => {
    const read120 = itemsOf(await read(everything, size));
    expect(read120.map(({ id }) => id)).toEqual(sandbox.rest.all().map(({ id }) => id));
  });

  it('reads a window that holds nothing in one page', async () => {
    const pages = await read({ from: null, to: '2001-01-01T00:00:00.000Z' }, 10);
    expect(pages).toHaveLength(1);
    expect(pages[0]).toMatchObject({ records: [], next: null });
  });

  it('cut at each page and resumed equals uncut, byte for byte', async () => {
    const pages = await read(everything, 10);
    const uncut = lines(pages);
    for (const [index, { next }] of pages.slice(0, -1).entries()) {
      const rest = await read(everything, 10, () => {}, next);
      expect([...lines(pages.slice(0, index + 1)), ...lines(rest)]).toEqual(uncut);
    }
  });

  it('loses no record, and none twice in one version, while records come, change and go', async () => {
    for (let seed = 1; seed <= 12; seed += 1) {
      const draw = new Draw(seed, 20);
      const pace = draw.int(1, 3);
      const before = new Map(sandbox.rest.all().map((item) => [item.id, item]));
      const changed = new Set<number>();
      const disturb = (): void => {
        for (let n = 0; n < pace; n += 1) {
          const items = sandbox.rest.all();
          const one = items[draw.int(0, items.length - 1)]?.id ?? 0;
          const what = draw.int(1, 10);
          if (what <= 4) sandbox.rest.insert();
          else if (what <= 7) changed.add(sandbox.rest.update(one)?.id ?? 0);
          else sandbox.rest.delete(one);
        }
      };
      const read1 = itemsOf(await read(everything, draw.int(12, 24), disturb));
      const newest = new Map<number, RestItem>();
      for (const item of read1)
        if ((newest.get(item.id)?.updated_at ?? '') <= item.updated_at) newest.set(item.id, item);
      const after = new Map(sandbox.rest.all().map((item) => [item.id, item]));
      for (const [id, item] of before) {
        if (!after.has(id)) continue;
        const got = newest.get(id);
        expect(got, `seed ${seed}: item ${id} was there all the time`).toBeDefined();
        expect((got?.updated_at ?? '') >= item.updated_at).toBe(true);
        if (!changed.has(id)) expect(got).toEqual(item);
      }
      const versions = read1.map((item) => JSON.stringify(item));
      // Counting may read again after it had to step back; merging counts those as duplicates.
      if (!isCounted(style)) expect(new Set(versions).size).toBe(versions.length);
    }
  });

  it('leaves to the next window what changed while this one was read, and nothing else', async () => {
    const draw = new Draw(7, 21);
    const to = new Date(sandbox.clock.ms()).toISOString();
    const disturb = (): void => {
      const ids = sandbox.rest.all().map(({ id }) => id);
      for (let n = 0; n < 3; n += 1) sandbox.rest.update(ids[draw.int(0, ids.length - 1)] ?? 0);
      sandbox.rest.insert();
      sandbox.rest.delete(ids[draw.int(0, ids.length - 1)] ?? 0);
    };
    const first = itemsOf(await read({ from: null, to }, 8, disturb));
    const second = itemsOf(await read({ from: to, to: '2100-01-01T00:00:00.000Z' }, 8));
    const merged = new Map([...first, ...second].map((item) => [item.id, item]));
    for (const item of sandbox.rest.all()) expect(merged.get(item.id), `item ${item.id}`).toEqual(item);
    expect(first.every(({ updated_at }) => updated_at < to)).toBe(true);
  });

  it('survives that all it has read is deleted, or that much comes before it', async () => {
    if (sandbox.rest.all().length < 120) for (let n = 0; n < 120; n += 1) sandbox.rest.insert();
    let pages = 0;
    const untouched = new Set(
      sandbox.rest
        .all()
        .slice(60)
        .map(({ id }) => id),
    );
    const read2 = itemsOf(
      await read(everything, 10, () => {
        pages += 1;
        if (pages === 3) for (const { id } of sandbox.rest.all().slice(0, 40)) sandbox.rest.delete(id);
      }),
    );
    const got = new Set(read2.map(({ id }) => id));
    expect([...untouched].filter((id) => !got.has(id))).toEqual([]);
  });

  it.each([
    ['garbage', 'garbage'],
    ['a list', []],
    ['nothing but a place', { at: '1' }],
    ['a line break', { at: 'a\r\nHost: b', to: everything.to, page: 1, mark: '0'.repeat(16) }],
    [
      'counts that are none',
      { at: '5', to: everything.to, size: -1, page: 0.5, back: 0, idle: 0, anchors: 'x', ends: '' },
    ],
    ['another window', { at: '1', to: '2099-01-01T00:00:00.000Z' }],
  ])('refuses %s as a cursor, before any request', async (_what, cursor) => {
    const count = () => sandbox.requests.counts().reduce((sum, one) => sum + one.count, 0);
    const before = count();
    await failure(stream.readPage(connection, everything, cursor as never, {}), 'ERR_CURSOR_INVALID');
    expect(count()).toBe(before);
  });
});

it.each(Object.keys(styles))(
  '%s reads 500 records of the same moment once each, over every border of a page',
  async (style) => {
    const moment = new Date('2030-01-01T00:00:00.000Z');
    const sandbox = await startSandbox({ port: 0, secrets: canary, records: 1, clock: () => moment });
    const { connection, stream } = openRest(`${sandbox.url}/rest`);
    const wanted = Array.from({ length: 500 }, () => sandbox.rest.insert().id);
    const window: Window = { from: moment.toISOString(), to: '2100-01-01T00:00:00.000Z' };
    const pages = await walk(stream(style), connection, { window, pageSize: 10 });
    const ids = lines(pages).map((line) => (JSON.parse(line) as RestItem).id);
    expect(ids.toSorted((a, b) => a - b)).toEqual(wanted);
    expect(pages.length).toBeGreaterThan(40);
    connection.close();
    await sandbox.close();
  },
);

/** For tokens, an address is a token like any other: it goes into a query parameter. */
it.each(['next_url', 'link_header'])(
  '%s refuses a stored address of another host, before any request',
  async (style) => {
    const sandbox = await sandboxForTests(1);
    const { connection, stream } = openRest(`${sandbox.url}/rest`);
    const window: Window = { from: null, to: '2100-01-01T00:00:00.000Z' };
    for (const at of ['http://127.0.0.1:1/x', '//127.0.0.1:1/x', '/\\\\127.0.0.1/x', '/a b']) {
      const cursor = { at, to: window.to, page: 1, mark: '0'.repeat(16) };
      await failure(stream(style).readPage(connection, window, cursor, {}), 'ERR_CURSOR_INVALID');
    }
    expect(sandbox.requests.counts()).toEqual([]);
    connection.close();
    await sandbox.close();
  },
);

function isCounted(style: string): boolean {
  return /^(offset|page)/.test(style);
}
