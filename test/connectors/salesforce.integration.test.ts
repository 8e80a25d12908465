import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EffectRequest, OpenConnection } from '../../src/connectors/port.js';
import { salesforce } from '../../src/connectors/salesforce/index.js';
import { Secret } from '../../src/domain/secret.js';
import type { Sandbox } from '../../src/sandbox/sandbox.js';
import { describeConnector } from './contract.js';
import { describeAction } from './effect-contract.js';
import { markerOf, requestOf, ticketBody } from './requests.js';
import { canary, failure, lines, openAgainst, sandboxForTests, walk } from './support.js';

const settings = {
  auth: { clientId: 'baton-demo', clientSecret: new Secret(canary.salesforceClientSecret) },
};
const vendor = 'salesforce';
const data = '/services/data/v62.0';
const signal = new AbortController().signal;

const reading = {
  window: { from: '2020-01-01T00:00:00.000Z', to: '2030-01-01T00:00:00.000Z' },
  pageSize: 200,
  path: `${data}/query`,
  recordsUnder: 'records',
  // Each locator is a path of its own: see the paginator's own tests for cycles.
  canBeEndless: false,
} as const;

describeConnector(salesforce, {
  vendor,
  settings,
  hasTokens: true,
  // A spent quota comes without Retry-After and is not refilled soon.
  defaultWaitMs: 3_600_000,
  prepare(sandbox) {
    sandbox.settings.salesforceBatchSize = 50;
  },
  streams: { accounts: reading, contacts: reading, cases: reading, case_comments: reading },
});

/** The organisation as a plain client sees it, without the connector. */
async function api(sandbox: Sandbox, method: string, path: string, body?: unknown) {
  const form = { grant_type: 'client_credentials', ...settings.auth, client_id: settings.auth.clientId };
  const token = await fetch(`${sandbox.url}/salesforce/services/oauth2/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: form.grant_type,
      client_id: form.client_id,
      client_secret: canary.salesforceClientSecret,
    }),
  });
  const { access_token } = (await token.json()) as { access_token: string };
  const response = await fetch(`${sandbox.url}/salesforce${data}${path}`, {
    method,
    headers: { authorization: `Bearer ${access_token}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? null : JSON.parse(text) };
}

async function newCase(sandbox: Sandbox, fields: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const made = await api(sandbox, 'POST', '/sobjects/Case', { Subject: 'By hand', ...fields });
  expect(made.status).toBe(201);
  return made.body.id as string;
}

const caseOf = async (sandbox: Sandbox, id: string) =>
  (await api(sandbox, 'GET', `/sobjects/Case/${id}`)).body as Readonly<Record<string, unknown>>;

async function commentsOf(sandbox: Sandbox, id: string): Promise<readonly string[]> {
  const q = `SELECT CommentBody FROM CaseComment WHERE ParentId = '${id}'`;
  const { body } = await api(sandbox, 'GET', `/query?q=${encodeURIComponent(q)}`);
  return (body.records as { CommentBody: string }[]).map((one) => one.CommentBody);
}

describeAction(salesforce, {
  name: 'opening a case',
  vendor,
  settings,
  authIsRetryable: true,
  isUpsert: true,
  match: { method: 'PATCH', path: `${data}/sobjects/Case/Baton_Key__c/` },
  action: (connection) => connection.ticketDesk?.open ?? expect.unreachable(),
  request: async (_sandbox, ordinal) => requestOf(ordinal, ticketBody),
  visible: async (sandbox, { marker }) =>
    sandbox.salesforce.records('Case').filter((one) => one['Baton_Key__c'] === marker).length,
});

describeAction(salesforce, {
  name: 'updating a case',
  vendor,
  settings,
  authIsRetryable: true,
  match: { method: 'POST', path: `${data}/sobjects/CaseComment` },
  action: (connection) => connection.ticketDesk?.update ?? expect.unreachable(),
  async request(sandbox, ordinal) {
    const remoteId = `500Hs00000${900 + ordinal}AAAAA`;
    sandbox.salesforce.patch('Case', { Id: remoteId, Status: 'New', IsClosed: false });
    return requestOf(ordinal, { kind: 'ticket_update', remoteId, comment: 'Mended.', status: 'solved' });
  },
  async visible(sandbox, { body, marker }) {
    if (body.kind !== 'ticket_update') return expect.unreachable();
    return (await commentsOf(sandbox, body.remoteId)).filter((text) => text.endsWith(marker)).length;
  },
});

