import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type Ledger, opening, openLedger, updating } from './ledger.js';

let ledger: Ledger;
beforeAll(async () => {
  ledger = await openLedger();
});
afterAll(() => ledger?.close());

const states = async (tenant: string) =>
  Object.fromEntries((await ledger.rows(tenant)).map((row) => [`${row.action} ${row.cause}`, row.state]));

/** Opens tickets; answers their ids at the vendor, by cause. */
async function openTickets(tenant: string, causes: readonly string[]): Promise<Map<string, string>> {
  await ledger.intend(...causes.map((cause) => opening(tenant, cause)));
  expect(await ledger.drain(tenant)).toMatchObject({ confirmed: causes.length, open: 0 });
  return new Map((await ledger.rows(tenant)).map((row) => [row.cause, row.remote_id ?? '']));
}

const commentsOf = (id: string | undefined) =>
  ledger.sandbox.tickets.comments(Number(id)).map(({ body }) => body.split('\n')[0]);

describe('effects that fail again and again', () => {
  it('keep none of their desk from being sent, and are sent when their fault is mended', async () => {
    const ids = await openTickets('poison', ['bad-1', 'bad-2', 'good-1', 'good-2', 'good-3']);
    const { faults, requests } = ledger.sandbox;
    for (const bad of ['bad-1', 'bad-2']) {
      const match = { method: 'PUT', path: `/api/v2/tickets/${ids.get(bad)}` };
      const params = { status: 503, retryAfter: 5 };
      faults.add({ vendor: 'zendesk', kind: 'status', match, count: null, params });
    }
    const open = ['bad-1', 'bad-2', 'good-1', 'good-2'];
    await ledger.intend(...open.map((cause) => updating('poison', cause)));

    requests.clear();
    expect(await ledger.drain('poison')).toMatchObject({ confirmed: 0, failed: 2, open: 4 });
    expect(requests.last()).toHaveLength(2); // two knocks: the vendor may be down
    expect(await ledger.drain('poison')).toMatchObject({ confirmed: 2, failed: 0, open: 2 });

    // Due again, but no longer than what came in meanwhile: it is not they who knock.
    await ledger.intend(updating('poison', 'good-3'));
    await ledger.pass(15_000);
    expect(await ledger.drain('poison')).toMatchObject({ confirmed: 1, failed: 2, open: 2 });
    expect(await states('poison')).toMatchObject({
      'comment bad-1': 'refused',
      'comment bad-2': 'refused',
      'comment good-1': 'confirmed',
      'comment good-2': 'confirmed',
      'comment good-3': 'confirmed',
    });

    faults.clear();
    await ledger.pass(15_000);
    expect(await ledger.drain('poison')).toMatchObject({ confirmed: 2, open: 0 });
    for (const [cause, id] of ids) expect(commentsOf(id)).toEqual(['Why.', `comment of ${cause}`]);
  });
});

