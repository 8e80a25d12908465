import diagnostics from 'node:diagnostics_channel';
import type { ClientRequest } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { catalogue } from '../../src/protocol/errors.js';
import { startBaton, type TestBaton } from '../setup/baton.js';

const records = 2_600;
const orders = { method: 'GET', path: '/api/purchase_orders' } as const;

let baton: TestBaton;
beforeAll(async () => {
  baton = await startBaton({ time: 'real', records });
}, 120_000);
afterAll(() => baton?.stop());
afterEach(() => {
  baton.sandbox.faults.clear();
  baton.sandbox.requests.clear();
  baton.sandbox.clock.shiftTo(0);
});

/** Coupa's answers since the last test, by path below it. */
const answers = (path: string, outcome?: string) =>
  baton.sandbox.requests
    .counts()
    .filter((one) => one.vendor === 'coupa' && one.path.startsWith(path))
    .filter((one) => outcome === undefined || one.outcome === outcome)
    .reduce((sum, one) => sum + one.count, 0);
const ordersOf = async (tenant: string) => {
  const sql = `SELECT po_id, md5(raw::text) AS sum FROM analytics.po_fact WHERE _tenant = ? ORDER BY po_id`;
  return (await baton.warehouseDatabase.knex.raw(sql, [tenant])).rows;
};

describe('a token that expires in mid-extraction', () => {
  it('is fetched anew once, however many requests were refused with it', async () => {
    await baton.run({ tenant: 'undisturbed' });
    expect(answers('/oauth2/token')).toBe(1);
    baton.sandbox.requests.clear();
    const expiries = [12, 45, 75].map((skip) =>
      baton.sandbox.faults.add({ vendor: 'coupa', kind: 'token_expired', match: orders, skip }),
    );
    expect(await baton.run({ tenant: 'asked' })).toMatchObject({ state: 'succeeded' });
    expect(expiries.map(({ struck }) => struck)).toEqual([1, 1, 1]);
    expect(answers('/oauth2/token')).toBe(expiries.length);
    // More refusals than expiries: requests were on their way side by side.
    expect(answers('/api/', '401')).toBeGreaterThan(expiries.length);
    expect(await ordersOf('asked')).toEqual(await ordersOf('undisturbed'));
  });

  it('and that cannot be had anew fails the run by name, at once; the next run lacks nothing', async () => {
    const { faults } = baton.sandbox;
    const dead = faults.add({ vendor: 'coupa', kind: 'auth_dead', match: { path: '/oauth2/token' } });
    faults.add({ vendor: 'coupa', kind: 'token_expired', match: orders, skip: 12 });
    const began = performance.now();
    const id = await baton.start({ tenant: 'down' });
    await expect(baton.result(id)).rejects.toThrow(/coupa.*invalid_client|Client authentication failed/);
    expect(performance.now() - began).toBeLessThan(20_000);
    expect(await baton.row(id)).toMatchObject({
      state: 'failed',
      error: { code: catalogue.ERR_SOURCE_AUTH.code },
    });
    // At most once for each stream that was being read, not once for each request.
    expect(dead.struck).toBeLessThanOrEqual(6);
    faults.clear();
    expect(await baton.run({ tenant: 'down' })).toMatchObject({ state: 'succeeded' });
    expect(await ordersOf('down')).toEqual(await ordersOf('undisturbed'));
  });
});

describe('a Retry-After by the vendor’s clock', () => {
  it.each([
    ['four minutes behind ours', -240_000],
    ['four minutes ahead of ours', 240_000],
  ])('is waited for, not more and not less, where that is %s', async (_where, aheadMs) => {
    baton.sandbox.clock.shiftTo(aheadMs);
    baton.sandbox.faults.add({
      vendor: 'coupa',
      kind: 'rate_limit',
      match: { path: '/api/suppliers' },
      params: { retryAfter: 'date', seconds: 4 },
    });
    expect(await baton.run({ tenant: 'undisturbed' })).toMatchObject({
      state: 'succeeded',
    });
    const asked = baton.sandbox.requests
      .last()
      .filter(({ path }) => path.startsWith('/api/suppliers'))
      .map(({ at, outcome }) => ({ at: Date.parse(at), outcome }));
    expect(asked[0]?.outcome).toBe('429');
    const waitedMs = (asked[1]?.at ?? 0) - (asked[0]?.at ?? 0);
    // The date has whole seconds.
    expect(waitedMs).toBeGreaterThanOrEqual(3_000);
    expect(waitedMs).toBeLessThan(7_000);
  });
});

describe('a stream that is read in ranges', () => {
  it('has no more requests under way than the connection may, though there are more ranges', async () => {
    // Longer than the vendor's rate needs for more than four.
    baton.sandbox.faults.add({
      vendor: 'coupa',
      kind: 'slow_body',
      match: orders,
      params: { durationMs: 800 },
      count: null,
    });
    const open = new Set<ClientRequest>();
    let most = 0;
    const note = (message: unknown) => {
      const { request } = message as { request: ClientRequest };
      // Totals are another stream, which has a walk of its own.
      if (!request.path.includes(orders.path) || request.path.includes('fields=')) return;
      open.add(request);
      most = Math.max(most, open.size);
      request.once('close', () => open.delete(request));
    };
    diagnostics.subscribe('http.client.request.start', note);
    try {
      expect(await baton.run({ tenant: 'beside' })).toMatchObject({ state: 'succeeded' });
    } finally {
      diagnostics.unsubscribe('http.client.request.start', note);
    }
    expect(most).toBe(4);
  });
});
