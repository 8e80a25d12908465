import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createDeadLetterStore } from '../../src/control/dead-letters.js';
import type { FileRow } from '../../src/control/files.js';
import { query } from '../../src/database/postgres.js';
import { canaries } from '../setup/baton.js';
import { record } from '../setup/record.js';
import { type Installation, startInstallation } from './installation.js';

let baton: Installation;
let folder: string;
beforeAll(async () => {
  baton = await startInstallation({
    BATON_CONNECTIONS__POS__SETTLE_MS: '300',
    BATON_CONNECTIONS__POS__POLL_MS: '200',
    BATON_CONNECTIONS__POS__SUMMARY_AFTER: '3',
  });
  baton.sandbox.settings.zendeskPerMinute = null;
  folder = path.join(baton.config.home, 'raw-pos-orders');
  mkdirSync(folder, { recursive: true });
}, 60_000);
afterAll(() => baton?.stop());

/** As a careful writer does it. */
function put(name: string, body: string | Buffer): void {
  mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
  writeFileSync(path.join(folder, `${name}.tmp`), body);
  renameSync(path.join(folder, `${name}.tmp`), path.join(folder, name));
}

async function ended(key: string): Promise<FileRow> {
  return vi.waitFor(
    async () => {
      const { rows } = await query<FileRow>(
        baton.database.knex,
        `SELECT * FROM control.files WHERE key = :key AND state IN ('done','dead','gone') ORDER BY arrived_at DESC LIMIT 1`,
        { key },
      );
      expect(rows).toHaveLength(1);
      return rows[0] as FileRow;
    },
    { timeout: 20_000, interval: 50 },
  );
}

const rowsOf = async (like: string) =>
  (
    await query<Record<string, string>>(
      baton.warehouseDatabase.knex,
      `SELECT order_id, order_value_usd::text AS value, priority_flag AS flag, currency, tax::text AS tax
       FROM raw.pos_orders WHERE order_id LIKE :like ORDER BY order_id`,
      { like },
    )
  ).rows;

const quarantined = async (batch: string) =>
  (
    await query<{ raw: string; reason: string }>(
      baton.warehouseDatabase.knex,
      `SELECT raw, violations::text AS reason FROM quarantine.records WHERE batch_id LIKE :batch || '%'`,
      { batch },
    )
  ).rows;

const tickets = async () => (await baton.tickets()).map((ticket) => ticket.subject);

const enriched = (key: string) => readFileSync(path.join(baton.lakePath, key));

