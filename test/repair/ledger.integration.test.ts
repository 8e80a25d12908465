import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { baton as command } from '../cli/captured.js';
import { canaries, startBaton, type TestBaton } from '../setup/baton.js';
import { projectRoot } from '../setup/shared.js';

let baton: TestBaton;
const json = { 'content-type': 'application/json' };

const post = async (where: string, body: unknown) => {
  const init = { method: 'POST', headers: json, body: JSON.stringify(body) };
  return (await fetch(`${baton.sandbox.url}/_admin${where}`, init)).json() as Promise<never>;
};
const one = async (sql: string) =>
  (await baton.warehouseDatabase.knex.raw(sql)).rows[0] as Record<string, string>;
const cli = (...args: string[]) => command(args, { cwd: projectRoot, env: baton.env });
const nextSecond = () => new Promise((resolve) => setTimeout(resolve, 1_100)); // the vendor's clock has whole seconds
const loseControl = () => baton.database.knex.raw('DROP SCHEMA control CASCADE');
const loseWarehouse = () =>
  baton.warehouseDatabase.knex.raw('DROP SCHEMA raw, staging, analytics, quarantine CASCADE');

/** An open discrepancy with a ticket of its own that mending the order ends. */
const mendable = (at: number) =>
  one(
    `SELECT po_id FROM analytics.po_discrepancy WHERE state = 'open' AND rule = 'header_total' ORDER BY po_id OFFSET ${at} LIMIT 1`,
  );

async function ledger() {
  const { rows } = await baton.database.knex.raw(
    `SELECT key, state, marker, remote_id, body->>'subject' AS subject FROM control.effects
     WHERE kind = 'ticket.open' ORDER BY key`,
  );
  return rows as Record<string, string>[];
}
async function tickets() {
  const { rows } = await baton.database.knex.raw(
    'SELECT tenant, cause, episode, rule, connection, subject, state, remote_id FROM control.tickets ORDER BY cause, episode',
  );
  return rows;
}

beforeAll(async () => {
  baton = await startBaton({ time: 'real', records: 1_500, tenants: ['default'] });
  const first = await baton.run();
  expect(first.tickets.opened).toBeGreaterThan(50);
  // One is mended, and solved by us; one is solved by an agent although nothing is mended.
  await nextSecond();
  await post(`/orders/${(await mendable(0))['po_id']}/mend`, {});
  await nextSecond();
  expect((await baton.run()).tickets.resolved).toBe(1);
  const agent = (await baton.tickets()).find((ticket) => ticket.status !== 'solved');
  const basic = Buffer.from(`baton@example.com/token:${canaries.ZENDESK_API_TOKEN}`).toString('base64');
  await fetch(`${baton.sandbox.url}/zendesk/api/v2/tickets/${agent?.id}.json`, {
    method: 'PUT',
    headers: { ...json, authorization: `Basic ${basic}` },
    body: JSON.stringify({ ticket: { status: 'solved' } }),
  });
}, 180_000);
afterAll(() => baton?.stop());

describe('the ledger of a lost control database', () => {
  it('comes back from the desk: the same effects and tickets', async () => {
    const [effects, known] = [await ledger(), await tickets()];
    await loseControl();
    const done = await cli('rebuild', '--json');
    expect(done.code, done.stderr).toBe(0);
    const { data } = JSON.parse(done.stdout);
    expect(data.ledger).toMatchObject({
      found: effects.length,
      restored: effects.length,
      unknown: [],
      replanned: 0,
    });
    expect(await ledger()).toEqual(effects);
    expect(await tickets()).toEqual(known);
  });

  it('keeps the next run from opening any ticket again; a mended order solves its old one', async () => {
    const before = await baton.tickets();
    expect((await baton.run()).tickets).toEqual({ opened: 0, updated: 0, resolved: 0 });
    await post(`/orders/${(await mendable(0))['po_id']}/mend`, {});
    await nextSecond();
    expect((await baton.run()).tickets).toMatchObject({ opened: 0, resolved: 1 });
    const after = await baton.tickets();
    expect(after.map(({ id }) => id)).toEqual(before.map(({ id }) => id));
  });

  it('plans anew what was stored and not sent', async () => {
    baton.sandbox.faults.add({ vendor: 'zendesk', kind: 'status', count: null, params: { status: 503 } });
    const { po_id } = await mendable(0);
    await post(`/orders/${po_id}/mend`, {});
    await nextSecond();
    expect((await baton.run()).tickets.resolved).toBe(0);
    await loseControl();
    baton.sandbox.faults.clear();
    const done = await cli('rebuild', '--json');
    expect(JSON.parse(done.stdout).data.ledger).toMatchObject({ replanned: 1 });
    expect((await baton.run()).tickets).toMatchObject({ opened: 0, resolved: 1 });
  }, 90_000);

  it('comes back with the warehouse when both are lost', async () => {
    const [known, before] = [await tickets(), await baton.tickets()];
    await loseControl();
    await loseWarehouse();
    const done = await cli('rebuild', '--json');
    expect(done.code, done.stderr).toBe(0);
    expect(await tickets()).toEqual(known);
    expect((await baton.run()).tickets).toEqual({ opened: 0, updated: 0, resolved: 0 });
    await post(`/orders/${(await mendable(0))['po_id']}/mend`, {});
    await nextSecond();
    expect((await baton.run()).tickets).toMatchObject({ opened: 0, resolved: 1 });
    expect((await baton.tickets()).map(({ id }) => id)).toEqual(before.map(({ id }) => id));
  });
});
