import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { freshdeskKey, freshserviceKey } from '../../src/sandbox/freshworks/vendor.js';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.js';
import { canaries } from '../setup/baton.js';
import { type Installation, startInstallation } from './installation.js';

const flow = '/teams/workflows/0a1b2c/triggers/manual/paths/invoke?api-version=2016-06-01&sig=sandbox';

interface Desk {
  readonly type: 'freshservice' | 'freshdesk' | 'salesforce';
  readonly secret: string;
  readonly settings: object;
  /** The tickets there that carry a marker of ours. */
  ours(vendors: Sandbox): readonly { subject: string; isOpen: boolean; path: string }[];
}

/** The same incident with other desks and another notifier: both are lines of configuration. */
const desks: readonly Desk[] = [
  ...(['freshservice', 'freshdesk'] as const).map((type) => ({
    type,
    secret: type === 'freshdesk' ? freshdeskKey : freshserviceKey,
    settings: {
      auth: { apiKey: 'secret://env/DESK_SECRET' },
      requester: 'baton@example.com',
      plan: 'enterprise',
    },
    ours: (vendors: Sandbox) =>
      vendors[type].tickets
        .filter(({ tags }) => tags.some((tag) => tag.startsWith('btn-')))
        .map(({ id, subject, status }) => ({ subject, isOpen: status < 4, path: `/a/tickets/${id}` })),
  })),
  {
    type: 'salesforce',
    secret: 'c',
    settings: { auth: { clientId: 'baton-demo', clientSecret: 'secret://env/DESK_SECRET' } },
    ours: ({ salesforce }) =>
      salesforce
        .records('Case')
        .filter((one) => one['Baton_Key__c'] !== null)
        .map(({ Id, Subject, IsClosed }) => ({
          subject: String(Subject),
          isOpen: IsClosed === false,
          path: `/lightning/r/Case/${Id}/view`,
        })),
  },
];

describe.each(desks)('an incident at $type, told in Microsoft Teams', ({ type, secret, settings, ours }) => {
  let baton: Installation;
  let vendors: Sandbox;
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
      DESK_SECRET: secret,
      TEAMS_URL: `${vendors.url}${flow}`,
      BATON_CONNECTIONS__DESK: JSON.stringify({
        type,
        baseUrl: `${vendors.url}/${type}`,
        ...settings,
      }),
      BATON_CONNECTIONS__TEAMS: JSON.stringify({
        type: 'teams',
        baseUrl: `${vendors.url}/teams`,
        auth: { url: 'secret://env/TEAMS_URL' },
      }),
      BATON_TRIAGE__DESK: 'desk',
      BATON_TRIAGE__NOTIFY__CONNECTION: 'teams',
    });
  }, 90_000);
  afterAll(async () => {
    await baton?.stop();
    await vendors?.close();
  });

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
    expect(ours(vendors)).toMatchObject([{ isOpen: true, subject: '[critical] The disk is full' }]);
    const [ticket] = ours(vendors);
    const link = `${vendors.url}/${type}${ticket?.path}`;
    expect(vendors.teams.cards[0]).toMatchObject({ actions: [{ title: 'Ticket', url: link }] });
    expect(JSON.stringify(vendors.teams.cards[0])).toContain('inc\\\\_');
    await tell('resolved');
    await vi.waitFor(
      () => {
        expect(ours(vendors)).toMatchObject([{ isOpen: false }]);
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
