import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Message, OpenConnection } from '../../src/connectors/port.js';
import { teams } from '../../src/connectors/teams/index.js';
import { Secret } from '../../src/domain/secret.js';
import type { Sandbox } from '../../src/sandbox/sandbox.js';
import { requestOf } from './requests.js';
import { expectNoSecret, limits, sandboxForTests } from './support.js';

const flow =
  '/workflows/0a1b2c/triggers/manual/paths/invoke?api-version=2016-06-01&sp=%2Ftriggers&sv=1.0&sig=';
const message: Message = {
  kind: 'message',
  channel: '#on-call',
  title: 'DiskFull *on* db-1',
  text: 'Priority high; fires since 10:00.\n[click](http://evil.example.com)',
  severity: 'critical',
  fields: [{ name: 'Incident', value: 'inc_3f9a01c2d4e5b6a7' }],
  links: [{ label: 'Ticket', url: 'https://acme.zendesk.com/agent/tickets/7' }],
};

describe('Microsoft Teams', () => {
  let sandbox: Sandbox;
  let connection: OpenConnection;
  const open = (sig: string) =>
    teams.open({
      name: 'teams',
      type: 'teams',
      baseUrl: `${sandbox.url}/teams`,
      settings: { auth: { url: new Secret(`${sandbox.url}/teams${flow}${sig}`) } },
      limits,
    });
  beforeAll(async () => {
    sandbox = await sandboxForTests(20);
    connection = open('sandbox');
  });
  afterAll(async () => {
    connection?.close();
    await sandbox?.close();
  });

  const signal = new AbortController().signal;
  const request = (ordinal: number, body: Message = message) => requestOf(ordinal, body);
  const send = async (ordinal: number, body?: Message, on = connection) => {
    const outcome = await on.notifier?.send.send(request(ordinal, body), signal);
    expectNoSecret(outcome);
    expect(JSON.stringify(outcome)).not.toContain('sig=');
    return outcome;
  };
  const cards = async () =>
    (await (await fetch(`${sandbox.url}/teams/cards`)).json()) as { body: unknown[] }[];
  const withMarker = async (ordinal: number) =>
    (await cards()).filter((card) => JSON.stringify(card).includes(request(ordinal).marker)).length;

  it('posts a card that names the incident, with the ticket’s link, and takes 202 for done', async () => {
    expect(await send(1)).toEqual({
      kind: 'confirmed',
      remoteId: request(1).marker,
      remoteUrl: null,
      adopted: false,
    });
    const [card] = await cards();
    expect(card).toMatchObject({
      type: 'AdaptiveCard',
      version: '1.4',
      body: [
        { type: 'TextBlock', text: 'DiskFull \\*on\\* db-1', color: 'attention' },
        { text: 'Priority high; fires since 10:00.\n\n\\[click\\]\\(http://evil.example.com\\)' },
        { type: 'FactSet', facts: [{ title: 'Incident', value: 'inc\\_3f9a01c2d4e5b6a7' }] },
        { isSubtle: true },
      ],
      actions: [{ type: 'Action.OpenUrl', title: 'Ticket', url: 'https://acme.zendesk.com/agent/tickets/7' }],
    });
  });

  it.each(['accept_then_reset', 'accept_then_500'] as const)(
    'does not know after %s, and sends it again',
    async (kind) => {
      const ordinal = kind === 'accept_then_reset' ? 2 : 3;
      sandbox.faults.add({ vendor: 'teams', kind, match: { method: 'POST' } });
      expect(await send(ordinal)).toMatchObject({ kind: 'unknown' });
      expect(
        connection.notifier?.send.resendIsSafe({ ...request(ordinal), firstSentAt: new Date() }, new Date()),
      ).toBe(true);
      expect(await send(ordinal)).toMatchObject({ kind: 'confirmed' });
      // At least once: that is what it declares.
      expect(await withMarker(ordinal)).toBe(2);
      expect(connection.notifier?.send.guarantee).toBe('at_least_once');
    },
  );

  it('is refused for now by a 429 and by a signature that is not known, and for good by what is no card', async () => {
    sandbox.faults.add({
      vendor: 'teams',
      kind: 'rate_limit',
      match: { method: 'POST' },
      params: { retryAfter: 7 },
    });
    expect(await send(4)).toMatchObject({ kind: 'refused', retryable: true, retryAfterMs: 7_000 });
    const stranger = open('wrong');
    expect(await send(5, message, stranger)).toMatchObject({ kind: 'refused', retryable: true });
    stranger.close();
    sandbox.faults.add({
      vendor: 'teams',
      kind: 'status',
      match: { method: 'POST' },
      params: { status: 400 },
    });
    expect(await send(6)).toMatchObject({ kind: 'refused', retryable: false });
    expect(await withMarker(4)).toBe(0);
  });

  it('stays below what a flow takes, however long the text is', async () => {
    const fields = Array.from({ length: 100 }, (_, at) => ({
      name: `Field ${at}`,
      value: '*'.repeat(5_000),
    }));
    const long = { ...message, title: '_'.repeat(5_000), text: '#'.repeat(100_000), fields };
    expect(await send(7, long)).toMatchObject({ kind: 'confirmed' });
  });

  it('refuses an address that is not the connection’s, without telling it', () => {
    const settings = { auth: { url: new Secret('https://elsewhere.example.com/x?sig=canary-sig') } };
    const wrong = () =>
      teams.open({ name: 'teams', type: 'teams', baseUrl: 'https://here.example.com', settings, limits });
    expect(wrong).toThrow('does not begin with baseUrl (https://here.example.com)');
    expect(wrong).not.toThrow('canary-sig');
  });
});
