import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { BatonClient } from '../../src/client/index.js';
import { createDeadLetterStore } from '../../src/control/dead-letters.js';
import { fulfilmentId } from '../../src/control/fulfilments.js';
import { canaries } from '../setup/baton.js';
import { record } from '../setup/record.js';
import { type Installation, startInstallation } from './installation.js';

let baton: Installation;
let client: BatonClient;
beforeAll(async () => {
  baton = await startInstallation({ BATON_FULFILMENT__APPROVAL__TIMEOUT: '3s' });
  client = await BatonClient.connect({ config: baton.config });
}, 60_000);
afterAll(async () => {
  await client?.close();
  await baton?.stop();
});
beforeEach(() => {
  baton.sandbox.settings.servicesRefuse = [];
  baton.sandbox.faults.clear();
});

/** As a customer's call-out sends it. */
async function approved(id: number, total: string, more: object = {}): Promise<string> {
  const body = JSON.stringify({
    event: 'purchase_order.approved',
    event_id: `evt-${id}-${Math.random()}`,
    id,
    'po-number': `PO-${id}`,
    total,
    currency: { code: 'USD' },
    'order-lines': [{ id: 1, quantity: 2 }],
    ...more,
  });
  const answer = await baton.post('coupa', body, {
    'content-type': 'application/json',
    'x-baton-secret': canaries.COUPA_WEBHOOK_SECRET,
  });
  expect(answer.status).toBe(202);
  return ((await answer.json()) as { id: string }).id;
}

const idOf = (order: number) => fulfilmentId('default', 'coupa', String(order));
const row = (order: number) => baton.deps.fulfilments.find(idOf(order));
const ended = (order: number, state: string) =>
  vi.waitFor(async () => expect((await row(order))?.state).toBe(state), { timeout: 60_000, interval: 50 });

interface Done {
  readonly id: string;
  readonly key: string;
  readonly createdAt: string;
  readonly body: { readonly order_id: string; readonly order?: unknown };
  readonly commands: readonly { readonly name: string; readonly at: string }[];
}

/** What the services have done for an order, asked without Baton. */
async function doneFor(order: number) {
  const places = ['inventory/allocations', 'suppliers/notifications', 'ledger/accruals'];
  const all = await Promise.all(
    places.map(async (place) => {
      const found = (await (await fetch(`${baton.sandbox.url}/services/${place}`)).json()) as Done[];
      return found.filter(({ body }) => body.order_id === String(order));
    }),
  );
  return all.map((found) => found.map(({ commands }) => commands.map(({ name }) => name)));
}

const messages = async () => (await baton.messages()).map((message) => (message as { text: string }).text);

