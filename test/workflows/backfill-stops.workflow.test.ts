import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { tellFanOut } from '../../src/client/fan-outs.js';
import type { FanOutChange } from '../../src/control/fan-outs.js';
import { query } from '../../src/database/postgres.js';
import { startBaton, type TestBaton } from '../setup/baton.js';
import { createBackfill } from './fan-outs.js';

const orders = { path: '/api/purchase_orders' } as const;
const records = 300;
const intervals = 20;

/** In real time: what is promised here is how long things take. */
describe('a backfill under way', () => {
  let baton: TestBaton;
  let range: { from: Date; to: Date; intervalMs: number };
  beforeAll(async () => {
    baton = await startBaton({ time: 'real', records });
    const { updated } = baton.sandbox.coupa.store.purchase_orders;
    const times = updated.filter((time) => time !== null).map(Number);
    const first = Math.floor(Math.min(...times) / 60_000) * 60_000;
    const intervalMs = Math.ceil((Math.max(...times) + 1 - first) / intervals / 60_000) * 60_000;
    range = { from: new Date(first), to: new Date(first + (intervals - 1) * intervalMs), intervalMs };
  }, 120_000);
  afterAll(() => baton?.stop());
  afterEach(() => baton.sandbox.faults.clear());

  const create = (tenant: string, maxActive: number) =>
    createBackfill(baton, { ...range, tenant, maxActive }, new Date(range.to.getTime() + range.intervalMs));
  /** As `baton backfill pause`, `resume` and `cancel` do it. */
  async function change(id: string, what: FanOutChange): Promise<void> {
    expect(await baton.deps.fanOuts.change(id, what, false)).toBe(true);
    await tellFanOut(baton.client, id);
  }
  /** Each page of orders takes this long. */
  const slow = (durationMs: number) =>
    baton.sandbox.faults.add({
      vendor: 'coupa',
      kind: 'slow_body',
      // Not the call for the vendor's clock, which goes to the same list.
      match: { ...orders, query: 'order_by' },
      count: null,
      params: { durationMs },
    });
  async function states(id: string): Promise<Readonly<Record<string, number>>> {
    const { rows } = await query<{ state: string; n: number }>(
      baton.database.knex,
      'SELECT state, count(*)::int AS n FROM control.fan_out_items WHERE fan_out_id = :id GROUP BY 1',
      { id },
    );
    return Object.fromEntries(rows.map(({ state, n }) => [state, n]));
  }
  const requests = () => baton.sandbox.requests.counts().reduce((sum, { count }) => sum + count, 0);
  const runsOf = async (runs: readonly string[]) => Promise.all(runs.map((run) => baton.row(run)));

  it('is cancelled within five seconds, in the middle of its runs’ pages, and asks the vendor for nothing more', async () => {
    slow(8_000);
    const { id, runs } = await create('cancelled', 3);
    await vi.waitFor(async () => expect((await states(id))['running']).toBe(3), {
      timeout: 20_000,
      interval: 100,
    });
    await vi.waitFor(
      async () => {
        const { rowCount } = await query(
          baton.database.knex,
          `SELECT FROM control.steps WHERE run_id = ANY (string_to_array(:runs, ' ')) AND step_id = 'extract_orders' AND state = 'running'`,
          { runs: runs.join(' ') },
        );
        expect(rowCount).toBeGreaterThan(0);
      },
      { timeout: 60_000, interval: 100 },
    );
    const askedAt = performance.now();
    await change(id, 'cancel');
    await expect(baton.client.workflow.getHandle(id).result()).rejects.toThrow();
    expect(performance.now() - askedAt).toBeLessThan(5_000);
    const rows = (await runsOf(runs)).filter((row) => row != null);
    expect(rows.length).toBe(3);
    expect(rows.map((row) => row?.state)).toEqual(['cancelled', 'cancelled', 'cancelled']);
    const asked = requests();
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(requests()).toBe(asked);
    expect((await states(id))['waiting'] ?? 0).toBe(0);
  }, 90_000);

  it('that is paused finishes what runs and starts nothing; resumed, it reads each interval once', async () => {
    const { id, runs } = await create('left', 2);
    await vi.waitFor(async () => expect((await states(id))['succeeded']).toBeGreaterThan(1), {
      timeout: 30_000,
      interval: 50,
    });
    await change(id, 'pause');
    await vi.waitFor(async () => expect((await states(id))['running'] ?? 0).toBe(0), {
      timeout: 20_000,
      interval: 100,
    });
    const before = await states(id);
    expect(before['succeeded']).toBeLessThan(intervals);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(await states(id)).toEqual(before);

    await change(id, 'resume');
    await baton.client.workflow.getHandle(id).result();
    expect(await states(id)).toEqual({ succeeded: intervals });
    expect((await runsOf(runs)).map((row) => row?.attempt)).toEqual(runs.map(() => 1));
  }, 120_000);

  it('leaves live runs as fresh as they are without it', async () => {
    const timed = async (tenant: string) => {
      const startedAt = performance.now();
      expect(await baton.run({ tenant })).toMatchObject({ state: 'succeeded' });
      return performance.now() - startedAt;
    };
    await timed('undisturbed');
    const alone = median([
      await timed('undisturbed'),
      await timed('undisturbed'),
      await timed('undisturbed'),
    ]);
    slow(200);
    const { id } = await create('brief', 4);
    await vi.waitFor(async () => expect((await states(id))['running']).toBe(4), {
      timeout: 20_000,
      interval: 100,
    });
    const done = async () => (await states(id))['succeeded'] ?? 0;
    const beside: number[] = [];
    const ended: number[] = [];
    for (let live = 0; live < 3; live += 1) {
      const before = await done();
      beside.push(await timed('undisturbed'));
      ended.push((await done()) - before);
    }
    expect((await states(id))['running']).toBeGreaterThan(0);
    // Measured in runs of the backfill, which share the machine: as long as one of them, of which four were under way.
    expect(median(ended)).toBeLessThanOrEqual(2 * 4);
    await change(id, 'cancel');
    await expect(baton.client.workflow.getHandle(id).result()).rejects.toThrow();
    console.log(
      `a live run alone ${Math.round(alone)} ms, beside a backfill ${Math.round(median(beside))} ms, in which ${ended.join(', ')} of its runs ended`,
    );
  }, 120_000);
});

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
