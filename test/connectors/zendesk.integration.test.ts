import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OpenConnection } from '../../src/connectors/port.js';
import { zendesk } from '../../src/connectors/zendesk/index.js';
import { Secret } from '../../src/domain/secret.js';
import type { Sandbox } from '../../src/sandbox/sandbox.js';
import { describeConnector } from './contract.js';
import { describeAction } from './effect-contract.js';
import { markerOf, requestOf, ticketBody } from './requests.js';
import { canary, openAgainst, sandboxForTests } from './support.js';

const settings = {
  auth: { email: 'baton@example.com', apiToken: new Secret(canary.zendeskApiToken) },
  chat: true,
};
const signal = new AbortController().signal;

/** Zendesk as a plain client sees it, without the connector. */
async function api(
  sandbox: Sandbox,
  method: string,
  path: string,
  body?: unknown,
): Promise<Record<string, unknown>> {
  const credentials = Buffer.from(`baton@example.com/token:${canary.zendeskApiToken}`).toString('base64');
  const response = await fetch(`${sandbox.url}/zendesk/api/v2${path}`, {
    method,
    headers: { authorization: `Basic ${credentials}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  expect(response.ok).toBe(true);
  return (await response.json()) as Record<string, unknown>;
}

function unlimited(sandbox: Sandbox): void {
  sandbox.settings.zendeskPerMinute = null;
  sandbox.settings.zendeskIncrementalPerMinute = null;
}

async function newTicket(sandbox: Sandbox, subject: string): Promise<string> {
  const { ticket } = await api(sandbox, 'POST', '/tickets.json', {
    ticket: { subject, comment: { body: 'Größe & <Maß>' } },
  });
  return String((ticket as { id: number }).id);
}

const everything = {
  window: { from: '2020-01-01T00:00:00.000Z', to: '2030-01-01T00:00:00.000Z' },
  pageSize: 40,
  canBeEndless: true,
} as const;

const withChats = zendesk.streamsOf?.({
  auth: { email: 'baton@example.com', apiToken: 'secret://env/T' },
  chat: true,
});

describeConnector(
  { ...zendesk, streams: withChats ?? {} },
  {
    vendor: 'zendesk',
    settings,
    hasTokens: false,
    async prepare(sandbox) {
      unlimited(sandbox);
      // Each in a second of its own, which no page by time cuts in two, and none in the last minute, which is not exported.
      const { offsetMs } = sandbox.clock;
      for (let n = 0; n < 25; n++) {
        sandbox.clock.shiftTo(offsetMs - 120_000 + n * 2_000);
        await newTicket(sandbox, `Ticket ${n}`);
      }
      sandbox.clock.shiftTo(offsetMs);
    },
    streams: {
      tickets: {
        window: { from: '2020-01-01T00:00:00.000Z', to: '2030-01-01T00:00:00.000Z' },
        pageSize: 10,
        path: '/api/v2/incremental/tickets/cursor.json',
        recordsUnder: 'tickets',
        canBeEndless: true,
      },
      users: { ...everything, path: '/api/v2/incremental/users/cursor.json', recordsUnder: 'users' },
      organizations: {
        ...everything,
        path: '/api/v2/incremental/organizations.json',
        recordsUnder: 'organizations',
      },
      ticket_metrics: {
        ...everything,
        pageSize: 10,
        path: '/api/v2/incremental/tickets/cursor.json',
        recordsUnder: 'metric_sets',
      },
      ticket_metric_events: {
        ...everything,
        pageSize: 10,
        path: '/api/v2/incremental/ticket_metric_events.json',
        recordsUnder: 'ticket_metric_events',
      },
      chats: { ...everything, path: '/api/v2/chat/incremental/chats', recordsUnder: 'chats' },
    },
  },
);

describeAction(zendesk, {
  name: 'opening a ticket',
  vendor: 'zendesk',
  settings,
  prepare: unlimited,
  authIsRetryable: true,
  match: { method: 'POST', path: '/api/v2/tickets.json' },
  action: (connection) => connection.ticketDesk?.open ?? fail(),
  request: async (_sandbox, ordinal) => requestOf(ordinal, ticketBody),
  async visible(sandbox, { marker }) {
    const { tickets } = await api(sandbox, 'GET', `/tickets.json?external_id=${marker}`);
    return (tickets as unknown[]).length;
  },
});

describeAction(zendesk, {
  name: 'updating a ticket',
  vendor: 'zendesk',
  settings,
  prepare: unlimited,
  authIsRetryable: true,
  match: { method: 'PUT', path: '/api/v2/tickets/' },
  action: (connection) => connection.ticketDesk?.update ?? fail(),
  async request(sandbox, ordinal) {
    const remoteId = await newTicket(sandbox, `Ticket for update ${ordinal}`);
    return requestOf(ordinal, { kind: 'ticket_update', remoteId, comment: 'Mended.', status: 'solved' });
  },
  async visible(sandbox, { body, marker }) {
    if (body.kind !== 'ticket_update') return fail();
    const { comments } = await api(sandbox, 'GET', `/tickets/${body.remoteId}/comments.json`);
    return (comments as { body: string }[]).filter((comment) => comment.body.endsWith(marker)).length;
  },
});

function fail(): never {
  throw new Error('the connector has no ticket desk');
}

describe('Zendesk’s ticket desk', () => {
  let sandbox: Sandbox;
  let connection: OpenConnection;
  const desk = () => connection.ticketDesk ?? fail();

  beforeAll(async () => {
    sandbox = await sandboxForTests(20);
    unlimited(sandbox);
    connection = openAgainst(sandbox, { connector: zendesk, vendor: 'zendesk', settings });
  });
  afterAll(async () => {
    connection.close();
    await sandbox.close();
  });

  it('writes what was asked for, under a link that opens', async () => {
    const request = requestOf(1, ticketBody);
    const outcome = await desk().open.send(request, signal);
    if (outcome.kind !== 'confirmed') return expect.unreachable();
    const { ticket } = await api(sandbox, 'GET', `/tickets/${outcome.remoteId}.json`);
    expect(ticket).toMatchObject({
      subject: ticketBody.subject,
      description: ticketBody.description,
      priority: 'high',
      external_id: request.marker,
      tags: ['baton', 'discrepancy'],
    });
    expect(outcome.remoteUrl).toBe(`${sandbox.url}/zendesk/agent/tickets/${outcome.remoteId}`);
    expect((await fetch(outcome.remoteUrl ?? '')).status).toBe(200);
  });

  it('relies on the idempotency key for less than two hours after the first send', () => {
    const sentAt = new Date('2026-01-01T00:00:00Z');
    const request = { ...requestOf(2, ticketBody), firstSentAt: sentAt };
    const later = (minutes: number): Date => new Date(sentAt.getTime() + minutes * 60_000);
    expect(desk().open.resendIsSafe(request, later(110))).toBe(true);
    expect(desk().open.resendIsSafe(request, later(119))).toBe(false);
    expect(desk().open.resendIsSafe({ ...request, firstSentAt: null }, later(600))).toBe(true);
    expect(desk().update.resendIsSafe(request, later(1))).toBe(false);
  });

  it('looks for the first ticket when the key was used for another body', async () => {
    const request = requestOf(3, ticketBody);
    await desk().open.send(request, signal);
    const changed = { ...request, body: { ...ticketBody, subject: 'written otherwise' } };
    expect(await desk().open.send(changed, signal)).toMatchObject({ kind: 'unknown' });
    expect(await desk().open.look(request, signal)).toMatchObject({ kind: 'found' });
  });

  it('is refused for good on a ticket that is closed', async () => {
    const remoteId = await newTicket(sandbox, 'closed soon');
    await api(sandbox, 'PUT', `/tickets/${remoteId}.json`, { ticket: { status: 'closed' } });
    const body = { kind: 'ticket_update', remoteId, comment: 'late', status: 'open' } as const;
    const outcome = await desk().update.send(requestOf(4, body), signal);
    expect(outcome).toMatchObject({ kind: 'refused', retryable: false });
    expect(outcome.kind === 'refused' ? outcome.reason : '').toContain('closed prevents ticket update');
  });

  it('closes a surplus ticket, so that only the kept one is found; doing it again changes nothing', async () => {
    const marker = markerOf(5);
    const twins = [];
    for (let n = 0; n < 2; n++) {
      const { ticket } = await api(sandbox, 'POST', '/tickets.json', {
        ticket: { subject: 'twin', comment: { body: 'x' }, external_id: marker, tags: ['discrepancy'] },
      });
      twins.push(String((ticket as { id: number }).id));
    }
    const [kept = '', surplus = ''] = twins;
    const request = requestOf(5, ticketBody);
    expect(await desk().open.look(request, signal)).toMatchObject({ remoteIds: [kept, surplus] });
    await desk().closeDuplicate(surplus, kept, signal);
    await desk().closeDuplicate(surplus, kept, signal);
    expect(await desk().open.look(request, signal)).toMatchObject({ kind: 'found', remoteIds: [kept] });
    const { ticket } = await api(sandbox, 'GET', `/tickets/${surplus}.json`);
    expect(ticket).toMatchObject({ status: 'solved', tags: ['discrepancy', 'baton_duplicate'] });
    const { comments } = await api(sandbox, 'GET', `/tickets/${surplus}/comments.json`);
    expect(comments).toHaveLength(2);
  });
});

describe('new evidence for a ticket', () => {
  let sandbox: Sandbox;
  let connection: OpenConnection;
  beforeAll(async () => {
    sandbox = await sandboxForTests(20);
    unlimited(sandbox);
    connection = openAgainst(sandbox, { connector: zendesk, vendor: 'zendesk', settings });
  });
  afterAll(async () => {
    connection?.close();
    await sandbox?.close();
  });

  it.each([
    ['solved', true, 'open'],
    ['solved', false, 'solved'],
    ['pending', true, 'pending'],
    ['open', true, 'open'],
  ])('that a person has made %s, reopening: %s, leaves it %s', async (byHand, reopens, expected) => {
    const remoteId = await newTicket(sandbox, `Changed by hand to ${byHand}`);
    await api(sandbox, 'PUT', `/tickets/${remoteId}.json`, { ticket: { status: byHand } });
    const update = {
      kind: 'ticket_update',
      remoteId,
      comment: 'It is worse.',
      status: null,
      reopens,
    } as const;
    const ordinal = Number(remoteId) + 100_000;
    const sent = await connection.ticketDesk?.update.send(requestOf(ordinal, update), signal);
    expect(sent).toMatchObject({ kind: 'confirmed' });
    const { ticket } = await api(sandbox, 'GET', `/tickets/${remoteId}.json`);
    expect((ticket as { status: string }).status).toBe(expected);
  });
});
