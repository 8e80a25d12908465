import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyRun } from '../../src/quality/verify-run.js';
import { canaries, startBaton, type TestBaton } from '../setup/baton.js';
import { type ExpectedOrder, expectFindings, expectOrder, readAccounts, readOrders } from './oracle.js';

type Json = Record<string, unknown>;

let baton: TestBaton;
let first: Awaited<ReturnType<TestBaton['run']>>;
let truth: {
  malformed: { id: number; defect: string; path: string }[];
  drafts: number[];
  duplicates: number[];
};

const admin = async (path: string, init?: RequestInit) =>
  (await fetch(`${baton.sandbox.url}/_admin${path}`, init)).json() as Promise<never>;
const rows = async <R>(sql: string) => (await baton.warehouseDatabase.knex.raw(sql)).rows as R[];

/** The id of every order in the lake, read with nothing of ours. */
function landedIds(folder: string): number[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ndjson.gz'))
    .flatMap((name) =>
      gunzipSync(readFileSync(path.join(folder, name)))
        .toString()
        .trimEnd()
        .split('\n'),
    )
    .map((line) => JSON.parse(line).id as number);
}

beforeAll(async () => {
  baton = await startBaton({ time: 'real', records: 1_500 });
  first = await baton.run();
  truth = await admin('/truth');
}, 120_000);
afterAll(() => baton?.stop());

describe('the warehouse after one run', () => {
  it('holds what the vendors’ own answers say, worked out independently', async () => {
    const data = await readOrders(baton.sandbox.url, canaries.COUPA_CLIENT_SECRET);
    const accounts = await readAccounts(baton.sandbox.url, canaries.SALESFORCE_CLIENT_SECRET);
    const malformed = new Set(truth.malformed.map((one) => String(one.id)));
    const wanted = new Map<string, Json>();
    for (const order of data.orders)
      if (order['status'] !== 'draft' && !malformed.has(String(order['id'])))
        wanted.set(String(order['id']), order);

    const found = await rows<ExpectedOrder & { po_id: string; flags: string[] }>(
      `SELECT po_id, po_number, status, currency, total::text, total_usd::text, fx_date::text, line_count::int,
              supplier_id, customer_account_id, flags FROM analytics.po_fact`,
    );
    expect(new Set(found.map((row) => row.po_id))).toEqual(new Set(wanted.keys()));
    for (const { po_id, flags: _, total, ...row } of found) {
      const order = wanted.get(po_id) as Json;
      const { total: wantedTotal, ...expected } = await expectOrder(baton.sandbox.url, order);
      expect({ po_id, ...row }).toEqual({ po_id, ...expected });
      expect(Number(total)).toBe(Number(wantedTotal));
    }
    const findings = await expectFindings(baton.sandbox.url, data, accounts, wanted);
    const flagged = found.flatMap((row) =>
      row.flags.filter((f) => f !== 'no_rate').map((f) => `${row.po_id} ${f}`),
    );
    expect(new Set(flagged)).toEqual(findings);
    expect(findings.size).toBeGreaterThan(20);
    const unconverted = found.filter((row) => row.flags.includes('no_rate'));
    expect(unconverted.length).toBeGreaterThan(0);
    expect(unconverted.every((row) => row.total_usd === null)).toBe(true);
  });

  it('holds each line once, with the vendor’s amounts', async () => {
    const data = await readOrders(baton.sandbox.url, canaries.COUPA_CLIENT_SECRET);
    const loaded = new Set(
      (await rows<{ po_id: string }>('SELECT po_id FROM analytics.po_fact')).map((r) => r.po_id),
    );
    const wanted = new Map<string, string>();
    for (const order of data.orders)
      if (loaded.has(String(order['id'])))
        for (const line of order['order-lines'] as Json[])
          wanted.set(`${order['id']}/${line['id']}`, String(line['total']));
    const found = await rows<{ id: string; total: string }>(
      `SELECT po_id || '/' || line_id AS id, total::text FROM analytics.po_line_fact`,
    );
    expect(found.length).toBe(wanted.size);
    for (const { id, total } of found) expect([id, Number(total)]).toEqual([id, Number(wanted.get(id))]);
  });

  it('adds up: read is the sum of what became of the records', async () => {
    const landed = landedIds(path.join(baton.lakePath, 'raw/coupa/purchase_orders'));
    const { read, loaded, unchanged, quarantined, duplicate, stale, filtered } = first.receipt;
    expect(read).toBe(loaded + unchanged + quarantined + duplicate + stale + filtered);
    expect({ quarantined, duplicate, filtered }).toEqual({
      quarantined: truth.malformed.length,
      duplicate: landed.length - new Set(landed).size,
      filtered: truth.drafts.length,
    });
    expect(read).toBe(landed.length);
    expect(truth.duplicates.length).toBeGreaterThan(0);
    expect(first.state).toBe('succeeded');
  });

  it('keeps each malformed order in quarantine with rule, reason and raw value', async () => {
    const found = await rows<{ record_id: string; rule: string; path: string; reason: string; raw: string }>(
      'SELECT record_id, rule, path, reason, raw FROM quarantine.records ORDER BY record_id',
    );
    expect(found.map((row) => row.record_id)).toEqual(truth.malformed.map((one) => String(one.id)).sort());
    for (const planted of truth.malformed) {
      const row = found.find((candidate) => candidate.record_id === String(planted.id));
      expect(row?.path).toBe(planted.path);
      expect(row?.reason.length).toBeGreaterThan(10);
      expect(JSON.parse(row?.raw ?? '{}').id).toBe(planted.id);
    }
  });

  it('opened one visible ticket per finding', async () => {
    const tickets: { externalId: string; subject: string }[] = await admin('/tickets');
    const open = await rows<{ n: number }>(
      `SELECT count(*)::int AS n FROM analytics.po_discrepancy WHERE state = 'open'`,
    );
    expect(tickets.length).toBe(open[0]?.n);
    expect(new Set(tickets.map((ticket) => ticket.externalId)).size).toBe(tickets.length);
    expect(first.tickets.opened).toBe(tickets.length);
  });
});

