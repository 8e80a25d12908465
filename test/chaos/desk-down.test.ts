import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ringDrainer } from '../../src/client/drainers.js';
import type { LoggedRequest } from '../../src/sandbox/request-log.js';
import { mostInWindow } from '../control/budget/crew.js';
import { createWorld, type World } from './world.js';

const tenants = ['a', 'b', 'c', 'd'];
const workers = 4;
const pending = 500;
/** As in production, scaled down: 30 s to 5 min there. */
const openMs = 500;
const longestOpenMs = 2_000;
const perMinute = 480;
const watchedMs = 12_000;

/** All requests that the desk has seen, as its own log has them. */
function watchDesk(world: World) {
  const seen: LoggedRequest[] = [];
  const collect = () => {
    for (const request of world.sandbox.requests.last()) if (request.vendor === 'zendesk') seen.push(request);
    world.sandbox.requests.clear();
  };
  const timer = setInterval(collect, 100);
  return {
    since(ms: number): readonly number[] {
      collect();
      return seen.map(({ at }) => Date.parse(at)).filter((at) => at >= ms);
    },
    stop: () => clearInterval(timer),
  };
}

/** Has every drainer look again and again, as if there were always something new: it is the breaker that spares the desk. */
function ringAllTheTime(world: World) {
  const stopping = new AbortController();
  const ringing = (async () => {
    const connection = await Connection.connect({ address: world.temporal.address });
    const client = new Client({ connection });
    while (!stopping.signal.aborted) {
      await Promise.all(tenants.map((tenant) => ringDrainer(client, { connection: 'zendesk', tenant })));
      await sleep(200);
    }
    await connection.close();
  })();
  return {
    async stop() {
      stopping.abort();
      await ringing;
    },
  };
}

describe('a helpdesk that is down, with hundreds of tickets for it and four workers', () => {
  let world: World;
  beforeAll(async () => {
    world = await createWorld({
      records: 140,
      tenants,
      pipeline: { threshold: '1', summaryAfter: 10_000, schedule: { paused: true } },
      deskLimits: { requestsPerMinute: perMinute, breaker: { openMs, longestOpenMs } },
    });
  }, 120_000);
  afterAll(() => world?.close());

  it('is asked once an interval, told of once, and drained in order within its limit, each ticket once', async () => {
    const { sandbox } = world;
    sandbox.faults.add({ vendor: 'zendesk', kind: 'status', count: null, params: { status: 503 } });
    const desk = watchDesk(world);
    const senders = Array.from({ length: workers }, (_, at) =>
      world.worker('control', `worker-control-${at}`),
    );
    await Promise.all([...senders, world.worker('data')].map((program) => program.start()));
    const runs = await Promise.all(tenants.map((tenant) => world.startRun(tenant)));
    const results = await Promise.all(runs.map((run) => world.resultOf(run)));
    expect(results.map(({ state }) => state)).not.toContain('failed');
    const waiting = async () =>
      (
        await world.controlRows<{ n: number }>(
          `SELECT count(*)::int AS n FROM control.effects WHERE kind = 'ticket.open' AND state NOT IN ('confirmed', 'dead')`,
        )
      )[0]?.n ?? 0;
    const tickets = await waiting();
    expect(tickets).toBeGreaterThanOrEqual(pending);

    // Once the breaker has come to its longest interval, at most one probe in each.
    const eager = ringAllTheTime(world);
    await sleep(4_000);
    const from = Date.now();
    await sleep(watchedMs);
    const probes = desk.since(from);
    expect(probes.length).toBeGreaterThan(watchedMs / longestOpenMs / 2);
    expect(probes.length).toBeLessThanOrEqual(watchedMs / longestOpenMs + 1);
    for (const [at, probe] of probes.entries())
      if (at > 0) expect(probe - (probes[at - 1] ?? 0)).toBeGreaterThan(longestOpenMs * 0.9);
    expect(await waiting()).toBe(tickets);

    const back = Date.now();
    sandbox.faults.clear();
    await world.settled(180_000);
    await eager.stop();
    const drained = desk.since(back);
    const took = Date.now() - back;
    desk.stop();
    const busiest = mostInWindow(drained, 60_000);
    console.log(
      `chaos: ${tickets} tickets waited; ${probes.length} probes in ${watchedMs / 1_000} s; drained in ${took} ms, at most ${busiest} requests in a minute of ${perMinute}`,
    );
    expect(busiest).toBeLessThanOrEqual(perMinute);

    const opened = await world.controlRows<{
      key: string;
      marker: string;
      tenant: string;
      remote: number;
      tried: boolean;
    }>(
      `SELECT key, marker, tenant, remote_id::int AS remote, attempts > 1 AS tried FROM control.effects
       WHERE kind = 'ticket.open' AND state = 'confirmed' ORDER BY created_at, key`,
    );
    expect(opened).toHaveLength(tickets);
    const there = sandbox.tickets.all().map(({ externalId }) => externalId);
    expect(there.toSorted()).toEqual(opened.map(({ marker }) => marker).toSorted());
    // Those that were not tried in vain meanwhile, in the order in which they were intended; four are sent at once.
    for (const tenant of tenants) {
      const inOrder = opened.filter((one) => one.tenant === tenant && !one.tried).map(({ remote }) => remote);
      expect(inOrder.length).toBeGreaterThan(pending / tenants.length / 2);
      const byRemote = inOrder.toSorted((a, b) => a - b);
      for (const [at, remote] of inOrder.entries())
        expect(Math.abs(byRemote.indexOf(remote) - at)).toBeLessThanOrEqual(4);
    }

    await world.settled();
    const told = ((await (await fetch(`${sandbox.url}/_admin/messages`)).json()) as { text: string }[]).map(
      ({ text }) => text,
    );
    expect(told.filter((text) => text.includes('zendesk is down'))).toHaveLength(1);
    expect(told).toHaveLength(1);
  }, 400_000);
});
