import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { choosePorts } from '../../src/cli/stack/ports.js';
import { readPart } from './picture.js';
import type { Program } from './program.js';
import { drawFor } from './seed.js';
import { until } from './wait.js';
import { createWorld, type World } from './world.js';

const kills = 20;
const perSecond = 100;
const outageSeconds = 60;
const outagePerSecond = 500;

/** A sender as vendors are: it sends a delivery again, with the same id, until it is acknowledged. */
function createSender(url: string, secret: string) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
  let again = 0;

  function once(path: string, body: string, headers: Record<string, string>): Promise<number> {
    return new Promise((resolve) => {
      const request = http.request(
        url + path,
        {
          method: 'POST',
          agent,
          headers: { 'content-type': 'application/json', ...headers },
          timeout: 10_000,
        },
        (answer) => {
          answer.resume();
          answer.on('end', () => resolve(answer.statusCode ?? 0));
          answer.on('error', () => resolve(0));
        },
      );
      request.on('timeout', () => request.destroy());
      request.on('error', () => resolve(0));
      request.end(body);
    });
  }

  return {
    /** How many were not acknowledged, and sent again. */
    again: () => again,
    async deliver(id: string, type: string): Promise<void> {
      const body = JSON.stringify({ type, data: { id } });
      for (;;) {
        const status = await once('/hooks/hooks', body, { 'x-baton-secret': secret, 'webhook-id': id });
        if (status === 202) return;
        if (status !== 0 && status !== 503) throw new Error(`${id} was answered ${status}`);
        again += 1;
        await sleep(200);
      }
    },
    alert: (body: string) => once('/hooks/monitor', body, { authorization: `Bearer ${secret}` }),
    close: () => agent.destroy(),
  };
}

const typeOf = (number: number) => (number % 10 === 0 ? 'noise' : 'order.changed');

describe('events', () => {
  let world: World;
  let gateway: Program;
  let worker: Program;
  let sender: ReturnType<typeof createSender>;

  beforeAll(async () => {
    world = await createWorld({ records: 20, events: true });
    const { ports } = await choosePorts({ temporal: 0, ui: 0, postgres: 0, sandbox: 0, gateway: 0 });
    ({ control: worker } = await world.startWorkers());
    gateway = world.gateway(ports.gateway);
    await gateway.start();
    sender = createSender(`http://127.0.0.1:${ports.gateway}`, world.secrets['HOOK_SECRET'] ?? '');
  }, 120_000);
  afterAll(async () => {
    sender?.close();
    await world?.close();
  });

  const nothingWaits = () =>
    until(
      'every event has ended, and is loaded',
      async () => {
        const [row] = await world.controlRows<{ n: number }>(
          `SELECT (SELECT count(*) FROM control.inbox WHERE state IN ('accepted', 'dispatched')
                     OR (lands AND landed_at IS NULL))::int
                + (SELECT count(*) FROM control.arrivals WHERE state = 'waiting')::int AS n`,
        );
        return row?.n === 0;
      },
      180_000,
      250,
    );

  /** Each event sent is there once: in the inbox, in the lake and in the warehouse, or filtered by its rule. */
  async function expectAccounted(prefix: string, sent: readonly number[]): Promise<void> {
    const ids = sent.map((number) => `${prefix}-${number}`).sort();
    const loaded = sent.filter((number) => typeOf(number) !== 'noise').map((number) => `${prefix}-${number}`);
    const rows = await world.controlRows<{ id: string; state: string }>(
      `SELECT delivery_id AS id, state FROM control.inbox WHERE state <> 'duplicate' AND delivery_id LIKE $1`,
      [`${prefix}-%`],
    );
    expect(rows.map(({ id }) => id).sort()).toEqual(ids);
    for (const { id, state } of rows)
      expect([id, state]).toEqual([
        id,
        typeOf(Number(id.split('-').at(-1))) === 'noise' ? 'filtered' : 'processed',
      ]);
    const warehouse = await world.warehouseRows<{ id: string }>(
      'SELECT delivery_id AS id FROM raw.hooks_events WHERE delivery_id LIKE $1',
      [`${prefix}-%`],
    );
    expect(warehouse.map(({ id }) => id).sort()).toEqual(loaded.sort());
    const parts = await world.controlRows<{ key: string }>(
      `SELECT p.key FROM control.parts p JOIN control.batches b USING (batch_id, generation) WHERE b.connection = 'hooks'`,
    );
    const landed = parts
      .flatMap(({ key }) => readPart(world, key))
      .map((line) => (JSON.parse(line) as { delivery_id: string }).delivery_id)
      .filter((id) => id.startsWith(`${prefix}-`));
    expect(landed.sort()).toEqual(loaded.sort());
  }

  /** Starts so many a second, whether or not those before were acknowledged, until it is told to stop. */
  function stream(prefix: string, rate: number) {
    const sent: number[] = [];
    const open: Promise<void>[] = [];
    let running = true;
    const startedAt = performance.now();
    const going = (async () => {
      while (running) {
        const due = Math.floor(((performance.now() - startedAt) / 1_000) * rate);
        while (sent.length < due) {
          const number = sent.length;
          sent.push(number);
          open.push(sender.deliver(`${prefix}-${number}`, typeOf(number)));
        }
        await sleep(10);
      }
      await Promise.all(open);
    })();
    return {
      async stop(): Promise<readonly number[]> {
        running = false;
        await going;
        return sent;
      },
    };
  }

  it('under load are all accounted for, once, when gateway and worker are killed twenty times', async () => {
    const draw = drawFor('events');
    const load = stream('killed', perSecond);
    for (let at = 0; at < kills; at += 1) {
      const victim = at % 2 === 0 ? gateway : worker;
      await sleep(draw.int(100, 900));
      await victim.kill();
      await victim.start();
    }
    const sent = await load.stop();
    expect(sent.length).toBeGreaterThan(kills * 50);
    // Some must have met a gateway that was gone.
    expect(sender.again()).toBeGreaterThan(0);
    await nothingWaits();
    await expectAccounted('killed', sent);
  }, 300_000);

  it('are taken while Temporal is away for a minute, and an alert among them gets its one ticket', async () => {
    const before = sender.again();
    await world.temporal.kill();
    const load = stream('away', outagePerSecond);
    const alert = {
      status: 'firing',
      labels: { alertname: 'Down', severity: 'critical', service: 'shop' },
      annotations: { summary: 'The shop is down' },
      startsAt: '2026-11-20T10:00:00Z',
      endsAt: '0001-01-01T00:00:00Z',
      fingerprint: 'f1',
    };
    const body = JSON.stringify({ version: '4', status: 'firing', groupKey: 'g', alerts: [alert] });
    for (let copy = 0; copy < 3; copy += 1)
      expect(await sender.alert(`${body}${' '.repeat(copy)}`)).toBe(202);
    await sleep(outageSeconds * 1_000);
    const sent = await load.stop();
    expect(sent.length).toBeGreaterThan(outageSeconds * outagePerSecond * 0.9);
    // Nothing that Temporal does is needed to take them.
    expect(sender.again()).toBe(before);
    await world.temporal.start();
    await nothingWaits();
    await expectAccounted('away', sent);
    await until('the alert has its ticket', () => world.sandbox.tickets.all().length === 1, 60_000, 250);
    await world.settled();
    expect(world.sandbox.tickets.all()).toHaveLength(1);
    expect(world.sandbox.slack.messages).toHaveLength(1);
  }, 400_000);
});
