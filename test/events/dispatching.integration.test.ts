import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createBellStore } from '../../src/control/bells.js';
import { createInboxStore, type NewEvent, type Outcome } from '../../src/control/inbox.js';
import { only, query } from '../../src/database/postgres.js';
import type { Consumer } from '../../src/events/consumer.js';
import { dispatchKey } from '../../src/events/dispatcher.js';
import { createLogger } from '../../src/observability/logger.js';
import { type Installation, startInstallation, ticketEvent, zendeskHeaders } from './installation.js';

let baton: Installation;
beforeAll(async () => {
  baton = await startInstallation({
    BATON_EVENTS__RULES: `[
      {name: runs, connection: zendesk, types: ["zen:event-type:ticket.run_*"], do: run, pipeline: po_data_pipeline},
      {name: noise, connection: zendesk, types: ["zen:event-type:ticket.noise"], do: ignore}]`,
  });
}, 60_000);
afterAll(() => baton?.stop());

async function send(type: string, ticket = '1') {
  const body = ticketEvent(ticket, { type });
  const answer = await baton.post('zendesk', body, zendeskHeaders(body));
  expect(answer.status).toBe(202);
  return ((await answer.json()) as { id: string }).id;
}

const find = async (id: string) => {
  const event = await baton.parts.inbox.find(id);
  if (event === null) throw new Error(`no event ${id}`);
  return event;
};

describe('rules', () => {
  it('start a run of a pipeline, and the event says which', async () => {
    const id = await send('run_1');
    const event = await vi.waitFor(
      async () => {
        const found = await find(id);
        expect(found.state).toBe('processed');
        return found;
      },
      { timeout: 10_000 },
    );
    expect(event.detail).toMatch(/^run\/po_data_pipeline\/default-/);
    const result = await baton.result(event.detail ?? '');
    expect(result.state).toBe('succeeded');
    expect((await baton.row(event.detail ?? ''))?.trigger).toBe('event');
  }, 60_000);

  it('that ignore an event leave it out of lake and warehouse, and say which rule it was', async () => {
    const event = await find(await send('noise'));
    expect(event).toMatchObject({ state: 'filtered', detail: 'noise', landed_at: null });
  });
});

describe('while Temporal is away', () => {
  it('an event is taken all the same, and what it starts is started when it is back, once', async () => {
    await baton.stopDispatcher();
    const id = await send('run_2');
    const away = { ...baton.events, ring: () => Promise.reject(new Error('Temporal is away')) };
    const key = { tenant: 'default', consumer: 'run', key: 'po_data_pipeline' };
    expect(await dispatchKey({ ...away, log: createLogger('test', 'silent') }, key)).toBe(true);
    const { detail, state } = await find(id);
    expect(state).toBe('processed');
    const bells = await query<{ workflow_id: string }>(
      baton.database.knex,
      'SELECT workflow_id FROM control.bells',
    );
    expect(bells.rows.map(({ workflow_id }) => workflow_id)).toEqual([detail]);
    baton.startDispatcher();
    await vi.waitFor(async () => expect((await baton.row(detail ?? ''))?.state).toBe('succeeded'), {
      timeout: 30_000,
    });
    expect((await query(baton.database.knex, 'SELECT FROM control.bells')).rowCount).toBe(0);
  }, 60_000);
});

