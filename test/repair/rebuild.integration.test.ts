import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { baton as command } from '../cli/captured.js';
import { startBaton, type TestBaton } from '../setup/baton.js';
import { projectRoot } from '../setup/shared.js';

let baton: TestBaton;
let folder: string;
const json = { 'content-type': 'application/json' };

const admin = async (where: string, body?: unknown) => {
  const init = body === undefined ? {} : { method: 'POST', headers: json, body: JSON.stringify(body) };
  return (await fetch(`${baton.sandbox.url}/_admin${where}`, init)).json() as Promise<never>;
};
const rows = async <R>(sql: string) => (await baton.warehouseDatabase.knex.raw(sql)).rows as R[];
const cli = (...args: string[]) => command(args, { cwd: projectRoot, env: baton.env });
const nextSecond = () => new Promise((resolve) => setTimeout(resolve, 1_100)); // the vendor's clock has whole seconds

/** Each table's rows as text, read with nothing of ours; what says when and by which run a row came is left out. */
async function picture(): Promise<Record<string, string>> {
  const wanted = {
    orders: `SELECT po_id, po_number, status, supplier_name, total, total_usd, fx_rate, fx_date, flags::text, updated_at, raw::text FROM analytics.po_fact`,
    lines: `SELECT po_id, line_id, price, quantity, total, accounts::text FROM analytics.po_line_fact`,
    suppliers: `SELECT supplier_id, name, status, esg_rating, raw::text FROM raw.coupa_suppliers`,
    invoices: `SELECT invoice_id, raw::text FROM raw.coupa_invoices`,
    customers: `SELECT account_id, raw::text FROM raw.salesforce_accounts`,
    rates: `SELECT rate_date, base, rates::text FROM raw.rates_fx`,
    quarantine: `SELECT record_id, rule, path, state, raw FROM quarantine.records`,
    watermarks: `SELECT connection, stream, tenant, value FROM raw._baton_watermarks`,
    discrepancies: `SELECT po_id, rule, episode, state, ticket_cause, ticket_episode, planned_state FROM analytics.po_discrepancy`,
  };
  const seen: Record<string, string> = {};
  for (const [name, sql] of Object.entries(wanted)) {
    const lines = (await rows<Record<string, unknown>>(sql)).map((row) => JSON.stringify(row)).sort();
    expect([name, lines.length > 0]).toEqual([name, true]);
    seen[name] = `${lines.length} ${createHash('sha256').update(lines.join('\n')).digest('hex')}`;
  }
  return seen;
}

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'baton-rebuild-'));
  baton = await startBaton({ time: 'real', records: 800, tenants: ['default'] });
  await baton.run();
  // An order is mended, one gets a defect, a supplier gets a name and a new field, one a new version; then everything once more.
  const [flagged] = await rows<{ po_id: string }>(
    `SELECT po_id FROM analytics.po_fact WHERE 'header_total' = ANY (flags) ORDER BY 1 LIMIT 1`,
  );
  const [plain] = await rows<{ po_id: string; supplier_id: string }>(
    `SELECT po_id, supplier_id FROM analytics.po_fact WHERE flags = '{}' ORDER BY 1 LIMIT 1`,
  );
  await nextSecond();
  await admin(`/orders/${flagged?.po_id}/mend`, {});
  await admin('/suppliers', { id: Number(plain?.supplier_id), name: 'Umbenannt GmbH', 'esg-rating': 'B' });
  await admin('/orders', { id: Number(plain?.po_id), status: 'who_knows' });
  await nextSecond();
  await baton.run();
  await admin('/orders', { id: Number(plain?.po_id), status: 'closed', version: 2 });
  await nextSecond();
  await baton.run();
  await baton.run({ fullRefresh: true });
}, 180_000);
afterAll(async () => {
  await baton?.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe('baton rebuild', () => {
  let before: Record<string, string>;
  const expected = () => path.join(folder, 'before.json');

  it('says what the lake holds and what the tables are, and changes nothing', async () => {
    before = await picture();
    const dry = await cli('rebuild', '--dry-run', '--json');
    writeFileSync(expected(), dry.stdout);
    const { data } = JSON.parse(dry.stdout);
    expect(data.batches).toBeGreaterThan(10);
    expect(data.tables.map(({ table }: { table: string }) => table)).toContain('analytics.po_fact');
    expect(await picture()).toEqual(before);
  });

  it('changes nothing where nothing is missing', async () => {
    const done = await cli('rebuild', '--json', '--expect', expected());
    expect([done.code, done.stderr.includes('✗')]).toEqual([0, false]);
    expect(JSON.parse(done.stdout).data).toMatchObject({ merged: 0, watermarks: 0, discrepancies: 0 });
    expect(await picture()).toEqual(before);
  });

  it('brings all of it back when the warehouse is lost: the same rows, quarantine, watermarks and checksums', async () => {
    await baton.warehouseDatabase.knex.raw('DROP SCHEMA raw, staging, analytics, quarantine CASCADE');
    const done = await cli('rebuild', '--json', '--expect', expected());
    expect(done.code, done.stderr).toBe(0);
    const { data } = JSON.parse(done.stdout);
    expect(data.differences).toEqual([]);
    expect(await picture()).toEqual(before);
  });

  it('tells when a table is not what it was', async () => {
    await baton.warehouseDatabase.knex.raw(
      `UPDATE analytics.po_fact SET total = total + 1 WHERE po_id = (SELECT min(po_id) FROM analytics.po_fact)`,
    );
    const done = await cli('rebuild', '--expect', expected());
    expect(done.code).toBe(1);
    expect(done.stderr).toContain('analytics.po_fact');
    expect(done.stderr).not.toContain('po_line_fact');
  });

  it('empties what is there only when told to and agreed', async () => {
    const refused = await cli('rebuild', '--allow-destructive');
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('--yes');
    const done = await cli('rebuild', '--allow-destructive', '--yes', '--expect', expected());
    expect(done.code, done.stderr).toBe(0);
    expect(await picture()).toEqual(before);
  });

  it('goes on where a killed rebuild stopped', async () => {
    await baton.warehouseDatabase.knex.raw('DROP SCHEMA raw, staging, analytics, quarantine CASCADE');
    const half = JSON.parse((await cli('rebuild', '--dry-run', '--json')).stdout).data.batches / 2;
    const { rebuildUntil } = await import('./killed-rebuild.js');
    await rebuildUntil(baton, Math.floor(half));
    const done = await cli('rebuild', '--json', '--expect', expected());
    expect(done.code, done.stderr).toBe(0);
    expect(JSON.parse(done.stdout).data.known).toBeGreaterThanOrEqual(Math.floor(half));
    expect(await picture()).toEqual(before);
  });

  it('leaves the tickets what they were: the next run opens none and comments on none, and solves the old one', async () => {
    const tickets = await baton.tickets();
    const run = await baton.run();
    expect(run.tickets).toEqual({ opened: 0, updated: 0, resolved: 0 });
    const [open] = await rows<{ po_id: string; ticket_cause: string }>(
      `SELECT po_id, ticket_cause FROM analytics.po_discrepancy WHERE state = 'open' AND rule = 'header_total' ORDER BY 1 LIMIT 1`,
    );
    await admin(`/orders/${open?.po_id}/mend`, {});
    await nextSecond();
    const mended = await baton.run();
    expect(mended.tickets).toMatchObject({ opened: 0, resolved: 1 });
    const now = await baton.tickets();
    expect(now.length).toBe(tickets.length);
    expect(now.filter((ticket) => ticket.status === 'solved').length).toBe(
      tickets.filter((ticket) => ticket.status === 'solved').length + 1,
    );
  });
});
