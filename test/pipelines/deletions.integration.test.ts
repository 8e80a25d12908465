import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startBaton, type TestBaton } from '../setup/baton.js';

let baton: TestBaton;
beforeAll(async () => {
  baton = await startBaton({ time: 'real', records: 400, tenants: ['default'] });
}, 120_000);
afterAll(() => baton?.stop());

const rows = async <R>(sql: string) => (await baton.warehouseDatabase.knex.raw(sql)).rows as R[];
const json = { 'content-type': 'application/json' };
const nextSecond = () => new Promise((resolve) => setTimeout(resolve, 1_100)); // the vendors' clocks have whole seconds

describe('a customer in Salesforce’s recycle bin', () => {
  let account: string;

  /** Changes the account as its own vendor has it; answers its new SystemModstamp. */
  async function change(patch: object): Promise<Date> {
    const body = JSON.stringify({ Id: account, ...patch });
    const answer = await fetch(`${baton.sandbox.url}/_admin/accounts`, {
      method: 'POST',
      headers: json,
      body,
    });
    const { SystemModstamp: stamp } = (await answer.json()) as { SystemModstamp: string };
    await nextSecond();
    return new Date(stamp.replace(/\+0000$/, 'Z'));
  }
  const stored = () =>
    rows(`SELECT _deleted, _deleted_at FROM raw.salesforce_accounts WHERE account_id = '${account}'`);
  /** What is open against the account's orders because it is a customer of high priority. */
  const open = () =>
    rows(`SELECT d.po_id FROM analytics.po_discrepancy d JOIN analytics.po_fact f USING (po_id)
          WHERE d.rule = 'high_priority_customer' AND d.state = 'open' AND f.customer_account_id = '${account}' ORDER BY 1`);

  it('stays as a row that is marked since then, and its orders are no longer those of a customer', async () => {
    await baton.run();
    const [found] = await rows<{ account: string }>(
      `SELECT f.customer_account_id AS account FROM analytics.po_discrepancy d JOIN analytics.po_fact f USING (po_id)
       WHERE d.rule = 'high_priority_customer' AND d.state = 'open' ORDER BY 1 LIMIT 1`,
    );
    account = found?.account ?? '';
    expect(await stored()).toEqual([{ _deleted: false, _deleted_at: null }]);
    const before = await open();
    expect(before.length).toBeGreaterThan(0);

    const since = await change({ IsDeleted: true });
    await baton.run();
    expect(await stored()).toEqual([{ _deleted: true, _deleted_at: since }]);
    expect(await open()).toEqual([]);

    // A replica that lags shows what was before: read anew, because it lies within the overlap.
    await change({ IsDeleted: false, SystemModstamp: new Date(since.getTime() - 30_000).toISOString() });
    await baton.run();
    expect(await stored()).toEqual([{ _deleted: true, _deleted_at: since }]);

    await change({ IsDeleted: false });
    await baton.run();
    expect(await stored()).toEqual([{ _deleted: false, _deleted_at: null }]);
    expect(await open()).toEqual(before);
  });
});