describe('a ticket that was refused for good', () => {
  it('takes its updates with it, those that wait and those that come later', async () => {
    const refuse = { vendor: 'zendesk', kind: 'status', match: { method: 'POST' } } as const;
    ledger.sandbox.faults.add({ ...refuse, params: { status: 422 } });
    await ledger.intend(opening('refused', 'a'), updating('refused', 'a'));
    expect(await ledger.drain('refused')).toMatchObject({ confirmed: 0, dead: 1, open: 0, nextDueMs: null });
    await ledger.intend(updating('refused', 'a', { action: 'resolve', status: 'solved' }));
    expect(await states('refused')).toEqual({ 'open a': 'dead', 'comment a': 'dead', 'resolve a': 'dead' });
    const rows = await ledger.rows('refused');
    expect(rows.at(-1)?.last_error).toBe('its ticket was refused for good');
    expect(await ledger.ticket('refused', 'a')).toMatchObject({ state: 'dead', remote_id: null });
    expect((await ledger.effects.drainable()).map(({ tenant }) => tenant)).not.toContain('refused');
  });

  it('also takes one that is being stored while the refusal is', async () => {
    await ledger.intend(opening('race', 'a'));
    const { knex } = ledger.control;
    const refusal = await knex.transaction();
    onTestFinished(async () => {
      if (!refusal.isCompleted()) await refusal.rollback();
    });
    await refusal('control.tickets').where({ tenant: 'race' }).update({ state: 'dead' });
    const storing = ledger.effects.intend([updating('race', 'a')]);
    const waits = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`;
    await expect
      .poll(async () => (await knex.raw(waits)).rows[0].n, { timeout: 5_000, interval: 20 })
      .toBe(1);
    await refusal.commit();
    await storing;
    expect(await states('race')).toMatchObject({ 'comment a': 'dead' });
  });
});

describe('a sweep that keeps another copy than the ledger held', () => {
  /** A ticket in doubt that is there twice, the ledger's being the later one. Answers the earlier one's id. */
  async function openTwice(tenant: string): Promise<{ readonly kept: string; readonly held: string }> {
    const { sandbox } = ledger;
    await ledger.intend(opening(tenant, 'a'));
    const [row] = await ledger.rows(tenant);
    const answer = await fetch(`${sandbox.url}/zendesk/api/v2/tickets.json`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from('baton@example.com/token:ledger-token').toString('base64')}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({ ticket: { subject: 'a', comment: { body: 'Why.' }, external_id: row?.marker } }),
    });
    const { ticket } = (await answer.json()) as { ticket: { id: number } };
    sandbox.faults.add({ vendor: 'zendesk', kind: 'accept_then_reset', match: { method: 'POST' } });
    await ledger.drain(tenant);
    await ledger.pass(11_000);
    expect(await ledger.drain(tenant)).toMatchObject({ confirmed: 1, open: 0, unswept: 1 });
    const held = (await ledger.ticket(tenant, 'a'))?.remote_id;
    expect(Number(held)).toBeGreaterThan(ticket.id);
    return { kept: String(ticket.id), held };
  }

  const statusOf = (id: string) => ledger.sandbox.tickets.find(Number(id))?.status;

  it('makes that one the ticket, to which later updates go', async () => {
    const { kept, held } = await openTwice('copies');
    await ledger.pass(601_000);
    expect(await ledger.drain('copies')).toMatchObject({ open: 0, unswept: 0 });
    expect(await ledger.ticket('copies', 'a')).toMatchObject({ state: 'open', remote_id: kept });
    expect(await ledger.rows('copies')).toMatchObject([{ remote_id: kept, duplicates: 1 }]);
    expect([statusOf(kept), statusOf(held)]).toEqual(['new', 'solved']);
    await ledger.intend(updating('copies', 'a'));
    expect(await ledger.drain('copies')).toMatchObject({ confirmed: 1, open: 0 });
    expect(commentsOf(kept)).toEqual(['Why.', 'comment of a']);
  });

  it('resolves it when the discrepancy was resolved on the copy meanwhile', async () => {
    const { kept, held } = await openTwice('solved');
    await ledger.intend(updating('solved', 'a', { action: 'resolve', status: 'solved' }));
    await ledger.drain('solved');
    expect([statusOf(kept), statusOf(held)]).toEqual(['new', 'solved']);
    await ledger.pass(601_000);
    expect(await ledger.drain('solved')).toMatchObject({ open: 1, unswept: 0 });
    expect(await ledger.drain('solved')).toMatchObject({ confirmed: 1, open: 0, unswept: 0 });
    expect([statusOf(kept), statusOf(held)]).toEqual(['solved', 'solved']);
    expect(await ledger.ticket('solved', 'a')).toMatchObject({ state: 'resolved', remote_id: kept });
    expect(await ledger.drain('solved')).toMatchObject({ confirmed: 0, open: 0, unswept: 0 });
  });
});

describe('an update', () => {
  it('goes to the desk where its ticket is, also when the pipeline has another one now', async () => {
    const ids = await openTickets('moved', ['a']);
    await ledger.intend(updating('moved', 'a', { connection: 'moved' }));
    expect((await ledger.rows('moved')).at(-1)?.connection).toBe('zendesk');
    expect(await ledger.drain('moved', { connection: 'moved' })).toMatchObject({ failed: 0, open: 0 });
    expect(await ledger.drain('moved')).toMatchObject({ confirmed: 1, open: 0 });
    expect(commentsOf(ids.get('a'))).toEqual(['Why.', 'comment of a']);
  });
});

describe('a worker that is asked to stop in the middle of a round', () => {
  it('ends what it has begun, begins nothing more, and leaves the rest to the next attempt', async () => {
    const causes = Array.from({ length: 40 }, (_, index) => `c-${index}`);
    await ledger.intend(...causes.map((cause) => opening('stop', cause)));
    const before = ledger.sandbox.tickets.all().length;
    const stopping = new AbortController();
    let requests = 0;
    ledger.onRequest(() => {
      requests += 1;
      if (requests === 5) stopping.abort();
    });
    await expect(ledger.drain('stop', { stopping: stopping.signal })).rejects.toMatchObject({
      type: 'ERR_WORKER_STOPPING',
      nonRetryable: false,
    });
    const begun = (await ledger.rows('stop')).filter((row) => row.attempts > 0);
    expect(begun.length).toBeGreaterThanOrEqual(5);
    expect(begun.length).toBeLessThan(12);
    expect(new Set(begun.map((row) => row.state))).toEqual(new Set(['confirmed']));
    expect(await ledger.drain('stop')).toMatchObject({ confirmed: 40 - begun.length, open: 0 });
    expect(ledger.sandbox.tickets.all()).toHaveLength(before + 40);
  });
});
