import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Sandbox } from '../../src/sandbox/sandbox.js';
import { getJson, type Reply, raw, salesforceHeaders, start } from './client.js';

interface Result {
  totalSize: number;
  done: boolean;
  nextRecordsUrl?: string;
  records: {
    Id: string;
    SystemModstamp: string;
    Priority__c: string;
    attributes: { type: string; url: string };
  }[];
}

let sandbox: Sandbox;
let headers: Record<string, string>;
beforeAll(async () => {
  sandbox = await start();
  headers = await salesforceHeaders(sandbox);
});
afterAll(() => sandbox.close());

const url = (soql: string): string =>
  `${sandbox.url}/salesforce/services/data/v62.0/query?q=${encodeURIComponent(soql)}`;
const query = (soql: string): Promise<Result> => getJson(url(soql), headers);

async function everyPage(soql: string): Promise<Result['records']> {
  const found: Result['records'] = [];
  let page = await query(soql);
  for (;;) {
    found.push(...page.records);
    if (page.done) return found;
    page = await getJson<Result>(`${sandbox.url}/salesforce${page.nextRecordsUrl}`, headers);
  }
}

test('the token answer names the instance and no end', async () => {
  const body = 'grant_type=client_credentials&client_id=baton-demo&client_secret=test-salesforce';
  const type = { 'content-type': 'application/x-www-form-urlencoded' };
  const ask = (form: string): Promise<Reply> =>
    raw(`${sandbox.url}/salesforce/services/oauth2/token`, { method: 'POST', headers: type, body: form });
  const good = JSON.parse((await ask(body)).body);
  expect(good).toMatchObject({ token_type: 'Bearer', instance_url: `${sandbox.url}/salesforce` });
  expect(good).not.toHaveProperty('expires_in');
  expect((await ask(body.replace('test-salesforce', 'wrong'))).status).toBe(400);
  const refused = await raw(url('SELECT Id FROM Account'), { headers: { authorization: 'Bearer x' } });
  expect([refused.status, JSON.parse(refused.body)[0].errorCode]).toEqual([401, 'INVALID_SESSION_ID']);
});

describe('queries', () => {
  test('times are written +0000, and every answer tells the use of the quota', async () => {
    const reply = await raw(url('SELECT Id, SystemModstamp FROM Account LIMIT 1'), { headers });
    const [record] = (JSON.parse(reply.body) as Result).records;
    expect(record?.SystemModstamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000\+0000$/);
    expect(record?.attributes).toEqual({
      type: 'Account',
      url: `/services/data/v62.0/sobjects/Account/${record?.Id}`,
    });
    expect(reply.headers['sforce-limit-info']).toMatch(/^api-usage=\d+\/15000$/);
  });

  test('pages of nextRecordsUrl hold every row once', async () => {
    sandbox.settings.salesforceBatchSize = 40;
    const rows = await everyPage('SELECT Id FROM Contact ORDER BY SystemModstamp, Id');
    sandbox.settings.salesforceBatchSize = 2000;
    expect(new Set(rows.map(({ Id }) => Id)).size).toBe(450);
    expect(rows).toHaveLength(450);
  });

  test('batchSize is heeded from 200 on', async () => {
    const reply = await raw(url('SELECT Id FROM Contact'), {
      headers: { ...headers, 'sforce-query-options': 'batchSize=10' },
    });
    expect((JSON.parse(reply.body) as Result).records).toHaveLength(200);
  });

  test('the keyset over SystemModstamp and Id walks everything in order, once', async () => {
    const all = await everyPage('SELECT Id, SystemModstamp FROM Account ORDER BY SystemModstamp, Id');
    const seen: string[] = [];
    let where = '';
    for (;;) {
      const page = await query(
        `SELECT Id, SystemModstamp FROM Account ${where} ORDER BY SystemModstamp, Id LIMIT 20`,
      );
      seen.push(...page.records.map(({ Id }) => Id));
      const last = page.records.at(-1);
      if (last === undefined) break;
      const at = last.SystemModstamp.replace('.000+0000', 'Z');
      where = `WHERE (SystemModstamp = ${at} AND Id > '${last.Id}') OR SystemModstamp > ${at}`;
    }
    expect(seen).toEqual(all.map(({ Id }) => Id));
  });

  test('conditions combine', async () => {
    const rows = await query(
      "SELECT Id, Priority__c FROM Account WHERE Priority__c IN ('High','Medium') AND NOT Priority__c = 'Medium'",
    );
    expect(new Set(rows.records.map((row) => row.Priority__c))).toEqual(new Set(['High']));
    expect((await query('SELECT COUNT() FROM Account')).totalSize).toBe(150);
    expect((await query("SELECT Id FROM Account WHERE Name LIKE 'Malm%'")).totalSize).toBeGreaterThan(0);
    const range = await query(
      'SELECT Id FROM Account WHERE SystemModstamp >= 2026-06-01T00:00:00Z AND SystemModstamp < 2026-06-05T00:00:00Z',
    );
    expect(range.totalSize).toBeGreaterThan(0);
    expect(range.totalSize).toBeLessThan(150);
  });

  test.each([
    ['SELECT Nope FROM Account', 'INVALID_FIELD'],
    ['SELECT Id FROM Nothing', 'INVALID_TYPE'],
    ['SELECT Id FROM Account WHERE', 'MALFORMED_QUERY'],
    ['SELECT Id, FROM Account', 'MALFORMED_QUERY'],
    ["SELECT Id FROM Account WHERE Name = 'open", 'MALFORMED_QUERY'],
    ['', 'MALFORMED_QUERY'],
  ])('%j is refused with %s', async (soql, code) => {
    const reply = await raw(url(soql), { headers });
    expect([reply.status, JSON.parse(reply.body)[0].errorCode]).toEqual([400, code]);
  });

  test('a locator that nobody knows is refused', async () => {
    const reply = await raw(`${sandbox.url}/salesforce/services/data/v62.0/query/0r8Hsnothing-2000`, {
      headers,
    });
    expect(JSON.parse(reply.body)[0].errorCode).toBe('INVALID_QUERY_LOCATOR');
  });
});

test('a changed account is found by its SystemModstamp', async () => {
  const [record] = (await query('SELECT Id FROM Account LIMIT 1')).records;
  sandbox.salesforce.patch('Account', { Id: record?.Id ?? '', Priority__c: 'High' });
  const changed = await query(
    'SELECT Id, Priority__c FROM Account WHERE SystemModstamp >= 2026-06-16T00:00:00Z',
  );
  expect(changed.records.map((row) => [row.Id, row.Priority__c])).toEqual([[record?.Id, 'High']]);
});
