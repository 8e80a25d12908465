import { describe, expect, it } from 'vitest';
import { slicedPaginator } from '../../src/connectors/ariba/slices.js';
import type { Cursor, Window } from '../../src/connectors/port.js';
import { BatonError } from '../../src/protocol/errors.js';

const window: Window = { from: '2026-03-01T00:00:00.000Z', to: '2026-03-01T00:10:00.000Z' };

/** A vendor that gives no more than `most` of the changes in a query, three a page, and does not say so. */
function walk(changedAt: readonly number[], most: number, within = window) {
  const paginator = slicedPaginator('orders', {
    since: '2026-01-01T00:00:00Z',
    longestMs: 300_000,
    mostRecords: most,
  });
  const reading = { window: within, size: 3 };
  const read: number[] = [];
  const slices: string[] = [];
  let cursor: Cursor | null = null;
  do {
    const { query } = paginator.ask(
      cursor && paginator.check(JSON.parse(JSON.stringify(cursor)), within),
      reading,
    );
    const { updatedDateFrom, updatedDateTo } = JSON.parse(String(query['filters']));
    if (query['pageToken'] === undefined) slices.push(`${updatedDateFrom} ${updatedDateTo}`);
    const found = changedAt
      .filter((ms) => ms >= Date.parse(updatedDateFrom) && ms <= Date.parse(updatedDateTo))
      .slice(0, most);
    const from = Number(query['pageToken'] ?? 0);
    const shown = found.slice(from, from + 3);
    read.push(...shown);
    const envelope = new Map(from + 3 < found.length ? [['PageToken', String(from + 3)]] : []);
    const page = {
      records: shown.map((ms) => Buffer.from(String(ms))),
      envelope,
      headers: {},
      baseUrl: 'http://x',
      path: '/',
    };
    cursor = paginator.take(cursor, page, reading).next;
  } while (cursor !== null && slices.length < 100);
  return { read, slices };
}

const startMs = Date.parse('2026-03-01T00:00:00Z');

describe('slices of a window', () => {
  it('follow one another without a gap and end with the window', () => {
    const { slices } = walk([], 100);
    expect(slices).toEqual([
      '2026-03-01T00:00:00Z 2026-03-01T00:05:00Z',
      '2026-03-01T00:05:00Z 2026-03-01T00:10:00Z',
    ]);
  });

  it('begin where a read from the beginning does, on whole seconds that hold the whole window', () => {
    const { slices } = walk([], 100, { from: null, to: '2026-01-01T00:03:00.250Z' });
    expect(slices).toEqual(['2026-01-01T00:00:00Z 2026-01-01T00:03:01Z']);
    const cut = walk([], 100, { from: '2026-03-01T00:00:00.900Z', to: '2026-03-01T00:00:02.000Z' });
    expect(cut.slices).toEqual(['2026-03-01T00:00:00Z 2026-03-01T00:00:02Z']);
  });

  it('are halved until none holds as many records as a query gives', () => {
    // One a second, two hundred of them at the end of the window: far more than ten.
    const changedAt = Array.from({ length: 200 }, (_, at) => startMs + 400_000 + at * 1_000);
    const { read } = walk(changedAt, 10);
    expect([...new Set(read)].toSorted((a, b) => a - b)).toEqual(changedAt);
  });

  it('end in an error, and not in a loss, where one second holds more than a query gives', () => {
    const changedAt = Array.from({ length: 20 }, () => startMs + 61_000);
    expect(() => walk(changedAt, 10)).toThrow(BatonError);
    expect(() => walk(changedAt, 10)).toThrow(/in the second of 2026-03-01T00:01:0/);
  });

  it.each([
    ['of a fresh slice with half of a page’s keys', { at: '-', page: 1 }],
    ['of a page without its count', { at: 'abc', mark: '0'.repeat(16) }],
    ['with a start that is none', { at: '-', start: 'x' }],
    ['that ends before it starts', { at: '-', start: '2026-03-01T00:09:00Z' }],
    ['with a count that is none', { at: '-', seen: -1 }],
  ])('refuse a cursor %s', (_what, more) => {
    const paginator = slicedPaginator('orders', { since: '', longestMs: 1, mostRecords: 1 });
    const whole = { to: window.to, start: '2026-03-01T00:00:00Z', end: '2026-03-01T00:05:00Z', seen: 0 };
    expect(() => paginator.check({ at: '-', ...whole }, window)).not.toThrow();
    expect(() => paginator.check({ ...whole, ...more }, window)).toThrow(/unreadable/);
  });
});