describe('an approved order', () => {
  it('is allocated, its supplier notified and the accrual booked, in that order, once', async () => {
    const event = await approved(1, '49999.99');
    await ended(1, 'fulfilled');
    expect(await doneFor(1)).toEqual([[[]], [[]], [[]]]);
    expect(await baton.parts.inbox.find(event)).toMatchObject({ state: 'processed', detail: idOf(1) });
    const again = await approved(1, '49999.99');
    await vi.waitFor(async () =>
      expect(await baton.parts.inbox.find(again)).toMatchObject({ detail: `${idOf(1)}, begun before` }),
    );
    expect(await doneFor(1)).toEqual([[[]], [[]], [[]]]);
    await record('fulfilment-done', baton.client, `fulfilment/${idOf(1)}`);
  });

  it('is done once although services answer late, twice or not at all', async () => {
    for (const kind of ['accept_then_reset', 'accept_then_500'] as const)
      baton.sandbox.faults.add({ vendor: 'services', kind, match: { method: 'POST' }, count: 1, skip: 0 });
    await approved(2, '10.00');
    await ended(2, 'fulfilled');
    expect(await doneFor(2)).toEqual([[[]], [[]], [[]]]);
  }, 90_000);

  it('is taken back in reverse when the last step is refused for good; what was refused cannot be replayed', async () => {
    baton.sandbox.settings.servicesRefuse = ['ledger/accruals'];
    await approved(3, '10.00');
    await ended(3, 'compensated');
    expect(await doneFor(3)).toEqual([[['release']], [['withdraw']], []]);
    const commands = await baton.deps.fulfilments.commands({ id: idOf(3), tenant: 'default' });
    expect(commands.map(({ action, state }) => [action, state])).toEqual([
      ['do:allocation', 'confirmed'],
      ['do:notification', 'confirmed'],
      ['do:accrual', 'dead'],
      ['undo:notification', 'confirmed'],
      ['undo:allocation', 'confirmed'],
    ]);
    expect(await createDeadLetterStore(baton.database).list({ kind: 'effect', limit: 10 })).toEqual([]);
    await vi.waitFor(
      async () => expect((await messages()).join('\n')).toContain('Order 3 could not be fulfilled'),
      { timeout: 15_000 },
    );
    await record('fulfilment-compensated', baton.client, `fulfilment/${idOf(3)}`);
  });

  it('is stuck when it cannot be taken back, until a person has that done once more', async () => {
    baton.sandbox.settings.servicesRefuse = ['ledger/accruals', 'withdraw'];
    await approved(4, '10.00');
    await ended(4, 'stuck');
    expect(await doneFor(4)).toEqual([[[]], [[]], []]);
    const letters = createDeadLetterStore(baton.database);
    const [letter] = await letters.list({ kind: 'effect', limit: 10 });
    expect(letter?.id).toBe(`default/fulfilment:${idOf(4)}/undo:notification/1`);
    baton.sandbox.settings.servicesRefuse = [];
    expect(await letters.replayEffect(letter?.id ?? '')).toBe(true);
    await ended(4, 'compensated');
    expect(await doneFor(4)).toEqual([[['release']], [['withdraw']], []]);
  });

  it('above the limit waits for a person: approved, rejected, or decided by nobody in time', async () => {
    await Promise.all([approved(5, '50000.01'), approved(6, '50000.01'), approved(7, '60000')]);
    await approved(8, '1.00', { currency: { code: 'CHF' } });
    for (const order of [5, 6, 7, 8]) await ended(order, 'waiting');
    expect(await doneFor(5)).toEqual([[], [], []]);
    const yes = { decision: 'approve', by: 'somebody', note: 'needed this week' } as const;
    expect(await client.decide(idOf(5), yes)).toMatchObject({ state: 'running' });
    expect(await client.decide(idOf(6), { ...yes, decision: 'reject' })).toMatchObject({ state: 'rejected' });
    await ended(5, 'fulfilled');
    await ended(7, 'rejected');
    await ended(8, 'rejected');
    expect(await row(5)).toMatchObject({
      decision: 'approve',
      decided_by: 'somebody',
      decided_note: 'needed this week',
    });
    expect(await row(7)).toMatchObject({ decision: 'reject', decided_by: 'nobody in time' });
    expect(await doneFor(5)).toEqual([[[]], [[]], [[]]]);
    for (const order of [6, 7, 8]) expect(await doneFor(order)).toEqual([[], [], []]);
    await expect(client.decide(idOf(6), yes)).rejects.toMatchObject({ error: 'ERR_APPROVAL_OVER' });
    await expect(client.decide(idOf(7), yes)).rejects.toMatchObject({ error: 'ERR_APPROVAL_OVER' });
    await record('fulfilment-decided', baton.client, `fulfilment/${idOf(5)}`);
    await record('fulfilment-late', baton.client, `fulfilment/${idOf(7)}`);
  });

  it('whose event lacks what is needed is rejected with the place that was looked at', async () => {
    const event = await approved(9, 'much');
    await vi.waitFor(async () =>
      expect(await baton.parts.inbox.find(event)).toMatchObject({
        state: 'rejected',
        detail: 'There is no amount at total (fulfilment.order)',
      }),
    );
    expect(await row(9)).toBeNull();
  });
});
