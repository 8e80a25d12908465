import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { query } from '../../src/database/postgres.js';
import { type Installation, startInstallation, ticketEvent, zendeskHeaders } from './installation.js';

let baton: Installation;
beforeAll(async () => {
  baton = await startInstallation();
}, 60_000);
afterAll(() => baton?.stop());

async function send(body: string) {
  const answer = await baton.post('zendesk', body, zendeskHeaders(body));
  expect(answer.status).toBe(202);
  return ((await answer.json()) as { id: string }).id;
}

const loaded = async (id: string) =>
  (
    await query<Record<string, unknown>>(
      baton.warehouseDatabase.knex,
      'SELECT * FROM raw.zendesk_events WHERE event_id = :id',
      { id },
    )
  ).rows;

const stateOf = async (id: string) => (await baton.parts.inbox.find(id))?.state;

describe('an event', () => {
  it('is in the warehouse within seconds, with the bytes that were sent and where they are', async () => {
    const body = ticketEvent('35436', { subject: 'Größe “XL”\\n fehlt' });
    const id = await send(body);
    const [row] = await vi.waitFor(
      async () => {
        const rows = await loaded(id);
        expect(rows).toHaveLength(1);
        return rows;
      },
      { timeout: 15_000, interval: 100 },
    );
    expect(row).toMatchObject({
      subject: '35436',
      type: 'zen:event-type:ticket.created',
      occurred_at: new Date('2026-11-20T10:15:30.123Z'),
      _tenant: 'default',
      _source: 'zendesk',
    });
    expect(row?.['_ingested_at']).toBeInstanceOf(Date);
    expect(row?.['_pipeline_run_id']).toMatch(/^events\/zendesk\//);
    expect((row as { raw: { data: unknown } }).raw.data).toEqual(JSON.parse(body));
    expect(await stateOf(id)).toBe('processed');
  });

  it('is an object of its own under its ticket, and a later one beside it', async () => {
    const first = ticketEvent('771');
    const later = ticketEvent('771', { type: 'status_changed' });
    await send(first);
    const id = await send(later);
    await vi.waitFor(async () => expect(await stateOf(id)).toBe('processed'), { timeout: 15_000 });
    const now = new Date();
    const month = String(now.getUTCMonth() + 1).padStart(2, '0');
    const folder = path.join(
      baton.lakePath,
      'raw/helpdesk',
      `year=${now.getUTCFullYear()}`,
      `month=${month}`,
    );
    expect(readFileSync(path.join(folder, '771.json'), 'utf8')).toBe(first);
    expect(readFileSync(path.join(folder, `771.${id}.json`), 'utf8')).toBe(later);
    expect(readdirSync(folder).filter((name) => name.startsWith('771.'))).toHaveLength(2);
  });

  it('that is sent again is one event, and is counted', async () => {
    const body = ticketEvent('900');
    const ids = await Promise.all(Array.from({ length: 5 }, () => send(body)));
    expect(new Set(ids).size).toBe(1);
    const [id = ''] = ids;
    await vi.waitFor(async () => expect(await loaded(id)).toHaveLength(1), { timeout: 15_000 });
    expect(await baton.parts.inbox.duplicatesOf(id)).toBe(4);
  });
});