describe('a later run', () => {
  it('changes nothing when nothing changed', async () => {
    const before = await rows(`SELECT po_id, _batch_id FROM analytics.po_fact ORDER BY po_id`);
    const again = await baton.run({ fullRefresh: true });
    expect(again.receipt.read).toBe(first.receipt.read);
    expect(again.receipt.unchanged).toBe(first.receipt.loaded);
    expect(again.receipt.loaded).toBe(0);
    expect(again.tickets).toEqual({ opened: 0, updated: 0, resolved: 0 });
    expect(await rows(`SELECT po_id, _batch_id FROM analytics.po_fact ORDER BY po_id`)).toEqual(before);
  });

  it('comments and solves the ticket of what is mended, also when only the supplier changed', async () => {
    const [unknown] = await rows<{ po_id: string; supplier_id: string }>(
      `SELECT f.po_id, f.supplier_id FROM analytics.po_fact f WHERE 'unknown_supplier' = ANY (flags) ORDER BY 1 LIMIT 1`,
    );
    const [header] = await rows<{ po_id: string }>(
      `SELECT po_id FROM analytics.po_fact WHERE 'header_total' = ANY (flags) ORDER BY 1 LIMIT 1`,
    );
    const json = { 'content-type': 'application/json' };
    const supplier = JSON.stringify({
      id: Number(unknown?.supplier_id),
      name: 'Neuer Lieferant',
      status: 'active',
    });
    await admin('/suppliers', { method: 'POST', headers: json, body: supplier });
    await admin(`/orders/${header?.po_id}/mend`, { method: 'POST' });
    await new Promise((resolve) => setTimeout(resolve, 1_100)); // the vendor's clock has whole seconds
    const run = await baton.run();
    const stillUnknown = await rows<{ n: number }>(
      `SELECT count(*)::int AS n FROM analytics.po_fact WHERE supplier_id = '${unknown?.supplier_id}' AND 'unknown_supplier' = ANY (flags)`,
    );
    expect(stillUnknown[0]?.n).toBe(0);
    expect(run.tickets.resolved).toBeGreaterThanOrEqual(2);
    const tickets: { subject: string; status: string; comments: unknown[] }[] = await admin('/tickets');
    const solved = tickets.filter((ticket) => ticket.status === 'solved');
    expect(solved.length).toBe(run.tickets.resolved);
    expect(
      solved.every((ticket) => JSON.stringify(ticket.comments).includes('found this discrepancy gone')),
    ).toBe(true);
  });
});

describe('verification of a run', () => {
  const verify = async (id: string) => {
    const plan = await baton.deps.runs.planOf(id);
    if (plan === null) throw new Error('no plan');
    return verifyRun(
      {
        batches: baton.deps.batches,
        warehouse: baton.deps.warehouse,
        lake: baton.deps.lake,
        stream: (connection, stream) => baton.deps.connections.stream(connection, stream),
      },
      id,
      plan,
    );
  };

  it('passes for an untouched run', async () => {
    expect(await verify(first.id)).toMatchObject({ ok: true, differences: [] });
  });

  it('names a row, a line and a quarantined record that were changed or removed', async () => {
    const knex = baton.warehouseDatabase.knex;
    const [changed, gone] = await rows<{ po_id: string }>(
      `SELECT po_id FROM analytics.po_fact WHERE _pipeline_run_id = '${first.id}' ORDER BY po_id LIMIT 2`,
    );
    await knex.raw(`UPDATE analytics.po_fact SET total = total + 0.01 WHERE po_id = ?`, [
      changed?.po_id ?? '',
    ]);
    await knex.raw(`DELETE FROM analytics.po_line_fact WHERE po_id = ?`, [gone?.po_id ?? '']);
    await knex.raw(`UPDATE quarantine.records SET raw = raw || ' ' WHERE record_id = ?`, [
      String(truth.malformed[0]?.id),
    ]);
    const { ok, differences } = await verify(first.id);
    expect(ok).toBe(false);
    const named = differences.map((difference) => difference.where);
    expect(named).toContain(`analytics.po_fact/${changed?.po_id}`);
    expect(named.some((where) => where.startsWith(`analytics.po_line_fact/${gone?.po_id}/`))).toBe(true);
    expect(named).toContain(`quarantine.records/${truth.malformed[0]?.id}`);
  });

  it('names a lake object that was changed, and one that is gone', async () => {
    const batch = await baton.deps.batches.find(first.id, 'extract_orders');
    if (batch === null) throw new Error('no batch');
    const [one, two] = await baton.deps.batches.parts(batch);
    writeFileSync(baton.deps.lake.locate(one?.key ?? ''), 'tampered');
    rmSync(baton.deps.lake.locate(two?.key ?? ''));
    const { ok, differences } = await verify(first.id);
    expect(ok).toBe(false);
    const objects = differences.filter((difference) => difference.kind === 'object');
    expect(objects.map((difference) => difference.where).sort()).toEqual([one?.key, two?.key].sort());
  });
});
