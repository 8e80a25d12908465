import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { query } from '../../src/database/postgres.js';
import { startBaton, type TestBaton } from '../setup/baton.js';

describe('a run of the ingest pipeline', () => {
  let baton: TestBaton;
  beforeAll(async () => {
    baton = await startBaton({
      time: 'real',
      records: 20,
      settings: { BATON_PIPELINES__INGEST_PIPELINE__RETRIES: '0' },
    });
  }, 120_000);
  afterAll(() => baton?.stop());
  afterEach(() => baton.sandbox.faults.clear());

  const count = async (table: string, tenant: string): Promise<number> => {
    const { rows } = await query<{ n: number }>(
      baton.warehouseDatabase.knex,
      `SELECT count(*)::int AS n FROM raw.${table} WHERE _tenant = :tenant`,
      { tenant },
    );
    return rows[0]?.n ?? -1;
  };
  const loaded = async (run: string) =>
    Object.fromEntries(
      (await baton.steps(run)).map(({ id, state, counts }) => [id, [state, counts['loaded']]]),
    );

  it('loads each stream into a table of its own, and the next time only what changed', async () => {
    const [account] = baton.sandbox.salesforce.records('Account');
    const first = await baton.start({ pipeline: 'ingest_pipeline' });
    expect(await baton.result(first)).toMatchObject({ state: 'succeeded' });
    expect(await count('salesforce_accounts', 'default')).toBe(150);
    expect(await count('salesforce_contacts', 'default')).toBe(450);
    baton.sandbox.salesforce.patch('Account', { Id: account?.['Id'] ?? null, Name: 'Renamed' });
    // The vendor's clock goes by seconds: what changes within the last one is read the next time.
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    const second = await baton.start({ pipeline: 'ingest_pipeline' });
    expect(await baton.result(second)).toMatchObject({ state: 'succeeded' });
    expect(await loaded(second)).toMatchObject({
      load_salesforce_accounts: ['succeeded', 1],
      load_salesforce_contacts: ['succeeded', 0],
    });
  }, 60_000);

  it('loads the others where one source refuses', async () => {
    baton.sandbox.faults.add({ vendor: 'zendesk', kind: 'status', count: null, params: { status: 404 } });
    const run = await baton.start({ pipeline: 'ingest_pipeline', tenant: 'refused' });
    await expect(baton.result(run)).rejects.toThrow('zendesk: GET /api/v2/users/me.json answered 404');
    expect(await count('salesforce_accounts', 'refused')).toBe(150);
    expect(await count('salesforce_contacts', 'refused')).toBe(450);
  }, 60_000);
});
