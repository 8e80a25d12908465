import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FaultKind } from '../../src/sandbox/faults.js';
import { expectOneTicketEach } from './invariants.js';
import { allTickets } from './picture.js';
import { createWorld, type World } from './world.js';

describe('a helpdesk that accepts tickets and does not say so', () => {
  let world: World;

  beforeAll(async () => {
    world = await createWorld({ records: 400, pipeline: { summaryAfter: 1_000 } });
    await world.startWorkers();
  }, 60_000);
  afterAll(() => world?.close());

  function strike(kind: FaultKind, more: { count: number | null; probability?: number; params?: object }) {
    const params = { ...more.params };
    return world.sandbox.faults.add({
      vendor: 'zendesk',
      kind,
      match: { method: 'POST', path: '/api/v2/tickets' },
      ...more,
      params,
    });
  }

  /** Orders whose header says a million more than their lines. */
  async function spoil(firstIndex: number, count: number): Promise<void> {
    await admin(world, 'clock', { advanceMs: 3_600_000 });
    const orders = await world.warehouseRows<{ po_id: string }>(
      `SELECT po_id FROM analytics.po_fact WHERE flags = '{}' AND status <> 'cancelled' ORDER BY po_id OFFSET $1 LIMIT $2`,
      [firstIndex, count],
    );
    expect(orders).toHaveLength(count);
    for (const { po_id } of orders) await admin(world, 'orders', { id: Number(po_id), total: '1000000.00' });
    await admin(world, 'clock', { advanceMs: 60_000 });
  }

  it('drops 30 % of its answers to more than 50 tickets: each is there once', async () => {
    const fault = strike('accept_then_reset', { count: null, probability: 0.3 });
    const result = await world.resultOf(await world.startRun());
    await world.settled();
    world.sandbox.faults.clear();
    expect(result.state).toBe('succeeded');
    expect(fault.struck).toBeGreaterThan(10);
    expect((await allTickets(world)).length).toBeGreaterThanOrEqual(50);
    await expectOneTicketEach(world);
  });

  it('commits 20 seconds after it dropped the connection: each is there once', async () => {
    const before = (await allTickets(world)).length;
    await spoil(0, 5);
    const fault = strike('accept_late_then_reset', { count: 4, params: { seconds: 20 } });
    await world.resultOf(await world.startRun());
    await world.settled();
    expect(fault.struck).toBe(4);
    expect((await allTickets(world)).length).toBeGreaterThanOrEqual(before + 5);
    await expectOneTicketEach(world);
  });

  it('says 500 after it accepted: each is there once', async () => {
    const before = (await allTickets(world)).length;
    await spoil(10, 5);
    const fault = strike('accept_then_500', { count: 4 });
    await world.resultOf(await world.startRun());
    await world.settled();
    expect(fault.struck).toBe(4);
    expect((await allTickets(world)).length).toBeGreaterThanOrEqual(before + 5);
    await expectOneTicketEach(world);
  });
});

async function admin(world: World, path: string, body: object): Promise<void> {
  const answer = await fetch(`${world.sandbox.url}/_admin/${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
}