describe('a file of orders', () => {
  it('is loaded with value and flag, has an enriched copy, and opens a ticket for what is HIGH', async () => {
    put(
      'day/orders.json',
      JSON.stringify(
        [
          { order_id: 'A1', subtotal: 9259.25, note: 'ten thousand less a cent' },
          { order_id: 'A2', subtotal: '9259.26', tax: 0.08, currency: 'USD' },
          { order_id: 'A3', subtotal: 9259.27, items: [{ sku: 'Größe “XL”' }] },
          { order_id: 'A4', subtotal: 10_000, tax: 0 },
        ],
        null,
        2,
      ),
    );
    const file = await ended('day/orders.json');
    expect(file).toMatchObject({ state: 'done', records: 4, high: 1 });
    // 9259.25 × 1.08 = 9999.99, 9259.26 × 1.08 = 10000.0008, 9259.27 × 1.08 = 10000.0116, by hand.
    expect(await rowsOf('A%')).toEqual([
      { order_id: 'A1', value: '9999.99', flag: 'STANDARD', currency: 'USD', tax: '0.08' },
      { order_id: 'A2', value: '10000.00', flag: 'STANDARD', currency: 'USD', tax: '0.08' },
      { order_id: 'A3', value: '10000.01', flag: 'HIGH', currency: 'USD', tax: '0.08' },
      { order_id: 'A4', value: '10000.00', flag: 'STANDARD', currency: 'USD', tax: '0' },
    ]);
    expect(file.enriched_key).toBe('enriched/day/orders.json');
    const copy = JSON.parse(enriched('enriched/day/orders.json').toString('utf8'));
    expect(copy).toHaveLength(4);
    expect(copy[2]).toMatchObject({
      order_id: 'A3',
      items: [{ sku: 'Größe “XL”' }],
      order_value_usd: 10000.01,
      priority_flag: 'HIGH',
    });
    expect(Date.parse(copy[2].processed_at)).toBeGreaterThan(file.modified_at.getTime() - 1_000);
    await vi.waitFor(async () => expect(await tickets()).toContain('Order A3 is worth 10000.01 USD'), {
      timeout: 15_000,
    });
    expect((await tickets()).filter((subject) => subject.startsWith('Order A'))).toHaveLength(1);
    await record('file-done', baton.client, `file/pos/${file.id}`);
  });

  it('with more HIGH orders than get a ticket each has one ticket for all of them', async () => {
    const orders = (prefix: string, count: number) =>
      JSON.stringify(
        Array.from({ length: count }, (_, at) => ({ order_id: `${prefix}${at + 1}`, subtotal: 20_000 })),
      );
    put('as-many.json', orders('S', 3));
    put('too-many.json', orders('T', 4));
    expect([(await ended('as-many.json')).high, (await ended('too-many.json')).high]).toEqual([3, 4]);
    const expected = [
      '4 orders of high value in too-many.json',
      ...[1, 2, 3].map((at) => `Order S${at} is worth 21600.00 USD`),
    ];
    const about = async () =>
      (await tickets()).filter((subject) => /^Order [ST]|too-many|as-many/.test(subject)).sort();
    await vi.waitFor(async () => expect(await about()).toEqual(expected), { timeout: 15_000 });
    const summary = (await baton.tickets()).find(({ subject }) => subject.includes('too-many'));
    const select = /All of them: (SELECT .*)/.exec(JSON.stringify(summary))?.[1]?.split('\\n')[0] ?? '';
    const { rows } = await query(baton.warehouseDatabase.knex, select);
    expect(rows.map((row) => row['order_id']).sort()).toEqual(['T1', 'T2', 'T3', 'T4']);
    expect(await about()).toEqual(expected);
  });

  it('converts what is in another currency by the day’s rates first', async () => {
    put('euro.ndjson', `${JSON.stringify({ order_id: 'E1', subtotal: 1_000, currency: 'EUR', tax: 0 })}\n`);
    await ended('euro.ndjson');
    const latest = (await (await fetch(`${baton.sandbox.url}/rates/v1/latest?base=EUR`)).json()) as {
      rates: Record<string, number>;
    };
    const [row] = await rowsOf('E1');
    expect(Number(row?.['value'])).toBeCloseTo(1_000 * (latest.rates['USD'] ?? 0), 2);
  });

  it('loses no good record to a bad one: of JSON, of lines, of a table', async () => {
    put(
      'bad.json',
      '[{"order_id":"B1","subtotal":1}, {"order_id":"B2"}, 17, {"order_id":"B3","subtotal":01}]',
    );
    put(
      'bad.ndjson',
      '{"order_id":"B4","subtotal":2}\n{"order_id":"B5","subtotal":\n{"order_id":"B6","subtotal":3,"tax":7}\n{"order_id":"B7","subtotal":4}\n',
    );
    put('bad.csv', '\ufefforder_id,subtotal,note\nB8,5,"a, ""quoted"" note"\nB9,6\nB10,7,x\n');
    const [json, lines, table] = [await ended('bad.json'), await ended('bad.ndjson'), await ended('bad.csv')];
    expect(
      [json, lines, table].map(({ records, counts }) => [records, counts?.loaded, counts?.quarantined]),
    ).toEqual([
      [4, 1, 3],
      [4, 2, 2],
      [3, 2, 1],
    ]);
    expect((await rowsOf('B%')).map((row) => row['order_id'])).toEqual(['B1', 'B10', 'B4', 'B7', 'B8']);
    const kept = await quarantined(table.batch_id ?? '');
    expect(kept[0]?.reason).toContain('has 2 values where the header names 3');
    expect(
      enriched('enriched/bad.csv')
        .toString('utf8')
        .split('\n')
        .map((line) => line.replace(/\d{4}-.*Z/, 'T')),
    ).toEqual([
      'order_id,subtotal,note,order_value_usd,priority_flag,processed_at',
      'B8,5,"a, ""quoted"" note",5.40,STANDARD,T',
      'B10,7,x,7.56,STANDARD,T',
      '',
    ]);
  });

  it('that is none becomes a dead letter that says why, and is read when it was written anew', async () => {
    put('none.json', '<html>not found</html>');
    put('half.json', '[{"order_id":"C1","subtotal":1},{"order_id":"C2","subto');
    const [none, half] = [await ended('none.json'), await ended('half.json')];
    expect(none).toMatchObject({ state: 'dead' });
    expect(none.reason).toMatch(
      /none\.json is not JSON: there is a < where a list or an object begins, at byte 1/,
    );
    expect(half.reason).toMatch(/half\.json is cut off, at byte \d+, behind 1 record.*BTN-6020/);
    const letters = await createDeadLetterStore(baton.database).list({ kind: 'file', limit: 10 });
    expect(letters.map(({ what }) => what).sort()).toEqual(['half.json', 'none.json']);
    expect(await rowsOf('C%')).toEqual([]);
    put('half.json', '[{"order_id":"C1","subtotal":1},{"order_id":"C2","subtotal":2}]');
    await vi.waitFor(async () => expect(await rowsOf('C%')).toHaveLength(2), { timeout: 15_000 });
  });

  it('in two versions is two files: the later one decides, and a cause has one ticket', async () => {
    put('twice.json.gz', gzipSync('[{"order_id":"D1","subtotal":20000},{"order_id":"D2","subtotal":1}]'));
    await ended('twice.json.gz');
    put('twice.json.gz', gzipSync('[{"order_id":"D1","subtotal":30000},{"order_id":"D2","subtotal":2}]'));
    await vi.waitFor(
      async () => expect((await rowsOf('D%')).map((row) => row['value'])).toEqual(['32400.00', '2.16']),
      { timeout: 15_000 },
    );
    const second = await vi.waitFor(
      async () => {
        const file = await ended('twice.json.gz');
        expect(file.enriched_key).not.toBe('enriched/twice.json.gz');
        return file;
      },
      { timeout: 15_000 },
    );
    expect(second.enriched_key).toBe(`enriched/twice.${second.id}.json.gz`);
    const copy = (key: string) => JSON.parse(gunzipSync(enriched(key)).toString('utf8'))[0].order_value_usd;
    expect([copy('enriched/twice.json.gz'), copy(second.enriched_key ?? '')]).toEqual([21600, 32400]);
    await vi.waitFor(
      async () =>
        expect((await tickets()).filter((subject) => subject.startsWith('Order D1'))).toEqual([
          'Order D1 is worth 21600.00 USD',
        ]),
      { timeout: 15_000 },
    );
  });

  it('is looked for at once when its store tells of it; what tells of something else is filtered', async () => {
    const tell = (body: unknown) =>
      baton.post('pos', JSON.stringify(body), {
        'content-type': 'application/json',
        authorization: `Bearer ${canaries.POS_SECRET}`,
      });
    const notice = {
      EventName: 's3:ObjectCreated:Put',
      Key: 'raw-pos-orders/told.json',
      Records: [
        {
          eventSource: 'minio:s3',
          eventName: 's3:ObjectCreated:Put',
          s3: { bucket: { name: 'raw-pos-orders' }, object: { key: 'told.json' } },
        },
      ],
    };
    const answers = [
      await tell(notice),
      await tell({ ...notice, Records: [{ ...notice.Records[0], eventName: 's3:ObjectRemoved:Delete' }] }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([202, 202]);
    const ids = await Promise.all(
      answers.map(async (answer) => ((await answer.json()) as { id: string }).id),
    );
    await vi.waitFor(
      async () => {
        const events = await Promise.all(ids.map((id) => baton.parts.inbox.find(id)));
        expect(events.map((event) => [event?.state, event?.detail])).toEqual([
          ['processed', 'the files of pos are looked at'],
          ['filtered', 'it tells of no new object'],
        ]);
      },
      { timeout: 10_000 },
    );
    expect(
      (await baton.post('pos', '{}', { 'content-type': 'application/json', authorization: 'Bearer x' }))
        .status,
    ).toBe(401);
  });
});
