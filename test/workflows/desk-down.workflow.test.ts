import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { drainId } from '../../src/protocol/names.js';
import { startBaton, type TestBaton } from '../setup/baton.js';
import { activitiesOf } from '../setup/history.js';
import { record } from '../setup/record.js';

const hour = 3_600_000;

describe('a helpdesk that is down for a day', () => {
  let baton: TestBaton;
  beforeAll(async () => {
    baton = await startBaton({ time: 'skipping', records: 120 });
  });
  afterAll(() => baton?.stop());

  it('costs the run nothing, and each ticket is opened once when it is back', async () => {
    const { faults, requests } = baton.sandbox;
    // The first two tickets are accepted and their answers lost; then nothing gets through.
    faults.add({ vendor: 'zendesk', kind: 'accept_then_reset', match: { method: 'POST' }, count: 2 });
    faults.add({ vendor: 'zendesk', kind: 'status', count: null, params: { status: 503 } });
    const id = await baton.start();
    expect(await baton.result(id)).toMatchObject({
      state: 'succeeded',
      error: null,
      tickets: { opened: 0, updated: 0, resolved: 0 },
    });
    const steps = await baton.steps(id);
    expect(steps.find((step) => step.id === 'tickets')).toMatchObject({ state: 'skipped' });
    expect(steps.filter((step) => step.state !== 'succeeded').map((step) => step.id)).toEqual(['tickets']);
    const planned = await baton.effects('default', 'ticket.open');
    expect(planned.length).toBeGreaterThan(20);
    expect(planned.every((effect) => effect.parked && effect.state !== 'confirmed')).toBe(true);
    const rounds = (await activitiesOf(baton.client, id)).filter(({ type }) => type === 'sendEffects');
    expect(rounds).toHaveLength(4);
    const pauses = rounds.slice(1, 3).map((round, at) => round.scheduledMs - (rounds[at]?.startedMs ?? 0));
    for (const pause of pauses) {
      expect(pause).toBeGreaterThanOrEqual(4_000);
      expect(pause).toBeLessThan(12_000);
    }

    const drain = baton.client.workflow.getHandle(drainId('zendesk', 'default'));
    await baton.server.env?.sleep(2 * hour);
    await record('drain-down', baton.client, drainId('zendesk', 'default'));
    requests.clear();
    await baton.server.env?.sleep(22 * hour);
    // A knock each five minutes, of one or two calls: 264 knocks in 22 hours, where a storm makes thousands.
    const knocks = requests.last().filter((request) => request.vendor === 'zendesk');
    expect(knocks.length).toBeGreaterThan(22);
    expect(knocks.length).toBeLessThanOrEqual(2 * (22 * 12 + 1));
    expect((await drain.describe()).status.name).toBe('RUNNING');

    faults.clear();
    await drain.result();
    const tickets = await baton.tickets();
    expect(tickets).toHaveLength(planned.length);
    expect(new Set(tickets.map((ticket) => ticket.externalId))).toEqual(
      new Set(planned.map((effect) => effect.marker)),
    );
    const done = await baton.effects('default', 'ticket.open');
    expect(new Set(done.map((effect) => effect.state))).toEqual(new Set(['confirmed']));
    expect(new Set(done.map((effect) => effect.remote_id))).toEqual(
      new Set(tickets.map((ticket) => String(ticket.id))),
    );
    await record('run-desk-down', baton.client, id);

    const next = await baton.run();
    expect(next).toMatchObject({ state: 'succeeded', tickets: { opened: 0, updated: 0, resolved: 0 } });
    expect(await baton.tickets()).toHaveLength(planned.length);
  }, 120_000);

  it('or for ten minutes: the drainer sends, sweeps for copies, and ends', async () => {
    const { faults } = baton.sandbox;
    const before = (await baton.tickets()).length;
    faults.add({ vendor: 'zendesk', kind: 'accept_then_reset', match: { method: 'POST' }, count: 2 });
    faults.add({ vendor: 'zendesk', kind: 'status', count: null, params: { status: 500 } });
    const id = await baton.start({ tenant: 'brief' });
    expect(await baton.result(id)).toMatchObject({ state: 'succeeded', tickets: { opened: 0 } });
    await baton.server.env?.sleep(hour / 6);
    faults.clear();
    await baton.client.workflow.getHandle(drainId('zendesk', 'brief')).result();
    const done = await baton.effects('brief', 'ticket.open');
    expect(new Set(done.map((effect) => effect.state))).toEqual(new Set(['confirmed']));
    const tickets = (await baton.tickets()).slice(before);
    expect(tickets.map((ticket) => ticket.externalId).sort()).toEqual(
      done.map((effect) => effect.marker).sort(),
    );
    await record('drain-brief', baton.client, drainId('zendesk', 'brief'));
  });
});