describe('a list that is too long for queries', () => {
  let sandbox: Sandbox;
  let connection: OpenConnection;
  beforeAll(async () => {
    sandbox = await sandboxForTests(20);
    sandbox.settings.salesforceBatchSize = 70;
    const bulk = { ...settings, bulkAbove: 100 };
    connection = openAgainst(sandbox, { connector: salesforce, vendor, settings: bulk });
  });
  afterAll(async () => {
    connection?.close();
    await sandbox?.close();
  });
  const { window } = reading;
  const stream = salesforce.streams['cases'] ?? expect.unreachable();
  const rowsOf = (records: readonly Buffer[]) =>
    records.map((record) => stream.map(record)).map((one) => (one.kind === 'row' ? one.row : one));

  it('is read by a job, with every page of its results, and gives the same rows', async () => {
    const text = 'Zeile 1,\nsagte "er": ß';
    sandbox.salesforce.patch('Case', {
      Id: String(sandbox.salesforce.records('Case')[0]?.['Id']),
      Description: text,
    });
    const pages = await walk(stream, connection, { window, pageSize: 2_000 });
    expect(pages.map(({ records }) => records.length)).toEqual([0, 70, 70, 70, 30]);
    const plain = openAgainst(sandbox, { connector: salesforce, vendor, settings });
    const queried = await walk(stream, plain, { window, pageSize: 2_000 });
    plain.close();
    expect(rowsOf(pages.flatMap(({ records }) => records))).toEqual(
      rowsOf(queried.flatMap(({ records }) => records)),
    );
    expect(lines(pages).some((line) => JSON.parse(line).Description === text)).toBe(true);
    const jobs = sandbox.requests.counts().filter(({ path }) => path.endsWith('/jobs/query'));
    expect(jobs).toMatchObject([{ method: 'POST', outcome: '200', count: 1 }]);
  });

  it('goes on with the same job after a break, and waits for one that is at work', async () => {
    sandbox.requests.clear();
    sandbox.settings.salesforceJobMs = 3_600_000;
    const first = await stream.readPage(connection, window, null, { pageSize: 2_000 });
    expect(first).toMatchObject({ records: [], next: { at: expect.stringMatching(/jobs\/query\/750/) } });
    const again = () => stream.readPage(connection, window, first.next, { pageSize: 2_000 });
    const waiting = await failure(again(), 'ERR_SOURCE_NOT_READY');
    expect(waiting.retryable).toBe(true);
    expect(waiting.options.retryAfterMs).toBeGreaterThanOrEqual(2_000);
    sandbox.settings.salesforceJobMs = 0;
    expect((await again()).records).toHaveLength(70);
    const jobs = sandbox.requests.counts().filter(({ path }) => path.endsWith('/jobs/query'));
    expect(jobs).toMatchObject([{ count: 1 }]);
  });

  it('says so where the job has failed, or is gone', async () => {
    const { next } = await stream.readPage(connection, window, null, { pageSize: 2_000 });
    const params = {
      status: 200,
      body: JSON.stringify({ state: 'Failed', errorMessage: 'InvalidBatch : x' }),
    };
    sandbox.faults.add({ vendor, kind: 'status', match: { path: `${data}/jobs/query/` }, params });
    const failed = await failure(stream.readPage(connection, window, next, {}), 'ERR_SOURCE_JOB_FAILED');
    expect(failed.message).toContain('InvalidBatch');
    const lost = { ...next, at: `${data}/jobs/query/750000000000000AAA` };
    await failure(stream.readPage(connection, window, lost, {}), 'ERR_SOURCE_BAD_REQUEST');
    const foreign = { ...next, at: '/services/data/v62.0/jobs/query/../../elsewhere' };
    await failure(
      Promise.resolve().then(() => stream.checkCursor(foreign, window)),
      'ERR_CURSOR_INVALID',
    );
  });
});

