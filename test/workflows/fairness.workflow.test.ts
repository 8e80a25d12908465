import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { choosePorts } from '../../src/cli/stack/ports.js';
import { temporalServer } from '../../src/cli/stack/temporal-server.js';
import { query } from '../../src/database/postgres.js';
import { startBaton, type TestBaton } from '../setup/baton.js';
import { serve, type TestServer, temporaryFolder } from '../setup/shared.js';
import { createBackfill } from './fan-outs.js';

const pipeline = 'po_data_pipeline';
const settings = {
  BATON_CONNECTIONS__COUPA__LIMITS__REQUESTS_PER_SECOND: '1000',
};

async function ended(baton: TestBaton, tenant: string): Promise<number> {
  const { rows } = await query<{ runs: number }>(
    baton.database.knex,
    'SELECT count(*)::int AS runs FROM control.runs WHERE tenant = :tenant AND ended_at IS NOT NULL',
    { tenant },
  );
  return rows[0]?.runs ?? 0;
}

describe('a tenant that starts 300 runs at once', () => {
  const noisy = 'a';
  const others = ['b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'];
  const each = 10;
  let baton: TestBaton;
  beforeAll(async () => {
    baton = await startBaton({ time: 'real', records: 10, tenants: [noisy, ...others], settings });
  });
  afterAll(() => baton?.stop());

  it('delays the others by what one of its runs at a time takes, on a server without fairness', async () => {
    await Promise.all(Array.from({ length: 300 }, () => baton.start({ pipeline, tenant: noisy })));
    const started = others.flatMap((tenant) =>
      Array.from({ length: each }, () => baton.start({ pipeline, tenant })),
    );
    const results = await Promise.all(started.map(async (id) => baton.result(await id)));
    const before = await ended(baton, noisy);
    expect(results.every(({ state }) => state === 'succeeded')).toBe(true);
    // All runs are alike: the others' last one comes this much later than it would have without the noisy tenant.
    const later = (results.length + before) / results.length;
    console.log(`fairness: ${before} runs of the noisy tenant had ended, ${later.toFixed(2)} x as late`);
    expect(later).toBeLessThanOrEqual(1.2);
  }, 180_000);
});

describe('on a server with fairness, a backfill of 60 intervals at once', () => {
  const served = ['large', 'small'];
  let server: TestServer;
  let baton: TestBaton;
  beforeAll(async () => {
    const { ports } = await choosePorts({ temporal: 0, ui: 0, postgres: 0, sandbox: 0, gateway: 0 });
    const dynamicConfig = [
      'matching.useNewMatcher=true',
      'matching.enableFairness=true',
      'matching.numTaskqueueReadPartitions=1',
      'matching.numTaskqueueWritePartitions=1',
    ];
    const spec = temporalServer({ program: inject('temporalPath'), port: ports.temporal, dynamicConfig });
    server = await serve(spec, temporaryFolder('temporal-fair'));
    const address = `127.0.0.1:${ports.temporal}`;
    baton = await startBaton({ time: 'real', address, records: 10, tenants: served, settings });
  }, 60_000);
  afterAll(async () => {
    await baton?.stop();
    await server?.stop();
  });

  it('leaves another tenant its share of the same queue', async () => {
    const day = 86_400_000;
    const to = new Date(Date.UTC(2026, 8, 30));
    const create = (tenant: string, intervals: number) =>
      createBackfill(
        baton,
        {
          pipeline,
          tenant,
          from: new Date(to.getTime() - (intervals - 1) * day),
          to,
          intervalMs: day,
          maxActive: intervals,
        },
        new Date(Date.UTC(2026, 9, 30)),
      );
    // Its tasks queue up while nobody takes them.
    await baton.dismiss('data');
    await create('large', 60);
    await expect.poll(() => begun(baton, 'large'), { timeout: 60_000, interval: 200 }).toBe(60);
    const small = await create('small', 6);
    await expect.poll(() => begun(baton, 'small'), { timeout: 60_000, interval: 200 }).toBe(6);
    await baton.hire('data');
    expect(await baton.client.workflow.getHandle(small.id).result()).toMatchObject({
      counts: { succeeded: 6 },
    });
    expect(await ended(baton, 'large')).toBeLessThan(30);
  }, 180_000);
});

/** Runs that wait for somebody who extracts. */
async function begun(baton: TestBaton, tenant: string): Promise<number> {
  const { rows } = await query<{ runs: number }>(
    baton.database.knex,
    `SELECT count(*)::int AS runs FROM control.runs WHERE tenant = :tenant AND state = 'running'`,
    { tenant },
  );
  return rows[0]?.runs ?? 0;
}
