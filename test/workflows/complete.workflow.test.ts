import { readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startBaton, type TestBaton } from '../setup/baton.js';
import { record } from '../setup/record.js';

const records = 400;
const perPage = 50;
/** Two tables hold orders: each is listed once, a few pages more for repeated records; five ask for the clock. */
const listing = 2 * (records / perPage + 3) + 5;

let baton: TestBaton;
beforeAll(async () => {
  baton = await startBaton({ time: 'skipping', records });
  await baton.run();
}, 120_000);
afterAll(() => baton?.stop());

const rows = async <R>(sql: string) => (await baton.warehouseDatabase.knex.raw(sql)).rows as R[];
const ids = async (sql: string) => (await rows<{ id: string }>(sql)).map(({ id }) => id);
const admin = async <T>(where: string, init?: RequestInit) =>
  (await fetch(`${baton.sandbox.url}/_admin${where}`, init)).json() as Promise<T>;
const change = (record: object) =>
  admin<{ id: number }>('/orders', { method: 'POST', body: JSON.stringify(record) });

async function complete(since = 'all') {
  const id = await baton.start({ pipeline: 'complete:coupa', inputs: { since } });
  await baton.result(id);
  const found = await baton.deps.warehouse.comparisons.ofRun(id);
  return { id, byStep: new Map(found.map((comparison) => [comparison.stepId, comparison])) };
}

/** What the vendor was asked for, by path. */
function requests(where: string): number {
  return baton.sandbox.requests
    .counts()
    .filter((one) => one.method === 'GET' && one.path.endsWith(where))
    .reduce((sum, one) => sum + one.count, 0);
}

const folder = () => path.join(baton.lakePath, 'raw/coupa/purchase_orders');
const objects = () =>
  readdirSync(folder(), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ndjson.gz'));
const idsIn = (name: string) =>
  gunzipSync(readFileSync(path.join(folder(), name)))
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => String(JSON.parse(line).id));

/** All that a reader of orders can see, but for what says which load brought it. */
const content = () =>
  rows<{ po_id: string; text: string }>(
    `SELECT f.po_id, md5(f.raw::text) || coalesce(f.total_usd::text, '') || f.total || f.updated_at || f._deleted || coalesce(string_agg(l.line_id || l.total, ',' ORDER BY l.line_id), '') AS text
     FROM analytics.po_fact f LEFT JOIN analytics.po_line_fact l USING (_tenant, _source, po_id)
     GROUP BY f._tenant, f._source, f.po_id ORDER BY f.po_id`,
  );
const watermarks = () =>
  rows(`SELECT stream, value FROM raw._baton_watermarks WHERE connection = 'coupa' ORDER BY 1`);

describe('completing a connection', () => {
  it('reads nothing again where nothing is lacking, and lists each key once', async () => {
    const before = await content();
    const asked = requests('/api/purchase_orders');
    const { id, byStep } = await complete();
    for (const comparison of byStep.values())
      expect(comparison).toMatchObject({ found: { missing: 0, older: 0, lost: 0 }, lost: [] });
    const drafts = (await admin<{ drafts: number[] }>('/truth')).drafts.length;
    expect(byStep.get('compare_orders')?.listed).toBe(records - drafts);
    expect(requests('/api/purchase_orders') - asked).toBeLessThanOrEqual(listing);
    expect(await content()).toEqual(before);
    await record('complete-nothing-lacking', baton.client, id);
  });

  it('brings back exactly what was taken away from warehouse and lake, and what the source had kept back', async () => {
    const before = await content();
    const marks = await watermarks();
    const loaded = await ids('SELECT po_id AS id FROM analytics.po_fact ORDER BY po_id');
    const [changed = '', ...others] = loaded;
    const removed = others.slice(0, 3);
    const outdated = others.slice(3, 5);
    await rows(`DELETE FROM analytics.po_fact WHERE po_id IN (${removed.map((one) => `'${one}'`).join()})`);
    await rows(
      `UPDATE analytics.po_fact SET updated_at = updated_at - interval '1 hour', total = 1 WHERE po_id IN (${outdated.map((one) => `'${one}'`).join()})`,
    );
    // An hour ago by the vendor's clock: no window after the watermark will show these.
    const [hour] = await rows<{ ago: Date }>(`SELECT now() - interval '1 hour' AS ago`);
    const kept = { 'updated-at': hour?.ago.toISOString() };
    const news = await change({ ...kept, 'created-at': kept['updated-at'], total: '12.00' });
    await change({ ...kept, id: Number(changed), 'po-number': 'kept back' });
    const [lost = ''] = objects();
    const inLost = idsIn(lost).filter((one) => loaded.includes(one) || one === changed);
    rmSync(path.join(folder(), lost));

    const there = new Set(objects());
    const asked = requests('/api/purchase_orders');
    const { id, byStep } = await complete();
    const comparison = byStep.get('compare_orders');
    expect(comparison?.found).toMatchObject({ missing: removed.length + 1, older: outdated.length + 1 });
    expect(comparison?.lost.map(({ key }) => key)).toEqual([`raw/coupa/purchase_orders/${lost}`]);

    const again = objects()
      .filter((name) => !there.has(name))
      .flatMap(idsIn);
    const malformed = (await admin<{ malformed: { id: number }[] }>('/truth')).malformed;
    const unharmed = again.filter((one) => !malformed.some((bad) => String(bad.id) === one));
    const wanted = new Set([...removed, ...outdated, changed, String(news.id), ...inLost]);
    expect(new Set(unharmed)).toEqual(wanted);
    expect(requests('/api/purchase_orders') - asked).toBeLessThanOrEqual(
      listing + Math.ceil(again.length / perPage) + 2,
    );

    const after = await content();
    const isAsBefore = ({ po_id }: { po_id: string }) => po_id !== changed && po_id !== String(news.id);
    expect(after.filter(isAsBefore)).toEqual(before.filter(isAsBefore));
    expect(await rows(`SELECT po_number FROM analytics.po_fact WHERE po_id = '${changed}'`)).toEqual([
      { po_number: 'kept back' },
    ]);
    expect(await ids(`SELECT po_id AS id FROM analytics.po_fact WHERE po_id = '${news.id}'`)).toHaveLength(1);
    expect(await watermarks()).toEqual(marks);
    await record('complete-repaired', baton.client, id);

    const second = await complete();
    for (const comparison of second.byStep.values())
      expect(comparison).toMatchObject({ found: { missing: 0, older: 0, lost: 0 }, lost: [] });
  });
});
