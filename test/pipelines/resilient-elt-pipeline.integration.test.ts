import { appendFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyRun } from '../../src/quality/verify-run.js';
import type { Watch } from '../../src/workers/watch.js';
import { type Intake, watchArrivals } from '../../src/workers/watch-arrivals.js';
import { startBaton, type TestBaton } from '../setup/baton.js';

type Json = Record<string, unknown>;
const pipeline = 'resilient_elt_pipeline';

let baton: TestBaton;
let watch: Watch;

const intake: Intake = {
  folder: 'incoming/tickets/',
  connection: 'zendesk',
  stream: 'tickets',
  tenant: 'default',
  target: 'raw.zendesk_tickets',
};

beforeAll(async () => {
  baton = await startBaton({ time: 'real', records: 400 });
  watch = watchArrivals(baton.deps, [intake], 250);
  for (let index = 0; index < 30; index += 1) await ticket(`before ${index}`);
}, 120_000);
afterAll(async () => {
  await watch?.stop();
  await baton?.stop();
});

const rows = async <R = Json>(sql: string) => (await baton.warehouseDatabase.knex.raw(sql)).rows as R[];
const arrivals = async (where = 'true') =>
  (await baton.database.knex.raw(`SELECT * FROM control.arrivals WHERE ${where} ORDER BY id`)).rows as Json[];
const nothingWaits = () =>
  expect
    .poll(async () => (await arrivals(`state = 'waiting'`)).length, { timeout: 30_000, interval: 50 })
    .toBe(0);
