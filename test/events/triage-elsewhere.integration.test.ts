import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type FreshStore, freshdeskKey, freshserviceKey } from '../../src/sandbox/freshworks/vendor.js';
import { startSandbox } from '../../src/sandbox/sandbox.js';
import { canaries } from '../setup/baton.js';
import { type Installation, startInstallation } from './installation.js';

const flow = '/teams/workflows/0a1b2c/triggers/manual/paths/invoke?api-version=2016-06-01&sig=sandbox';

/** The same incident with other desks and another notifier: both are lines of configuration. */
describe.each([
  { type: 'freshservice', key: freshserviceKey },
  { type: 'freshdesk', key: freshdeskKey },
] as const)('an incident at $type, told in Microsoft Teams', ({ type, key }) => {
  let baton: Installation;
  let vendors: Awaited<ReturnType<typeof startSandbox>>;
  beforeAll(async () => {
    // The addresses are part of the configuration, and so have to be known before.
    vendors = await startSandbox({
      port: 0,
      records: 10,
      coupaLimit: null,
      secrets: {
        coupaClientSecret: 'a',
        zendeskApiToken: 'b',
        salesforceClientSecret: 'c',
        slackBotToken: 'd',
      },
    });
    baton = await startInstallation({
      FRESH_KEY: key,
      TEAMS_URL: `${vendors.url}${flow}`,
      BATON_CONNECTIONS__FRESH: JSON.stringify({
        type,
        baseUrl: `${vendors.url}/${type}`,
        auth: { apiKey: 'secret://env/FRESH_KEY' },
        requester: 'baton@example.com',
        plan: 'enterprise',
      }),
      BATON_CONNECTIONS__TEAMS: JSON.stringify({
        type: 'teams',
        baseUrl: `${vendors.url}/teams`,
        auth: { url: 'secret://env/TEAMS_URL' },
      }),
      BATON_TRIAGE__DESK: 'fresh',
      BATON_TRIAGE__NOTIFY__CONNECTION: 'teams',
    });
  }, 90_000);
  afterAll(async () => {
    await baton?.stop();
    await vendors?.close();
  });

  /** The tickets there that carry a marker of ours. */
  const ours = ({ tickets }: FreshStore) =>
    tickets.filter(({ tags }) => tags.some((tag) => tag.startsWith('btn-')));

  const tell = async (status: 'firing' | 'resolved') => {
    const alert = {
      status,
      labels: { alertname: 'DiskFull', severity: 'critical', service: 'orders' },
      annotations: { summary: 'The disk is full' },
      startsAt: '2026-11-20T10:00:00Z',
      endsAt: status === 'firing' ? '0001-01-01T00:00:00Z' : '2026-11-20T10:30:00Z',
      fingerprint: 'f1',
    };
    const body = JSON.stringify({ version: '4', groupKey: '{}', status, receiver: 'baton', alerts: [alert] });
    const headers = {
      'content-type': 'application/json',
      authorization: `Bearer ${canaries.ALERTMANAGER_SECRET}`,
    };
    expect((await baton.post('alertmanager', body, headers)).status).toBe(202);
  };

  it('has one ticket, a card with its link, and a card of its end', async () => {
    await tell('firing');
    await vi.waitFor(() => expect(vendors.teams.cards).toHaveLength(1), { timeout: 20_000 });
    expect(ours(vendors[type])).toMatchObject([{ status: 2, subject: '[critical] The disk is full' }]);
    const [ticket] = ours(vendors[type]);
    const link = `${vendors.url}/${type}/a/tickets/${ticket?.id}`;
    expect(vendors.teams.cards[0]).toMatchObject({ actions: [{ title: 'Ticket', url: link }] });
    expect(JSON.stringify(vendors.teams.cards[0])).toContain('inc\\\\_');
    await tell('resolved');
    await vi.waitFor(
      () => {
        expect(ours(vendors[type])).toMatchObject([{ status: 4 }]);
        expect(vendors.teams.cards).toHaveLength(2);
      },
      { timeout: 20_000 },
    );
    expect(vendors.teams.cards[1]).toMatchObject({
      body: [{ text: expect.stringContaining('Ended:') }, {}, { type: 'FactSet' }, {}],
      actions: [{ title: 'Ticket', url: link }],
    });
  }, 60_000);
});
