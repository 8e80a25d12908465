import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { frankfurter } from '../../src/connectors/frankfurter/index.js';
import { rates } from '../../src/connectors/frankfurter/rates.js';
import type { OpenConnection } from '../../src/connectors/port.js';
import type { Sandbox } from '../../src/sandbox/sandbox.js';
import { describeConnector } from './contract.js';
import { lines, openAgainst, sandboxForTests, walk } from './support.js';

describeConnector(frankfurter, {
  vendor: 'rates',
  settings: {},
  hasTokens: false,
  streams: {
    rates: {
      window: { from: null, to: '2026-06-12T00:00:00.000Z' },
      pageSize: 7,
      parameters: { base: 'USD', from: '2026-05-01', to: '2026-06-10' },
      path: '/v1/',
      recordsUnder: 'series',
      canBeEndless: false,
    },
  },
});

describe('a range of rates that an absurd order date has stretched', () => {
  let sandbox: Sandbox;
  let connection: OpenConnection;
  beforeAll(async () => {
    sandbox = await sandboxForTests(1);
    connection = openAgainst(sandbox, { connector: frankfurter, vendor: 'rates', settings: {} });
  });
  afterAll(async () => {
    connection?.close();
    await sandbox?.close();
  });

  const window = { from: null, to: '2026-06-12T10:00:00.000Z' };
  async function daysOf(from: string, to: string): Promise<{ first: string; last: string; pages: number }> {
    const pages = await walk(rates, connection, { window, pageSize: 90, parameters: { from, to } });
    const days = lines(pages).map((line) => (JSON.parse(line) as { date: string }).date);
    return { first: days[0] ?? '', last: days.at(-1) ?? '', pages: pages.length };
  }

  it('begins with the first rates that there are', async () => {
    const { first, last, pages } = await daysOf('0201-12-22', '1999-06-01');
    expect({ first, last }).toEqual({ first: '1999-01-04', last: '1999-06-01' });
    expect(pages).toBe(2);
  });

  it('ends with the window', async () => {
    expect(await daysOf('2026-05-04', '2099-01-01')).toEqual({
      first: '2026-05-04',
      last: '2026-06-12',
      pages: 1,
    });
  });

  it.each([
    ['before all rates', '0201-12-22', '0202-01-01'],
    ['after the window', '2098-12-22', '2099-01-01'],
    ['but for a day that may be a holiday', '2026-06-12', '2026-06-21'],
  ])('is the window’s last fortnight when nothing is left of it: %s', async (_, from, to) => {
    expect(await daysOf(from, to)).toEqual({ first: '2026-05-29', last: '2026-06-12', pages: 1 });
  });
});