describe('cases', () => {
  let sandbox: Sandbox;
  let connection: OpenConnection;
  beforeAll(async () => {
    sandbox = await sandboxForTests(20);
    connection = openAgainst(sandbox, { connector: salesforce, vendor, settings });
  });
  afterAll(async () => {
    connection?.close();
    await sandbox?.close();
  });
  const desk = () => connection.ticketDesk ?? expect.unreachable();
  const opened = async (ordinal: number, body: EffectRequest['body'] = ticketBody): Promise<string> => {
    const sent = await desk().open.send(requestOf(ordinal, body), signal);
    return sent.kind === 'confirmed' ? sent.remoteId : expect.unreachable();
  };

  it('say what they are to say, whatever it is, and are set absolutely', async () => {
    const remoteId = await opened(1);
    expect(await caseOf(sandbox, remoteId)).toMatchObject({
      Subject: ticketBody.subject,
      Description: `${ticketBody.description}\n\nTags: baton, discrepancy`,
      Priority: 'High',
      Status: 'New',
      Baton_Key__c: markerOf(1),
    });
    for (const [ordinal, status, reopens, expected] of [
      [2, 'solved', false, 'Closed'],
      [3, null, false, 'Closed'],
      [4, null, true, 'New'],
      [5, 'open', false, 'New'],
    ] as const) {
      const update = { kind: 'ticket_update', remoteId, comment: 'So.', status, reopens } as const;
      expect(await desk().update.send(requestOf(ordinal, update), signal)).toMatchObject({
        kind: 'confirmed',
        remoteId,
      });
      expect((await caseOf(sandbox, remoteId))['Status']).toBe(expected);
    }
    expect(await commentsOf(sandbox, remoteId)).toEqual([2, 3, 4, 5].map((n) => `So.\n\n${markerOf(n)}`));
  });

  it('are not reopened by a repeat of what opened them', async () => {
    const remoteId = await opened(20);
    await api(sandbox, 'PATCH', `/sobjects/Case/${remoteId}`, { Status: 'Closed' });
    const again = await desk().open.send(requestOf(20, ticketBody), signal);
    expect(again).toMatchObject({ kind: 'confirmed', remoteId, adopted: true });
    expect((await caseOf(sandbox, remoteId))['Status']).toBe('Closed');
  });

  it('are cut where Salesforce takes no more, and still carry their marker', async () => {
    const long = '\u{1F600}é'.repeat(20_000);
    const remoteId = await opened(30, { ...ticketBody, subject: long, description: long });
    const found = await caseOf(sandbox, remoteId);
    expect(String(found['Subject']).length).toBeLessThanOrEqual(255);
    expect(String(found['Description'])).toMatch(/…\n\nTags: baton, discrepancy$/);
    const update = { kind: 'ticket_update', remoteId, comment: long, status: null } as const;
    expect(await desk().update.send(requestOf(31, update), signal)).toMatchObject({ kind: 'confirmed' });
    const [comment = ''] = await commentsOf(sandbox, remoteId);
    expect(comment.endsWith(`…\n\n${markerOf(31)}`)).toBe(true);
    expect(Buffer.byteLength(comment)).toBeGreaterThan(3_990);
    // No half of a pair: it comes back from its bytes as it was.
    expect(Buffer.from(comment).toString()).toBe(comment);
  });

  it('of a key that is not unique are found both, and the surplus one is closed once', async () => {
    const [keptId, surplusId] = [
      await newCase(sandbox, { Baton_Key__c: markerOf(10) }),
      await newCase(sandbox, { Baton_Key__c: markerOf(10) }),
    ];
    expect(await desk().open.send(requestOf(10, ticketBody), signal)).toMatchObject({ kind: 'unknown' });
    const look = () => desk().open.look(requestOf(10, ticketBody), signal);
    expect(await look()).toMatchObject({ kind: 'found', remoteIds: [keptId, surplusId] });
    await desk().closeDuplicate(surplusId, keptId, signal);
    await desk().closeDuplicate(surplusId, keptId, signal);
    expect(await look()).toMatchObject({ kind: 'found', remoteIds: [keptId] });
    expect(await commentsOf(sandbox, surplusId)).toEqual([
      `Duplicate of case ${keptId}, opened twice by mistake.`,
    ]);
    expect((await caseOf(sandbox, surplusId))['IsClosed']).toBe(true);
  });

  it('are all found by their markers, with what they said, over several pages', async () => {
    sandbox.settings.salesforceBatchSize = 2;
    const marked = [];
    for await (const one of desk().markedTickets(signal)) marked.push(one);
    sandbox.settings.salesforceBatchSize = 2_000;
    expect(marked.map(({ marker }) => marker).sort()).toEqual([1, 10, 20, 30].map(markerOf));
    expect(marked.find(({ marker }) => marker === markerOf(1))).toMatchObject({
      isSolved: false,
      body: ticketBody,
    });
    expect(marked.find(({ marker }) => marker === markerOf(20))).toMatchObject({ isSolved: true });
  });

  it('say what is amiss where the field of their key is not there', async () => {
    const lost = { ...settings, keyField: 'Elsewhere__c' };
    const other = openAgainst(sandbox, { connector: salesforce, vendor, settings: lost });
    const outcome = await other.ticketDesk?.open.send(requestOf(50, ticketBody), signal);
    expect(outcome).toMatchObject({
      kind: 'refused',
      retryable: false,
      reason: expect.stringContaining('Is Elsewhere__c an external id of Case'),
    });
    other.close();
  });

  it('wait where somebody else writes the record, and are refused for good where a word is unknown', async () => {
    const locked = [
      { message: 'unable to obtain exclusive access to this record', errorCode: 'UNABLE_TO_LOCK_ROW' },
    ];
    const params = { status: 400, body: JSON.stringify(locked) };
    sandbox.faults.add({ vendor, kind: 'status', match: { method: 'PATCH' }, params });
    expect(await desk().open.send(requestOf(40, ticketBody), signal)).toMatchObject({
      kind: 'refused',
      retryable: true,
    });
    const remoteId = await opened(40);
    const foreign = openAgainst(sandbox, {
      connector: salesforce,
      vendor,
      settings: { ...settings, statuses: { solved: 'Erledigt' } },
    });
    const update = { kind: 'ticket_update', remoteId, comment: 'So.', status: 'solved' } as const;
    const outcome = await foreign.ticketDesk?.update.send(requestOf(41, update), signal);
    expect(outcome).toMatchObject({ kind: 'refused', retryable: false });
    expect(JSON.stringify(outcome)).toContain('restricted picklist field: Erledigt');
    foreign.close();
  });
});