describe('completing Salesforce', () => {
  const complete = async () => {
    const id = await baton.start({ pipeline: 'complete:salesforce', inputs: { since: 'all' } });
    await baton.result(id);
    // Two pipelines load these customers, of which one never ran: the table is compared once, and as loaded.
    const compared = await baton.deps.warehouse.comparisons.ofRun(id);
    expect(compared.map(({ target }) => target)).toEqual(expect.arrayContaining(['raw.salesforce_accounts']));
    expect(new Set(compared.map(({ target }) => target)).size).toBe(compared.length);
    return compared.find(({ target }) => target === 'raw.salesforce_accounts');
  };
  const all = () =>
    rows(
      `SELECT account_id, name, priority, updated_at, _deleted, raw::text FROM raw.salesforce_accounts ORDER BY 1`,
    );
  /** Queries for ids alone, and for records by their ids, as the sandbox saw them. */
  const queries = () =>
    baton.sandbox.requests
      .last()
      .filter(({ path, vendor }) => vendor === 'salesforce' && path.includes('queryAll'))
      .map(({ path }) => new URL(path, 'http://x').searchParams.get('q') ?? '');

  it('brings back removed and outdated rows by their ids, takes told deletions for what they are, and no sweep is of use', async () => {
    const [bin, removed, old] = await rows<{ id: string }>(
      `SELECT account_id AS id FROM raw.salesforce_accounts WHERE updated_at < now() - interval '1 hour' ORDER BY 1 LIMIT 3`,
    );
    // Changed so long ago that it is older than the overlap in which nothing is compared.
    const ago = new Date(Date.now() - 600_000).toISOString();
    const body = JSON.stringify({ Id: bin?.id, IsDeleted: true, SystemModstamp: ago });
    await fetch(`${baton.sandbox.url}/_admin/accounts`, { method: 'POST', headers: json, body });
    await complete();
    const before = await all();
    expect(before).toContainEqual(expect.objectContaining({ account_id: bin?.id, _deleted: true }));
    await rows(`DELETE FROM raw.salesforce_accounts WHERE account_id = '${removed?.id}'`);
    await rows(
      `UPDATE raw.salesforce_accounts SET updated_at = updated_at - interval '1 hour', name = 'old' WHERE account_id = '${old?.id}'`,
    );

    baton.sandbox.requests.clear();
    expect((await complete())?.found).toMatchObject({ missing: 1, older: 1, lost: 0 });
    expect(await all()).toEqual(before);
    const [listed = '', read = '', ...more] = queries();
    expect(listed).toMatch(/^SELECT Id, SystemModstamp FROM Account WHERE SystemModstamp < /);
    expect(read.match(/'[A-Za-z0-9]+'/g)?.sort()).toEqual([`'${removed?.id}'`, `'${old?.id}'`].sort());
    expect(more).toEqual([]);
    expect((await complete())?.found).toMatchObject({ missing: 0, older: 0, lost: 0 });

    const sweep = await baton.start({ pipeline: 'sweep:salesforce', inputs: {} });
    await expect(baton.result(sweep)).rejects.toThrow();
    expect(await all()).toEqual(before);
  });
});

describe('an order that Coupa does not have any more', () => {
  it('is marked by a sweep, and what was open against it is settled by the next run', async () => {
    const of = (id: string) =>
      rows(`SELECT f._deleted, f._deleted_at IS NOT NULL AS since, f.flags, array_agg(DISTINCT d.state) AS states
            FROM analytics.po_fact f JOIN analytics.po_discrepancy d USING (po_id)
            WHERE f.po_id = '${id}' GROUP BY 1, 2, 3`);
    const [order] = await rows<{ id: string }>(
      `SELECT po_id AS id FROM analytics.po_discrepancy WHERE state = 'open' AND rule = 'header_total' ORDER BY 1 LIMIT 1`,
    );
    const id = order?.id ?? '';
    expect(await of(id)).toMatchObject([{ _deleted: false, states: ['open'] }]);
    await fetch(`${baton.sandbox.url}/_admin/orders/${id}`, { method: 'DELETE' });
    await baton.result(await baton.start({ pipeline: 'sweep:coupa', inputs: {} }));
    await baton.run();
    expect(await of(id)).toEqual([{ _deleted: true, since: true, flags: [], states: ['resolved'] }]);
  });
});

describe('a ticket that Zendesk says is deleted', () => {
  const zendesk = (method: string, path: string, body?: object) =>
    fetch(`${baton.sandbox.url}/zendesk/api/v2/${path}`, {
      method,
      headers: {
        ...json,
        authorization: `Basic ${Buffer.from(`a@example.com/token:${baton.env['ZENDESK_API_TOKEN']}`).toString('base64')}`,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const stored = (id: string) =>
    rows(
      `SELECT status, _deleted, _deleted_at = generated_at AS since FROM raw.zendesk_tickets WHERE ticket_id = '${id}'`,
    );

  it('stays as a row that is marked', async () => {
    const subject = 'to be deleted';
    const created = await zendesk('POST', 'tickets.json', {
      ticket: { subject, comment: { body: subject } },
    });
    const { ticket } = (await created.json()) as { ticket: { id: number } };
    const id = String(ticket.id);
    const pipeline = 'resilient_elt_pipeline';
    await nextSecond();
    await baton.run({ pipeline });
    await expect
      .poll(() => stored(id).catch(() => []), { timeout: 30_000 })
      .toMatchObject([{ status: 'new', _deleted: false }]);

    expect((await zendesk('DELETE', `tickets/${id}.json`)).status).toBe(204);
    await nextSecond();
    await baton.run({ pipeline });
    await expect
      .poll(() => stored(id), { timeout: 30_000 })
      .toEqual([{ status: 'deleted', _deleted: true, since: true }]);
  });
});
