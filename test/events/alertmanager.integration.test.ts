import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { query } from '../../src/database/postgres.js';
import { type Alertmanager, findAlertmanager, startAlertmanager } from '../setup/alertmanager.js';
import { canaries } from '../setup/baton.js';
import { type Installation, startInstallation } from './installation.js';

const found = findAlertmanager();
const began = new Date(Date.now() - 60_000);

describe.skipIf(found === null)('a real Alertmanager', () => {
  let baton: Installation;
  let alertmanager: Alertmanager;
  beforeAll(async () => {
    baton = await startInstallation({ BATON_TRIAGE__ROLL_UP: '1s' });
    baton.sandbox.settings.zendeskPerMinute = null;
    alertmanager = await startAlertmanager(
      found ?? '',
      `${baton.url}/hooks/alertmanager`,
      canaries.ALERTMANAGER_SECRET,
    );
  }, 90_000);
  afterAll(async () => {
    await alertmanager?.stop();
    await baton?.stop();
  });

  /** As Prometheus tells it. https://prometheus.io/docs/alerting/latest/clients/ */
  async function fire(
    services: readonly string[],
    endsAt?: Date,
    { at = alertmanager, alertname = 'DiskFull' } = {},
  ): Promise<void> {
    const answer = await fetch(`${at.url}/api/v2/alerts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(
        services.map((service) => ({
          labels: { alertname, severity: 'critical', service, instance: 'db-1' },
          annotations: { summary: `The disk of ${service} is full` },
          startsAt: began.toISOString(),
          ...(endsAt === undefined ? {} : { endsAt: endsAt.toISOString() }),
          generatorURL: 'http://prometheus.example.com/graph',
        })),
      ),
    });
    expect(answer.status).toBe(200);
  }

  const incidents = async () =>
    (
      await query<{ state: string; symptoms: number; id: string }>(
        baton.database.knex,
        `SELECT id, state, json_array_length(incident::json -> 'symptoms') AS symptoms FROM control.incidents WHERE is_visible`,
      )
    ).rows;
  const events = async () =>
    (
      await query<{ state: string; n: number }>(
        baton.database.knex,
        `SELECT state, count(*)::int AS n FROM control.inbox WHERE connection = 'alertmanager' GROUP BY 1 ORDER BY 1`,
      )
    ).rows;

  it('has one incident with one ticket and one thread for what it groups, repeats and resolves', async () => {
    await fire(['orders', 'billing']);
    await vi.waitFor(async () => expect(await incidents()).toMatchObject([{ state: 'open', symptoms: 2 }]), {
      timeout: 20_000,
    });
    await vi.waitFor(async () => expect(await baton.tickets()).toHaveLength(1), { timeout: 20_000 });
    // It repeats itself every two seconds: that is nobody's news.
    await vi.waitFor(
      async () => {
        const told = (await events()).reduce((sum, { n }) => sum + n, 0);
        expect(told).toBeGreaterThanOrEqual(3);
      },
      { timeout: 20_000 },
    );
    expect(await baton.tickets()).toHaveLength(1);
    expect(await incidents()).toHaveLength(1);

    await fire(['orders', 'billing'], new Date());
    await vi.waitFor(async () => expect(await incidents()).toMatchObject([{ state: 'resolved' }]), {
      timeout: 30_000,
    });
    await vi.waitFor(async () => expect((await baton.tickets())[0]?.status).toBe('solved'), {
      timeout: 20_000,
    });
    await vi.waitFor(
      async () => {
        const messages = (await baton.messages()) as { thread_ts: string | null }[];
        expect(messages.map(({ thread_ts }) => thread_ts === null)).toEqual([true, false]);
      },
      { timeout: 20_000 },
    );
    const states = new Set((await events()).map(({ state }) => state));
    expect([...states].filter((state) => !['processed', 'duplicate'].includes(state))).toEqual([]);
  }, 120_000);

  it('that cuts its notifications off has that said in the ticket', async () => {
    const cutting = await startAlertmanager(
      found ?? '',
      `${baton.url}/hooks/alertmanager`,
      canaries.ALERTMANAGER_SECRET,
      1,
    );
    try {
      await fire(['orders', 'billing', 'search'], undefined, { at: cutting, alertname: 'Cut' });
      await vi.waitFor(
        async () => {
          const [ticket] = (await baton.tickets()).filter(({ status }) => status !== 'solved');
          const text = ticket?.comments.map(({ body }) => body).join('\n');
          expect(text).toContain('Up to 2 more alerts did not fit into a notification');
        },
        { timeout: 20_000 },
      );
    } finally {
      await cutting.stop();
    }
  }, 60_000);
});
