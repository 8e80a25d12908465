import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { airbyte } from '../../src/connectors/airbyte/index.js';
import { fivetran } from '../../src/connectors/fivetran/index.js';
import type { OpenConnection, SyncDesk } from '../../src/connectors/port.js';
import { Secret } from '../../src/domain/secret.js';
import { airbyteApplication, airbyteConnections } from '../../src/sandbox/airbyte/vendor.js';
import { fivetranKey } from '../../src/sandbox/fivetran/vendor.js';
import type { Sandbox } from '../../src/sandbox/sandbox.js';
import { describeConnector } from './contract.js';
import { expectNoSecret, failure, openAgainst, sandboxForTests } from './support.js';

const settings = {
  airbyte: {
    auth: {
      clientId: airbyteApplication.clientId,
      clientSecret: new Secret(airbyteApplication.clientSecret),
    },
  },
  fivetran: {
    auth: { apiKey: new Secret(fivetranKey.apiKey), apiSecret: new Secret(fivetranKey.apiSecret) },
  },
} as const;

describeConnector(airbyte, {
  vendor: 'airbyte',
  settings: settings.airbyte,
  hasTokens: true,
  streams: {},
});
describeConnector(fivetran, {
  vendor: 'fivetran',
  settings: settings.fivetran,
  hasTokens: false,
  streams: {},
});

const systems = [
  { name: 'airbyte', connector: airbyte, id: airbyteConnections[0] ?? '', start: '/v1/jobs' },
  { name: 'fivetran', connector: fivetran, id: 'sandbox_orders', start: '/v1/connections' },
] as const;

describe.each(systems)('syncs of $name', ({ name, connector, id, start }) => {
  let sandbox: Sandbox;
  let connection: OpenConnection;
  const signal = new AbortController().signal;
  beforeAll(async () => {
    sandbox = await sandboxForTests(20);
    connection = openAgainst(
      { url: sandbox.url },
      { connector, vendor: name, settings: settings[name] },
      { timeoutMs: 300 },
    );
  });
  afterEach(() => {
    sandbox.faults.clear();
    sandbox.clock.shiftTo(sandbox.clock.offsetMs + 60_000);
    sandbox.settings.syncsFail = [];
  });
  afterAll(async () => {
    connection.close();
    await sandbox.close();
  });
  const desk = (): SyncDesk => connection.syncs ?? expect.unreachable();
  const ends = () => sandbox.clock.shiftTo(sandbox.clock.offsetMs + 60_000);

  it('stand as they do: none, one under way, one that has succeeded, one that has failed', async () => {
    expect(await desk().state(id, signal)).toEqual({
      isRunning: false,
      ended: null,
      succeededAt: null,
      hindrance: null,
    });
    expect(await desk().start(id, signal)).toMatchObject({ kind: 'confirmed' });
    expect(await desk().state(id, signal)).toMatchObject({ isRunning: true, ended: null });
    ends();
    const succeeded = await desk().state(id, signal);
    expect(succeeded).toMatchObject({ isRunning: false, ended: { outcome: 'succeeded' }, hindrance: null });
    const endsMs = sandbox[name].runs[0]?.endsMs ?? 0;
    expect(Math.abs(Date.parse(succeeded.succeededAt ?? '') - endsMs)).toBeLessThan(1_000);
    sandbox.settings.syncsFail = [id];
    await desk().start(id, signal);
    ends();
    const failed = await desk().state(id, signal);
    expect(failed).toMatchObject({
      isRunning: false,
      ended: { outcome: 'failed' },
      succeededAt: succeeded.succeededAt,
    });
    expect(failed.ended?.mark).not.toBe(succeeded.ended?.mark);
  });

  it.each([
    ['in the order that is asked for', true],
    ['oldest first whatever is asked for', false],
  ])(
    'stand as the newest does, however many there were before, %s',
    async (_order, isOrdered) => {
      sandbox.settings.airbyteOrders = isOrdered;
      for (let count = 0; count < 130; count += 1) {
        await desk().start(id, signal);
        ends();
      }
      const before = (await desk().state(id, signal)).ended?.mark;
      await desk().start(id, signal);
      expect(await desk().state(id, signal)).toMatchObject({ isRunning: true });
      ends();
      const { ended } = await desk().state(id, signal);
      expect(ended?.mark).not.toBe(before);
      sandbox.settings.airbyteOrders = true;
    },
    20_000,
  );

  it('are one at a time, whoever asks', async () => {
    const before = sandbox[name].runs.length;
    const all = await Promise.all([1, 2, 3].map(() => desk().start(id, signal)));
    expect(sandbox[name].runs.length).toBe(before + 1);
    for (const outcome of all) expect(['confirmed', 'refused', 'unknown']).toContain(outcome.kind);
    expectNoSecret(all);
  });

  it.each(['accept_then_reset', 'accept_then_500', 'hang'] as const)(
    'whose start is not known say so: %s',
    async (kind) => {
      sandbox.faults.add({ vendor: name, kind, match: { method: 'POST', path: start } });
      expect(await desk().start(id, signal)).toMatchObject({ kind: 'unknown' });
    },
  );

  it('are refused where there is none of this id, and where we are not known', async () => {
    await failure(desk().state('nowhere', signal), 'ERR_SOURCE_BAD_REQUEST');
    sandbox.faults.add({ vendor: name, kind: 'auth_dead', count: null });
    await failure(desk().state(id, signal), 'ERR_SOURCE_AUTH');
  });

  it('wait as long as they are asked to', async () => {
    sandbox.faults.add({
      vendor: name,
      kind: 'rate_limit',
      match: { method: 'GET' },
      params: { retryAfter: 7 },
    });
    const { options } = await failure(desk().state(id, signal), 'ERR_SOURCE_RATE_LIMITED');
    expect(options.retryAfterMs).toBe(7_000);
  });

  it('of an answer that is no such answer are none: it is said', async () => {
    sandbox.faults.add({ vendor: name, kind: 'html', match: { method: 'GET' } });
    await failure(desk().state(id, signal), 'ERR_SOURCE_BAD_RESPONSE');
  });
});
