import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyRun } from '../../src/quality/verify-run.js';
import { baton as command } from '../cli/captured.js';
import { startBaton, type TestBaton } from '../setup/baton.js';
import { projectRoot } from '../setup/shared.js';

let baton: TestBaton;

beforeAll(async () => {
  baton = await startBaton({
    time: 'real',
    records: 120,
    settings: {
      BATON_PIPELINES__PO_DATA_PIPELINE__TABLES__INVOICES__SCHEMA_CONTRACT__COLUMNS: 'freeze',
    },
  });
  await baton.run();
}, 120_000);
afterAll(() => baton?.stop());

const rows = async <R>(sql: string) => (await baton.warehouseDatabase.knex.raw(sql)).rows as R[];

async function change(what: string, record: Readonly<Record<string, unknown>>): Promise<void> {
  const answer = await fetch(`${baton.sandbox.url}/_admin/${what}`, {
    method: 'POST',
    // In the second in which a run begins it would be the next run's.
    body: JSON.stringify({ 'updated-at': new Date(Date.now() - 2_000).toISOString(), ...record }),
  });
  expect(answer.status).toBe(200);
}

const some = async (what: string): Promise<number[]> => {
  const answer = await fetch(`${baton.sandbox.url}/_admin/${what}`);
  return ((await answer.json()) as { id: number }[]).map(({ id }) => id);
};

const told = async (what: string): Promise<string[]> =>
  (await baton.messages()).map((message) => JSON.stringify(message)).filter((text) => text.includes(what));

async function verified(id: string) {
  const plan = await baton.deps.runs.planOf(id);
  if (plan === null) throw new Error('no plan');
  const { batches, warehouse, lake, connections } = baton.deps;
  return verifyRun(
    { batches, warehouse, lake, stream: (one, name) => connections.stream(one, name) },
    id,
    plan,
  );
}

describe('a pipeline whose vendor begins to send another field', () => {
  it('loads it into a column of its own, says so once, and the run verifies', async () => {
    const ids = await rows<{ po_id: string }>('SELECT po_id FROM analytics.po_fact ORDER BY 1 LIMIT 3');
    const [one, two, three] = ids.map(({ po_id }) => Number(po_id));
    await change('orders', { id: one, 'sustainability-score': 87 });
    const second = await baton.run();
    await change('orders', { id: two, 'sustainability-score': 91.5 });
    const third = await baton.run();
    await change('orders', { id: three, 'sustainability-score': 12 });
    await baton.run();

    expect(
      await rows(
        `SELECT po_id, sustainability_score AS score FROM analytics.po_fact WHERE sustainability_score IS NOT NULL ORDER BY 1`,
      ),
    ).toEqual([
      { po_id: String(one), score: '87' },
      { po_id: String(two), score: '91.5' },
      { po_id: String(three), score: '12' },
    ]);
    expect(
      await rows(
        `SELECT kind, run_id FROM raw._baton_schema_changes WHERE target = 'analytics.po_fact' ORDER BY id`,
      ),
    ).toEqual([
      { kind: 'new_field', run_id: second.id },
      { kind: 'new_type', run_id: third.id },
    ]);
    await expect.poll(() => told('sustainability_score'), { timeout: 15_000 }).toHaveLength(2);
    expect(await verified(third.id)).toMatchObject({ ok: true, differences: [] });

    await baton.warehouseDatabase.knex.raw(
      `UPDATE analytics.po_fact SET sustainability_score = 1 WHERE po_id = '${two}'`,
    );
    const { differences } = await verified(third.id);
    expect(differences.map(({ what }) => what)).toEqual([expect.stringContaining('sustainability_score')]);
  }, 120_000);

  it('stops before a frozen table each time, and tells of it once', async () => {
    const [id] = await some('invoices');
    await change('invoices', { id, 'e-invoice': true });
    const before = await rows('SELECT count(*) FROM raw.coupa_invoices');
    const frozen = /raw.coupa_invoices is frozen: the field e-invoice is new.*BTN-4011/;
    await expect(baton.run()).rejects.toThrow(frozen);
    expect(await rows('SELECT count(*) FROM raw.coupa_invoices')).toEqual(before);
    await expect.poll(() => told('e-invoice is new'), { timeout: 15_000 }).not.toHaveLength(0);
    await expect(baton.run()).rejects.toThrow(frozen);
    expect(
      await rows(`SELECT key FROM raw._baton_schema_changes WHERE target = 'raw.coupa_invoices'`),
    ).toHaveLength(1);
    expect((await told('coupa has changed what it sends to raw.coupa_invoices')).length).toBe(1);
  }, 120_000);
});

describe('baton data', () => {
  const cli = (...args: string[]) => command(args, { cwd: projectRoot, env: baton.env });

  it('shows the changes, and each field with its column', async () => {
    const changes = JSON.parse((await cli('data', 'changes', 'analytics.po_fact', '--json')).stdout);
    expect(changes.data).toEqual([
      expect.objectContaining({ field: 'sustainability-score', kind: 'new_type', contract: 'evolve' }),
      expect.objectContaining({ field: 'sustainability-score', kind: 'new_field', contract: 'evolve' }),
    ]);
    const schema = JSON.parse((await cli('data', 'schema', 'analytics.po_fact', '--json')).stdout);
    expect(schema.data).toContainEqual({
      source: 'coupa',
      field: 'sustainability-score',
      type: 'numeric',
      column: 'sustainability_score',
      state: 'column',
      filledShare: 1,
      always: false,
      isGone: false,
    });
  });

  it('names the tables there are when asked for one that is not', async () => {
    const { code, stderr } = await cli('data', 'schema', 'raw.coupa_supplier');
    expect(code).toBe(2);
    expect(stderr).toContain('Closest: raw.coupa_suppliers');
  });
});
