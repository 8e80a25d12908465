import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { query } from '../../src/database/postgres.js';
import { canaries } from '../setup/baton.js';
import { record } from '../setup/record.js';
import { type Installation, startInstallation } from './installation.js';

const causes = 20;
const services = 2;
/** Each alert is sent three times. */
const copies = 3;
const began = Date.parse('2026-11-20T10:00:00.123Z');

let baton: Installation;
beforeAll(async () => {
  baton = await startInstallation({ BATON_TRIAGE__ROLL_UP: '1s' });
  // As many requests as the suite needs: what limits are kept is tested elsewhere.
  baton.sandbox.settings.zendeskPerMinute = null;
}, 60_000);
afterAll(() => baton?.stop());

interface Firing {
  readonly cause: number;
  readonly service: number;
  readonly endsAtMs?: number;
  readonly startsAtMs?: number;
}

/** As Alertmanager sends them. https://prometheus.io/docs/alerting/latest/notifications/ */
function notification(firings: readonly Firing[], name = (cause: number) => `Cause${cause}`) {
  return JSON.stringify({
    version: '4',
    groupKey: `{}:{n="${firings.map(({ cause, service }) => `${cause}.${service}`).join()}"}`,
    status: 'firing',
    receiver: 'baton',
    notification_reason: 'a newer build says this',
    alerts: firings.map(({ cause, service, endsAtMs, startsAtMs }) => ({
      status: endsAtMs === undefined ? 'firing' : 'resolved',
      labels: {
        alertname: name(cause),
        severity: cause % 2 === 0 ? 'critical' : 'warning',
        service: `s${service}`,
      },
      annotations: { summary: `${name(cause)} on s${service} & <more>` },
      startsAt: new Date(startsAtMs ?? began + cause * 1_000 + service).toISOString(),
      endsAt: endsAtMs === undefined ? '0001-01-01T00:00:00Z' : new Date(endsAtMs).toISOString(),
      generatorURL: 'https://prometheus.example.com/graph',
      fingerprint: `${name(cause)}-${service}`,
    })),
  });
}

async function send(body: string): Promise<void> {
  const answer = await baton.post('alertmanager', body, {
    'content-type': 'application/json',
    authorization: `Bearer ${canaries.ALERTMANAGER_SECRET}`,
  });
  expect(answer.status).toBe(202);
}

/** In an order that is always the same, and nobody's. */
function shuffled<T>(values: readonly T[]): T[] {
  return values
    .map((value, at) => ({ value, at: (at * 7_919 + 13) % values.length }))
    .sort((a, b) => a.at - b.at)
    .map(({ value }) => value);
}

const incidents = async () =>
  (
    await query<{ state: string; n: number }>(
      baton.database.knex,
      'SELECT state, count(*)::int AS n FROM control.incidents WHERE is_visible GROUP BY 1 ORDER BY 1',
    )
  ).rows;
const messages = async () =>
  (await baton.messages()) as { text: string; ts: string; thread_ts: string | null; blocks: unknown }[];
const all = Array.from({ length: causes }, (_, cause) =>
  Array.from({ length: services }, (__, service) => ({ cause, service })),
).flat();