const zendesk = async (body: Json) =>
  fetch(`${baton.sandbox.url}/zendesk/api/v2/tickets.json`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Basic ${Buffer.from(`a@example.com/token:${baton.env['ZENDESK_API_TOKEN']}`).toString('base64')}`,
    },
    body: JSON.stringify(body),
  });
const ticket = async (subject: string) =>
  expect((await zendesk({ ticket: { subject, comment: { body: subject } } })).status).toBe(201);

/** Every record in a folder of the lake, read with nothing of ours. */
function recordsIn(folder: string): Json[] {
  return readdirSync(path.join(baton.lakePath, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ndjson.gz'))
    .flatMap((name) =>
      gunzipSync(readFileSync(path.join(baton.lakePath, folder, name)))
        .toString()
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Json),
    );
}

/** An object that somebody else puts there. */
function put(name: string, body: string | Buffer): string {
  const file = path.join(baton.lakePath, intake.folder, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, body);
  return file;
}

const foreign = (id: number, subject: string, changed = 1_767_312_000) =>
  JSON.stringify({
    id,
    subject,
    status: 'open',
    tags: ['foreign'],
    created_at: '2026-01-01T00:00:00Z',
    updated_at: '2026-01-02T00:00:00Z',
    generated_timestamp: changed,
  });

describe('resilient_elt_pipeline', () => {
  it('lands both streams as received in folders of the day; its loaders bring them to raw', async () => {
    const first = await baton.run({ pipeline });
    expect(first).toMatchObject({ state: 'succeeded', error: null });
    await nothingWaits();
    const day = new Date().toISOString().slice(0, 10).replaceAll('-', '');
    const orders = recordsIn(`purchase_orders/${day}`);
    const tickets = recordsIn(`helpdesk_tickets/${day}`);
    expect(first.receipt.read).toBe(orders.length + tickets.length);
    const names = readdirSync(path.join(baton.lakePath, `purchase_orders/${day}`));
    for (const name of names)
      expect(name).toMatch(
        /^(part-[0-9a-f]{12}-1-\d{5}-[0-9a-f]{8}\.ndjson\.gz|_(manifest|loaded)-[0-9a-f]{12}-1\.json)$/,
      );
    const loaded = await rows<{ id: string }>('SELECT ticket_id AS id FROM raw.zendesk_tickets ORDER BY 1');
    expect(loaded.map(({ id }) => id).sort()).toEqual(tickets.map(({ id }) => String(id)).sort());
    const wanted = new Set(orders.filter(({ status }) => status !== 'draft').map(({ id }) => String(id)));
    const held = await rows<{ id: string }>(
      `SELECT po_id AS id FROM raw.coupa_purchase_orders
       UNION SELECT record_id FROM quarantine.records WHERE target = 'raw.coupa_purchase_orders'`,
    );
    expect(new Set(held.map(({ id }) => id))).toEqual(wanted);
    const plan = await baton.deps.runs.planOf(first.id);
    const stream = (connection: string, name: string) => baton.deps.connections.stream(connection, name);
    if (plan === null) throw new Error('no plan');
    expect(await verifyRun({ ...baton.deps, stream }, first.id, plan)).toMatchObject({
      ok: true,
      batches: 2,
    });
  });

  it('leaves the other pipeline its own watermark, and goes on from what is landed, not from what is loaded', async () => {
    const watermark = (name: string) => baton.deps.warehouse.watermark('coupa', name, 'default');
    expect((await watermark('purchase_orders')).value).toBeNull();
    expect((await watermark('purchase_orders@raw.coupa_purchase_orders')).value).not.toBeNull();
    const again = await baton.run({ pipeline });
    expect(again.receipt.read).toBeLessThan(31); // the overlap of the tickets, no order again
    await nothingWaits();
    const other = await baton.run();
    expect(other).toMatchObject({ state: 'succeeded' });
    expect(other.receipt.read).toBeGreaterThanOrEqual(400);
  });

  it('one vendor that fails keeps neither the other’s records from landing nor what is landed from loading', async () => {
    const tickets = { path: '/api/v2/incremental/tickets' };
    baton.sandbox.faults.add({
      vendor: 'zendesk',
      kind: 'status',
      match: tickets,
      params: { status: 403 },
    });
    const before = (await arrivals(`target = 'raw.coupa_purchase_orders'`)).length;
    const run = await baton.start({ pipeline });
    await expect(baton.result(run)).rejects.toThrow(/403/);
    baton.sandbox.faults.clear();
    await nothingWaits();
    expect((await arrivals(`target = 'raw.coupa_purchase_orders' AND state = 'loaded'`)).length).toBe(
      before + 1,
    );
  });
});

describe('objects that others put into the lake', () => {
  it('are loaded once per version, gzip or plain, and the time from landed to loaded is short', async () => {
    put('one.ndjson', `${foreign(9_001, 'one')}\n${foreign(9_002, 'two')}\n`);
    put(
      'sub folder/Übersicht (2).json.gz',
      gzipSync(`${foreign(9_003, 'three')}\n\n${foreign(9_004, 'four')}`),
    );
    await expect
      .poll(async () => (await arrivals(`key LIKE 'incoming/%' AND state = 'loaded'`)).length, {
        timeout: 20_000,
      })
      .toBe(2);
    const found = await rows<{ subject: string }>(
      `SELECT subject FROM raw.zendesk_tickets WHERE ticket_id LIKE '900_' ORDER BY ticket_id`,
    );
    expect(found.map(({ subject }) => subject)).toEqual(['one', 'two', 'three', 'four']);
    watch.look();
    await nothingWaits();
    expect(await arrivals(`key LIKE 'incoming/%'`)).toHaveLength(2);
    put('one.ndjson', `${foreign(9_001, 'one, anew', 1_767_313_000)}\n`);
    await expect
      .poll(async () => (await arrivals(`key LIKE '%one.ndjson' AND state = 'loaded'`)).length, {
        timeout: 20_000,
      })
      .toBe(2);
    expect(await rows(`SELECT subject FROM raw.zendesk_tickets WHERE ticket_id = '9001'`)).toEqual([
      { subject: 'one, anew' },
    ]);
  });

  it('are refused with the reason when they are garbage, and the rest goes on', async () => {
    const whole = gzipSync(
      Array.from({ length: 500 }, (_, index) => foreign(9_100 + index, 'cut')).join('\n'),
    );
    put('garbage/a-cut.ndjson.gz', whole.subarray(0, whole.length - 20));
    put('garbage/b-binary.ndjson', Buffer.from([0xff, 0xfe, 0x00, 0x0a, 0x01]));
    put('garbage/c-table.csv', 'id,subject\n1,x\n');
    put('garbage/d-cut-line.ndjson', `${foreign(9_700, 'whole')}\n${foreign(9_701, 'half').slice(0, 30)}`);
    put('garbage/e-record.ndjson', `${foreign(9_800, 'good')}\nnot json\n{"id":9801}\n`);
    put('garbage/f-good.ndjson', `${foreign(9_900, 'good')}\n`);
    put('garbage/g-being-written.tmp', 'half');
    await expect
      .poll(async () => (await arrivals(`key LIKE '%garbage%' AND state <> 'waiting'`)).length, {
        timeout: 20_000,
      })
      .toBe(6);
    const found = await arrivals(`key LIKE '%garbage%'`);
    const reasons = Object.fromEntries(
      found.map((row) => [path.basename(String(row['key']))[0], row['reason']]),
    );
    expect(reasons).toEqual({
      a: expect.stringMatching(
        /a-cut\.ndjson\.gz is no whole gzip file: unexpected end of file\. \(BTN-3013\)/,
      ),
      b: expect.stringMatching(/is not UTF-8 text in line 1/),
      c: expect.stringMatching(/holds no JSON record in line 1/),
      d: expect.stringMatching(/is cut off in line 2/),
      e: null,
      f: null,
    });
    expect(
      await rows(
        `SELECT count(*)::int AS n FROM raw.zendesk_tickets WHERE subject IN ('cut', 'whole', 'half')`,
      ),
    ).toEqual([{ n: 0 }]);
    expect(found.find((row) => String(row['key']).includes('e-record'))?.['counts']).toMatchObject({
      read: 3,
      loaded: 1,
      quarantined: 2,
    });
    expect(
      await rows(`SELECT count(*)::int AS n FROM raw.zendesk_tickets WHERE ticket_id IN ('9800', '9900')`),
    ).toEqual([{ n: 2 }]);
  });

  it('count only when their writer is done', async () => {
    const file = put('slow/growing.ndjson', `${foreign(9_950, 'first')}\n`);
    for (let index = 1; index <= 12; index += 1) {
      await new Promise((resolve) => setTimeout(resolve, 250));
      appendFileSync(file, `${foreign(9_950 + index, 'more')}\n`);
    }
    await expect
      .poll(async () => (await arrivals(`key LIKE '%growing%' AND state = 'loaded'`)).length, {
        timeout: 20_000,
      })
      .toBe(1);
    expect((await arrivals(`key LIKE '%growing%'`))[0]?.['counts']).toMatchObject({ read: 13, loaded: 13 });
  });
});

describe('when loading is held up', () => {
  /** Holds what a merge into the table has to take, until it is let go. */
  async function holdUp(table: string): Promise<() => Promise<void>> {
    const trx = await baton.warehouseDatabase.knex.transaction();
    await trx.raw('SELECT pg_advisory_xact_lock(hashtextextended(?, 7203321004))', [table]);
    return async () => void (await trx.commit());
  }
  const waiting = (target: string, n: number) =>
    expect
      .poll(async () => (await arrivals(`state = 'waiting' AND target = '${target}'`)).length, {
        timeout: 20_000,
      })
      .toBe(n);

  it('extraction and the other table go on, and it catches up in order by itself', async () => {
    await nothingWaits();
    const orders = (await arrivals(`target = 'raw.coupa_purchase_orders'`)).length;
    const letGo = await holdUp('raw.zendesk_tickets');
    for (let round = 1; round <= 3; round += 1) {
      await ticket(`held up ${round}`);
      expect(await baton.run({ pipeline })).toMatchObject({ state: 'succeeded' });
      await waiting('raw.zendesk_tickets', round);
      await waiting('raw.coupa_purchase_orders', 0);
    }
    expect(await arrivals(`target = 'raw.coupa_purchase_orders' AND state = 'loaded'`)).toHaveLength(
      orders + 3,
    );
    await letGo();
    await nothingWaits();
    const ended = (await arrivals(`target = 'raw.zendesk_tickets'`)).map((row) => Number(row['ended_at']));
    expect(ended).toEqual([...ended].sort((a, b) => a - b));
    const { value } = await baton.deps.warehouse.watermark(
      'zendesk',
      'tickets@raw.zendesk_tickets',
      'default',
    );
    const last = await baton.database.knex.raw(
      `SELECT max(window_to) AS at FROM control.batches WHERE stream = 'tickets'`,
    );
    expect(value).toBe(last.rows[0].at);
  });

  it('a worker that is taken away in mid-load leaves each load done once', async () => {
    const letGo = await holdUp('raw.zendesk_tickets');
    put('killed/one.ndjson', `${foreign(9_970, 'once')}\n`);
    await ticket('taken away');
    await baton.run({ pipeline });
    await waiting('raw.zendesk_tickets', 2);
    await baton.dismiss('data');
    await letGo();
    await baton.hire('data');
    await nothingWaits();
    // As if the last acknowledgement had been lost: the load is found, and only acknowledged.
    const [last] = await arrivals(`key LIKE '%killed/%'`);
    const loads = () =>
      rows('SELECT batch_id, generation, loaded_at, loaded FROM raw._baton_loads ORDER BY 1, 2');
    const before = await loads();
    await baton.database.knex.raw(
      `UPDATE control.arrivals SET state = 'waiting', counts = NULL WHERE state = 'loaded'`,
    );
    watch.look();
    await nothingWaits();
    expect(await loads()).toEqual(before);
    expect((await arrivals(`key LIKE '%killed/%'`))[0]).toMatchObject({
      load: last?.['load'],
      counts: last?.['counts'],
    });
  }, 120_000);

  it('a batch that was damaged in the lake is refused by name, and its window is read again', async () => {
    const letGo = await holdUp('raw.zendesk_tickets');
    put('hold.ndjson', `${foreign(9_980, 'first in line')}\n`);
    await waiting('raw.zendesk_tickets', 1);
    await ticket('in the damaged batch');
    await baton.run({ pipeline });
    const damaged = (await arrivals(`state = 'waiting' AND batch_id IS NOT NULL AND key IS NOT NULL`))[0];
    const file = path.join(baton.lakePath, String(damaged?.['key']));
    writeFileSync(file, readFileSync(file, 'utf8').replace('"records": ', '"records": 1'));
    await letGo();
    await nothingWaits();
    const [refused] = await arrivals(`state = 'refused' AND batch_id IS NOT NULL`);
    expect(refused?.['reason']).toMatch(
      /_manifest-.*\.json has sha256 [0-9a-f]{64}, landed was [0-9a-f]{64}\. \(BTN-3002\)/,
    );
    await baton.run({ pipeline });
    await nothingWaits();
    const found = await rows(`SELECT 1 FROM raw.zendesk_tickets WHERE subject = 'in the damaged batch'`);
    expect(found).toHaveLength(1);
    const { until, again } = await baton.deps.arrivals.landedUntil({
      tenant: 'default',
      target: 'raw.zendesk_tickets',
      connection: 'zendesk',
      stream: 'tickets',
    });
    expect(again).toBe(false);
    expect(
      (await baton.deps.warehouse.watermark('zendesk', 'tickets@raw.zendesk_tickets', 'default')).value,
    ).toBe(until);
  });
});

it('loads within seconds of landing', async () => {
  // Few: the incremental export of tickets may be asked ten times a minute.
  for (let round = 0; round < 4; round += 1) {
    await baton.run({ pipeline });
    await nothingWaits();
  }
  const times = (await arrivals(`batch_id IS NOT NULL AND state = 'loaded'`))
    .slice(-8)
    .map((row) => Number(row['ended_at']) - Number(row['arrived_at']))
    .sort((a, b) => a - b);
  const at = (share: number) => times[Math.ceil(times.length * share) - 1] ?? 0;
  console.log(`landed to loaded: p50 ${at(0.5)} ms, p95 ${at(0.95)} ms of ${times.length} batches`);
  expect(at(0.95)).toBeLessThan(5_000);
}, 120_000);
