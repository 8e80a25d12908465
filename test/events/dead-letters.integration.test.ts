import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { insertIntent } from '../../src/control/intents.js';
import { query } from '../../src/database/postgres.js';
import { sweep } from '../../src/repair/retention.js';
import { baton as run } from '../cli/captured.js';
import { projectRoot } from '../setup/shared.js';
import { type Installation, startInstallation, ticketEvent, zendeskHeaders } from './installation.js';

let baton: Installation;
beforeAll(async () => {
  baton = await startInstallation();
}, 60_000);
afterAll(() => baton?.stop());

async function cli(...args: readonly string[]) {
  const { code, stdout, stderr } = await run([...args, '--json'], {
    cwd: projectRoot,
    env: { ...baton.env },
  });
  return { code, ...(JSON.parse(stdout) as { data: never; error?: { code: string } }), stderr };
}
const letters = async () =>
  ((await cli('dlq', 'list')).data as { letter: string }[]).map(({ letter }) => letter);

async function send(ticket: string) {
  const body = ticketEvent(ticket);
  const answer = await baton.post('zendesk', body, zendeskHeaders(body));
  return ((await answer.json()) as { id: string }).id;
}
const processed = (id: string) =>
  vi.waitFor(async () => expect((await baton.parts.inbox.find(id))?.state).toBe('processed'), {
    timeout: 20_000,
  });

/** A ticket that the desk refused for good, with a word that was to be said to it. */
async function refusedTicket(cause: string) {
  const common = {
    tenant: 'default',
    cause,
    episode: 1,
    connection: 'zendesk',
    guarantee: 'exact',
    runId: 'test',
    parked: true,
  };
  await baton.database.knex.transaction(async (trx) => {
    await insertIntent(trx, {
      ...common,
      action: 'open',
      ordinal: '1',
      kind: 'ticket.open',
      body: { kind: 'ticket', subject: cause, description: 'x', priority: 'low', tags: [] },
      ticket: { rule: 'test', subject: cause },
    });
    await insertIntent(trx, {
      ...common,
      action: 'comment',
      ordinal: '1',
      kind: 'ticket.update',
      body: { kind: 'ticket_update', remoteId: '', comment: 'more of it', status: null },
    });
    await trx.raw(`UPDATE control.effects SET state = 'dead', last_error = 'refused' WHERE cause = ?`, [
      cause,
    ]);
    await trx.raw(`UPDATE control.tickets SET state = 'dead' WHERE cause = ?`, [cause]);
  });
  return `effect:default/${cause}/open/1`;
}

describe('dead letters', () => {
  it('that are effects are sent when they are replayed, once, with what was to follow them', async () => {
    const letter = await refusedTicket('replayed');
    expect(await letters()).toContain(letter);
    expect((await cli('dlq', 'replay', letter)).code).toBe(0);
    await vi.waitFor(
      async () => {
        const found = (await baton.tickets()).filter(({ comments }) =>
          comments.some(({ body }) => body.includes('more of it')),
        );
        expect(found).toHaveLength(1);
      },
      { timeout: 30_000 },
    );
    expect(await letters()).toEqual([]);
    expect(await cli('dlq', 'replay', letter)).toMatchObject({ code: 2, error: { code: 'BTN-1005' } });
    expect(await baton.tickets()).toHaveLength(1);
  }, 60_000);

  it('that are put away are neither done nor shown', async () => {
    const letter = await refusedTicket('discarded');
    expect((await cli('dlq', 'discard', letter)).code).toBe(2);
    expect((await cli('dlq', 'discard', letter, '--yes')).code).toBe(0);
    expect(await letters()).not.toContain(letter);
    expect(await cli('dlq', 'show', letter)).toMatchObject({ error: { code: 'BTN-1005' } });
    expect(await baton.tickets()).toHaveLength(1);
  });

  it('that are events are handled by the rules of today', async () => {
    const id = await send('5001');
    await processed(id);
    await query(
      baton.database.knex,
      `UPDATE control.inbox SET state = 'dead', detail = 'it kept failing' WHERE event_id = :id`,
      { id },
    );
    expect(await letters()).toContain(`event:${id}`);
    expect((await cli('dlq', 'replay', `event:${id}`)).code).toBe(0);
    await processed(id);
    // Processed is landed; it is loaded soon after.
    const loaded = 'SELECT FROM raw.zendesk_events WHERE event_id = :id';
    await vi.waitFor(
      async () => expect((await query(baton.warehouseDatabase.knex, loaded, { id })).rowCount).toBe(1),
      { timeout: 20_000, interval: 200 },
    );
  }, 60_000);
});

describe('a landing whose worker was lost', () => {
  it('is done by another, with the same events and into the same batch', async () => {
    await baton.stopDispatcher();
    const ids = [await send('6001'), await send('6002')];
    const { rows } = await query<{ id: string }>(
      baton.database.knex,
      `INSERT INTO control.landings (id, connection, tenant, events, begun_at)
       SELECT '1-lost', 'zendesk', 'default', array_agg(id), now() - interval '2 minutes'
       FROM control.inbox WHERE event_id = ANY (string_to_array(:ids, ' ')) RETURNING id`,
      { ids: ids.join(' ') },
    );
    expect(rows).toHaveLength(1);
    baton.startDispatcher();
    for (const id of ids) await processed(id);
    const { rows: events } = await query<{ _batch_id: string }>(
      baton.warehouseDatabase.knex,
      `SELECT DISTINCT _batch_id FROM raw.zendesk_events WHERE subject IN ('6001', '6002')`,
    );
    await vi.waitFor(() => expect(events.length).toBeLessThanOrEqual(1));
    const { rows: batches } = await query<{ n: number }>(
      baton.database.knex,
      `SELECT records::int AS n FROM control.batches WHERE run_id = 'events/zendesk/1-lost'`,
    );
    expect(batches).toEqual([{ n: 2 }]);
  }, 60_000);
});

describe('retention', () => {
  it('removes events that have ended and are in the lake, and nothing that waits or is dead', async () => {
    const id = await send('7001');
    await processed(id);
    const dead = await send('7002');
    await processed(dead);
    await query(
      baton.database.knex,
      `UPDATE control.inbox SET ended_at = now() - interval '40 days', landed_at = now() - interval '40 days',
              state = CASE WHEN event_id = :dead THEN 'dead' ELSE state END WHERE event_id IN (:id, :dead)`,
      { id, dead },
    );
    const swept = await sweep(baton.retention, baton.config.retention, { dryRun: false });
    expect(swept?.events).toBe(1);
    expect(await baton.parts.inbox.find(id)).toBeNull();
    expect((await baton.parts.inbox.find(dead))?.state).toBe('dead');
  }, 60_000);
});