describe('the inbox', () => {
  // Of its own consumers a worker knows nothing.
  beforeAll(() => baton.stopDispatcher());

  const inbox = () => createInboxStore(baton.database);
  const event = (more: Partial<NewEvent> = {}): NewEvent => ({
    connection: 'made_up',
    tenant: 'default',
    deliveryId: null,
    resendMs: 60_000,
    type: 'made.up',
    subject: null,
    key: 'made_up',
    consumer: 'made_up',
    rule: null,
    contentType: 'application/json',
    headers: {},
    body: Buffer.from('{}'),
    occurredAt: null,
    state: 'accepted',
    detail: null,
    lands: false,
    ...more,
  });
  const bodies = async (key: string) =>
    (
      await query<{ body: Buffer; state: string }>(
        baton.database.knex,
        'SELECT body, state FROM control.inbox WHERE key = :key ORDER BY id',
        { key },
      )
    ).rows.map(({ body, state }) => `${body.toString()} ${state}`);

  it('takes the same content for the same event only as long as its sender may send it again', async () => {
    const key = 'contents';
    const told = async (text: string) =>
      only(
        await inbox().accept([
          event({ key, connection: 'contents', resendMs: 1_000, body: Buffer.from(text) }),
        ]),
      );
    const first = await told('"a"');
    const other = await told('"b"');
    expect(await told('"a"')).toEqual({ ...first, isDuplicate: true });
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    const back = await told('"a"');
    expect(back.isDuplicate).toBe(false);
    expect(new Set([first.eventId, other.eventId, back.eventId]).size).toBe(3);
    expect(await told('"a"')).toEqual({ ...back, isDuplicate: true });
  });

  it('takes two deliveries with one id for one, whatever they hold, also in one commit and from two at once', async () => {
    const one = event({ connection: 'ids', deliveryId: 'd-1', key: 'ids' });
    const batches = await Promise.all([
      inbox().accept([one, one, event({ ...one, deliveryId: 'd-2' })]),
      inbox().accept([{ ...one, body: Buffer.from('[]') }]),
    ]);
    const all = batches.flat();
    expect(all.filter(({ isDuplicate }) => !isDuplicate)).toHaveLength(2);
    expect(new Set(all.map(({ eventId }) => eventId)).size).toBe(2);
  });

  /** A dispatcher's parts, with a consumer of the test's own. */
  const deps = (consumer: Consumer) => ({
    ...baton.events,
    inbox: inbox(),
    bells: createBellStore(baton.database),
    consumers: { made_up: consumer },
    log: createLogger('test', 'silent'),
  });
  const processed = (id: string): Outcome => ({ id, state: 'processed', by: 'test' });

  it('hands out the events of a key in order, to one at a time, and those that fail again later', async () => {
    const key = { tenant: 'default', consumer: 'made_up', key: 'order' };
    const numbers = [1, 2, 3, 4, 5];
    await inbox().accept(
      numbers.map((n) => event({ key: 'order', deliveryId: `order-${n}`, body: Buffer.from(String(n)) })),
    );
    let at = 0;
    let fails = true;
    const seen: string[] = [];
    const consumer: Consumer = {
      most: 2,
      async handle(events) {
        at += 1;
        expect(at).toBe(1);
        await new Promise((resolve) => setTimeout(resolve, 50));
        at -= 1;
        if (fails) throw new Error('not now');
        seen.push(...events.map(({ body }) => body.toString()));
        return { outcomes: events.map(({ id }) => processed(id)), bells: [] };
      },
    };
    await Promise.all([1, 2, 3].map(() => dispatchKey(deps(consumer), key)));
    expect(seen).toEqual([]);
    fails = false;
    expect((await inbox().waitingKeys(10)).filter((one) => one.key === 'order')).toEqual([]);
    await vi.waitFor(
      async () => expect((await inbox().waitingKeys(10)).filter((one) => one.key === 'order')).toEqual([key]),
      { timeout: 10_000 },
    );
    for (let round = 0; round < 3; round += 1) await dispatchKey(deps(consumer), key);
    expect(seen).toEqual(numbers.map(String));
    expect(await bodies('order')).toEqual(numbers.map((n) => `${n} processed`));
  }, 20_000);

  it('stores what a consumer stores with what became of its events, or neither', async () => {
    const key = { tenant: 'default', consumer: 'made_up', key: 'atomic' };
    await inbox().accept([event({ key: 'atomic', deliveryId: 'atomic' })]);
    const bell = { workflowId: 'atomic', workflowType: 'none', signal: 'none', input: {} };
    const consumer = (fails: boolean): Consumer => ({
      most: 10,
      async handle(events, { trx }) {
        await trx.raw('CREATE TABLE IF NOT EXISTS public.told (id text)');
        await trx.raw('INSERT INTO public.told VALUES (?)', [events[0]?.event_id ?? '']);
        // An outcome that the database refuses, after all has been done.
        const outcome = fails
          ? ({ id: 'x', state: 'processed', by: '' } as const)
          : processed(events[0]?.id ?? '');
        return { outcomes: [outcome], bells: [bell] };
      },
    });
    await dispatchKey(deps(consumer(true)), key);
    expect((await query(baton.database.knex, `SELECT to_regclass('public.told') AS t`)).rows).toEqual([
      { t: null },
    ]);
    expect(
      (await query(baton.database.knex, `SELECT FROM control.bells WHERE workflow_id = 'atomic'`)).rowCount,
    ).toBe(0);
    expect(await bodies('atomic')).toEqual(['{} accepted']);
    await dispatchKey(deps(consumer(false)), key);
    expect(await bodies('atomic')).toEqual(['{} processed']);
    expect((await query(baton.database.knex, 'SELECT FROM public.told')).rowCount).toBe(1);
    await query(baton.database.knex, `DELETE FROM control.bells WHERE workflow_id = 'atomic'`);
  });

  it('gives an event up that has failed for hours, says why, and goes on with those behind it', async () => {
    const key = { tenant: 'default', consumer: 'made_up', key: 'hopeless' };
    await inbox().accept(
      ['a', 'b'].map((id) => event({ key: 'hopeless', deliveryId: id, body: Buffer.from(id) })),
    );
    await query(
      baton.database.knex,
      `UPDATE control.inbox SET attempts = 119 WHERE key = 'hopeless' AND delivery_id = 'a'`,
    );
    const consumer: Consumer = {
      most: 10,
      handle: async (events) => {
        if (events.some(({ body }) => body.toString() === 'a')) throw new Error('never');
        return { outcomes: events.map(({ id }) => processed(id)), bells: [] };
      },
    };
    await dispatchKey(deps(consumer), key);
    await dispatchKey(deps(consumer), key);
    expect(await bodies('hopeless')).toEqual(['a dead', 'b processed']);
  });
});
