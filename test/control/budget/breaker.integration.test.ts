import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../chaos/wait.js';
import { openCrew, quickBreaker } from './crew.js';

const key = { connection: 'coupa', tenant: '*' };
const nothing = { ok: 0, failed: 0, trailing: 0, probe: null, error: null, reading: null };

describe('the breaker that all workers share', () => {
  let crew: Awaited<ReturnType<typeof openCrew>>;
  beforeAll(async () => {
    crew = await openCrew();
  });
  afterAll(() => crew?.close());
  beforeEach(async () => {
    await crew.control.knex('control.budgets').delete();
    crew.arrivals.length = 0;
  });

  const state = async () => (await crew.store.all())[0];

  it('spares a vendor that is down: four processes make one probe an interval between them, and go on when it is back', async () => {
    const readers = await Promise.all(
      Array.from({ length: 4 }, () => crew.reader({ rate: null, requestClass: 'live', loops: 2 })),
    );
    for (const reader of readers) reader.begin();
    await until('all is well', () => crew.arrivals.length > 50);
    crew.sandbox.faults.add({
      vendor: 'coupa',
      kind: 'status',
      match: { path: '/api/' },
      count: null,
      params: { status: 503 },
    });
    await until('the breaker opens', async () => (await state())?.state !== 'closed');
    await sleep(500); // what was on its way
    const down = crew.arrivals.length;
    await sleep(6_000);
    const probes = crew.arrivals.slice(down);
    const gaps = probes.slice(1).map(({ atMs }, at) => atMs - (probes[at]?.atMs ?? 0));
    console.log(`breaker: ${probes.length} probes in 6 s, at least ${Math.min(...gaps)} ms apart`);
    expect(probes.length).toBeGreaterThanOrEqual(3);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(quickBreaker.openMs);
    expect(new Set(probes.map(({ outcome }) => outcome))).toEqual(new Set(['503']));
    expect((await state())?.outage).toBe(1);

    crew.sandbox.faults.clear();
    const back = crew.arrivals.length;
    await until('it is found to be back', async () => (await state())?.state === 'closed', 10_000);
    await until('all go on', () => crew.arrivals.length > back + 50, 10_000);
    await crew.dismiss();
  });

  it('opens after five failures in a row of whomever, and not when one succeeded between them', async () => {
    await crew.store.declare(key, '', null, quickBreaker);
    for (let n = 0; n < 4; n += 1) await crew.store.report(key, { ...nothing, failed: 1, trailing: 1 });
    await crew.store.report(key, { ...nothing, ok: 1 });
    for (let n = 0; n < 4; n += 1) await crew.store.report(key, { ...nothing, failed: 1, trailing: 1 });
    expect((await state())?.state).toBe('closed');
    await crew.store.report(key, { ...nothing, failed: 1, trailing: 1, error: 'GET /x answered 503' });
    expect(await state()).toMatchObject({ state: 'open', outage: 1, last_error: 'GET /x answered 503' });
    expect(await crew.store.outage(key)).toMatchObject({ state: 'open', number: 1 });
  });

  it('opens when half of many fail, though never five in a row', async () => {
    await crew.store.declare(key, '', null, quickBreaker);
    for (let n = 0; n < 9; n += 1) {
      await crew.store.report(key, { ...nothing, ok: 1 });
      await crew.store.report(key, { ...nothing, failed: 1, trailing: 1 });
    }
    expect((await state())?.state).toBe('closed'); // eighteen are too few to say
    await crew.store.report(key, { ...nothing, ok: 1 });
    await crew.store.report(key, { ...nothing, failed: 1, trailing: 1 });
    expect((await state())?.state).toBe('open');
  });

  it('gives one probe to one worker, takes no word of a former one, and gives it again when it is not heard of', async () => {
    await crew.store.declare(key, '', null, { ...quickBreaker, openMs: 100, probeMs: 400 });
    await crew.store.report(key, { ...nothing, failed: 5, trailing: 5 });
    const ask = () => crew.store.acquire(key, '', 'live', 4);
    expect(await ask()).toMatchObject({ granted: 0, reason: 'breaker', state: 'open' });
    await sleep(120);
    const many = await Promise.all(Array.from({ length: 8 }, ask));
    const [probe, ...others] = many.filter((one) => one?.granted !== 0);
    expect(others).toEqual([]);
    expect(probe).toMatchObject({ granted: 1, probe: 1 });
    await sleep(450); // frozen, or killed
    expect(await ask()).toMatchObject({ granted: 1, probe: 2 });
    await crew.store.report(key, { ...nothing, ok: 1, probe: 1 });
    expect((await state())?.state).toBe('half_open');
    await crew.store.report(key, { ...nothing, failed: 1, probe: 2, error: 'no' });
    const again = await state();
    expect(again?.state).toBe('open');
    expect(again?.probe_in_ms).toBeGreaterThan(120); // twice as long as before
    await sleep(210);
    expect(await ask()).toMatchObject({ probe: 3 });
    await crew.store.report(key, { ...nothing, ok: 1, probe: 3 });
    expect(await ask()).toMatchObject({ granted: 4, probe: null, state: 'closed' });
  });

  it('tells an outage in the name of the first run that asks, whoever asks', async () => {
    await crew.store.declare(key, '', null, quickBreaker);
    await crew.store.report(key, { ...nothing, failed: 5, trailing: 5 });
    const [a, b] = [
      { runId: 'run/a', tenant: 'a' },
      { runId: 'run/b', tenant: 'b' },
    ];
    const claims = await Promise.all([a, b, a, b].map((run) => crew.store.claimAlert('coupa', 1, run)));
    expect(new Set(claims.map((claim) => claim?.runId)).size).toBe(1);
    expect(await crew.store.claimAlert('coupa', 2, a)).toBeNull();
  });

  it('keeps backfill from the last quarter of what the vendor says is left, and all from nothing', async () => {
    await crew.store.declare(key, '', null, quickBreaker);
    const left = (remaining: number) =>
      crew.store.report(key, { ...nothing, ok: 1, reading: { size: 100, remaining, resetsInMs: 5_000 } });
    await left(20);
    expect(await crew.store.acquire(key, '', 'backfill', 1)).toMatchObject({ granted: 0, reason: 'reserve' });
    expect(await crew.store.acquire(key, '', 'live', 1)).toMatchObject({ granted: 1 });
    await left(0);
    expect(await crew.store.acquire(key, '', 'live', 1)).toMatchObject({ granted: 0, reason: 'reserve' });
  });
});