describe('alerts', () => {
  it('of twenty causes, tripled and shuffled, are twenty incidents, twenty tickets and twenty messages with their links', async () => {
    const tripled = shuffled(Array.from({ length: copies }, () => all).flat());
    const parts = Array.from({ length: Math.ceil(tripled.length / 3) }, (_, at) =>
      tripled.slice(at * 3, at * 3 + 3),
    );
    await Promise.all(parts.map((part) => send(notification(part))));
    await vi.waitFor(async () => expect((await messages()).length).toBe(causes), {
      timeout: 100_000,
      interval: 500,
    });
    expect(await incidents()).toEqual([{ state: 'open', n: causes }]);
    const tickets = await baton.tickets();
    expect(tickets).toHaveLength(causes);
    const texts = (await messages()).map(({ blocks }) => JSON.stringify(blocks));
    for (const { id } of tickets)
      expect(texts.filter((text) => text.includes(`/agent/tickets/${id}|`))).toHaveLength(1);
  }, 120_000);

  it('that ended, and fire no more, close ticket and thread; each decision says why', async () => {
    const ends = all.filter(({ cause }) => cause < 2).map((one) => ({ ...one, endsAtMs: began + 3_600_000 }));
    await send(notification(shuffled(ends)));
    await vi.waitFor(
      async () => {
        expect((await baton.tickets()).filter(({ status }) => status === 'solved')).toHaveLength(2);
        expect((await messages()).filter(({ thread_ts }) => thread_ts !== null)).toHaveLength(2);
      },
      { timeout: 30_000, interval: 200 },
    );
    const parents = new Map((await messages()).map((message) => [message.ts, message]));
    for (const { thread_ts, text } of await messages())
      if (thread_ts !== null)
        expect(text).toContain(
          parents.get(thread_ts)?.text.split('\n')[0]?.split(': ').at(-1)?.slice(-10) ?? 'x',
        );
    const { rows } = await query<{ kind: string; why: string; id: string }>(
      baton.database.knex,
      `SELECT d.kind, d.why, i.id FROM control.decisions d JOIN control.incidents i ON i.id = d.incident_id
       WHERE i.cause = 'name=Cause0' ORDER BY d.id`,
    );
    expect(rows.map(({ kind }) => kind)).toEqual(['opened', 'joined', 'resolved', 'resolved']);
    expect(rows[3]?.why).toBe('it has ended, and with it the incident');
    await record('incident-resolved', baton.client, `incident/${rows[0]?.id}`);
  }, 60_000);

  it('that fire after the end open another incident; those that were late open none', async () => {
    const before = (await baton.tickets()).length;
    await send(notification([{ cause: 0, service: 0 }]));
    await send(notification([{ cause: 1, service: 0, startsAtMs: began + 7_200_000 }]));
    await vi.waitFor(async () => expect((await baton.tickets()).length).toBe(before + 1), {
      timeout: 30_000,
      interval: 200,
    });
    const { rows } = await query<{ episode: number; cause: string }>(
      baton.database.knex,
      `SELECT cause, episode FROM control.incidents WHERE episode > 1`,
    );
    expect(rows).toEqual([{ cause: 'name=Cause1', episode: 2 }]);
  }, 60_000);

  it('that fire again and again are told in one comment each roll-up', async () => {
    for (let again = 1; again <= 5; again += 1)
      await send(notification([{ cause: 4, service: 0, startsAtMs: began + again * 3_600_000 }]));
    const subject = async () =>
      (await baton.tickets()).filter(({ comments }) =>
        comments.some(({ body }) => body.includes('fired again')),
      );
    await vi.waitFor(
      async () => {
        const [ticket] = await subject();
        const told =
          ticket?.comments.flatMap(({ body }) => /fired again (once|(\d+) times)/.exec(body) ?? []) ?? [];
        expect(told.length).toBeGreaterThan(0);
        const { rows } = await query<{ recurrences: string }>(
          baton.database.knex,
          `SELECT incident ->> 'recurrences' AS recurrences FROM control.incidents WHERE cause = 'name=Cause4'`,
        );
        expect(rows).toEqual([{ recurrences: '5' }]);
      },
      { timeout: 30_000, interval: 200 },
    );
    await vi.waitFor(
      async () => {
        const [ticket] = await subject();
        const sum = ticket?.comments.reduce((total, { body }) => {
          const [, words, number] = /fired again (once|(\d+) times)/.exec(body) ?? [];
          return total + (words === undefined ? 0 : Number(number ?? 1));
        }, 0);
        expect(sum).toBe(5);
      },
      { timeout: 30_000, interval: 200 },
    );
    expect(await subject()).toHaveLength(1);
  }, 90_000);

  it('that a rule ignores are filtered by it', async () => {
    const body = notification([{ cause: 0, service: 0 }], () => 'Watchdog');
    await send(body);
    await vi.waitFor(
      async () => {
        const [event] = await baton.parts.inbox.list({ limit: 1 });
        expect(event).toMatchObject({ state: 'filtered', detail: 'watchdog' });
      },
      { timeout: 10_000 },
    );
  });
});
