import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freshservice } from '../../src/connectors/freshservice/index.js';
import type { EffectRequest, OpenConnection } from '../../src/connectors/port.js';
import { Secret } from '../../src/domain/secret.js';
import { freshserviceKey } from '../../src/sandbox/freshservice/vendor.js';
import type { Sandbox } from '../../src/sandbox/sandbox.js';
import { describeAction } from './effect-contract.js';
import { openAgainst, sandboxForTests } from './support.js';

const settings = { auth: { apiKey: new Secret(freshserviceKey) }, requester: 'baton@example.com' };
const signal = new AbortController().signal;

/** Freshservice as a plain client sees it, without the connector. */
async function api<T>(sandbox: Sandbox, method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(`${sandbox.url}/freshservice/api/v2${path}`, {
    method,
    headers: { authorization: `Basic ${Buffer.from(`${freshserviceKey}:X`).toString('base64')}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  expect(response.ok).toBe(true);
  return (await response.json()) as T;
}

const all = async (sandbox: Sandbox) =>
  (
    await api<{ tickets: { id: number; tags: string[]; status: number; description: string }[] }>(
      sandbox,
      'GET',
      '/tickets?per_page=100&updated_since=2000-01-01T00:00:00Z',
    )
  ).tickets;

async function newTicket(sandbox: Sandbox): Promise<string> {
  const ticket = { subject: 'By hand', description: 'x', email: 'a@example.com', status: 2, priority: 2 };
  return String((await api<{ ticket: { id: number } }>(sandbox, 'POST', '/tickets', ticket)).ticket.id);
}

const markerOf = (ordinal: number) => `btn-${String(ordinal).padStart(20, '0')}`;

function requestOf(ordinal: number, body: EffectRequest['body']): EffectRequest {
  return { key: `default/test/${ordinal}`, marker: markerOf(ordinal), firstSentAt: null, body };
}

const ticketBody = {
  kind: 'ticket',
  subject: 'PO-7001: totals differ',
  description: 'Header 120.00 EUR,\nlines <b>100.00</b> EUR & "more"',
  priority: 'high',
  tags: ['baton', 'discrepancy'],
} as const;

describeAction(freshservice, {
  name: 'opening a ticket',
  vendor: 'freshservice',
  settings,
  authIsRetryable: true,
  match: { method: 'POST', path: '/api/v2/tickets' },
  action: (connection) => connection.ticketDesk?.open ?? expect.unreachable(),
  request: async (_sandbox, ordinal) => requestOf(ordinal, ticketBody),
  visible: async (sandbox, { marker }) =>
    (await all(sandbox)).filter(({ tags }) => tags.includes(marker)).length,
});

describeAction(freshservice, {
  name: 'updating a ticket',
  vendor: 'freshservice',
  settings,
  authIsRetryable: true,
  match: { method: 'POST', path: '/\\/notes$/' },
  action: (connection) => connection.ticketDesk?.update ?? expect.unreachable(),
  async request(sandbox, ordinal) {
    const remoteId = await newTicket(sandbox);
    return requestOf(ordinal, { kind: 'ticket_update', remoteId, comment: 'Mended.', status: 'solved' });
  },
  async visible(sandbox, { body, marker }) {
    if (body.kind !== 'ticket_update') return expect.unreachable();
    const { conversations } = await api<{ conversations: { body_text: string }[] }>(
      sandbox,
      'GET',
      `/tickets/${body.remoteId}/conversations`,
    );
    return conversations.filter((note) => note.body_text.endsWith(marker)).length;
  },
});

describe('tickets of Freshservice', () => {
  let sandbox: Sandbox;
  let connection: OpenConnection;
  beforeAll(async () => {
    sandbox = await sandboxForTests(20);
    connection = openAgainst(sandbox, { connector: freshservice, vendor: 'freshservice', settings });
  });
  afterAll(async () => {
    connection?.close();
    await sandbox?.close();
  });

  it('say what they are to say, whatever it is, and are set absolutely', async () => {
    const desk = connection.ticketDesk ?? expect.unreachable();
    const sent = await desk.open.send(requestOf(1, ticketBody), signal);
    const remoteId = sent.kind === 'confirmed' ? sent.remoteId : '';
    expect(sent).toMatchObject({ remoteUrl: `${sandbox.url}/freshservice/a/tickets/${remoteId}` });
    const { ticket } = await api<{ ticket: Record<string, unknown> }>(sandbox, 'GET', `/tickets/${remoteId}`);
    expect(ticket).toMatchObject({
      subject: ticketBody.subject,
      description_text: ticketBody.description,
      priority: 3,
      status: 2,
      tags: ['baton', 'discrepancy', markerOf(1)],
    });
    for (const [ordinal, status, reopens, expected] of [
      [2, 'solved', false, 4],
      [3, null, false, 4],
      [4, null, true, 2],
      [5, 'open', false, 2],
    ] as const) {
      const update = { kind: 'ticket_update', remoteId, comment: 'So.', status, reopens } as const;
      expect(await desk.update.send(requestOf(ordinal, update), signal)).toMatchObject({ kind: 'confirmed' });
      expect((await all(sandbox)).find(({ id }) => String(id) === remoteId)?.status).toBe(expected);
    }
  });

  it('are all found by their markers, with what they said, and a surplus one is closed once', async () => {
    const desk = connection.ticketDesk ?? expect.unreachable();
    for (let n = 0; n < 120; n += 1) await newTicket(sandbox);
    const kept = await desk.open.send(requestOf(10, ticketBody), signal);
    const surplus = await desk.open.send(requestOf(10, ticketBody), signal);
    const [keptId, surplusId] = [kept, surplus].map((one) => (one.kind === 'confirmed' ? one.remoteId : ''));
    const look = () => desk.open.look({ ...requestOf(10, ticketBody), firstSentAt: new Date() }, signal);
    expect(await look()).toMatchObject({ kind: 'found', remoteIds: [keptId, surplusId] });
    await desk.closeDuplicate(surplusId ?? '', keptId ?? '', signal);
    await desk.closeDuplicate(surplusId ?? '', keptId ?? '', signal);
    expect(await look()).toMatchObject({ kind: 'found', remoteIds: [keptId] });
    const marked = [];
    for await (const one of desk.markedTickets(signal)) marked.push(one);
    expect(marked.map(({ marker }) => marker)).toEqual([markerOf(1), markerOf(10)]);
    expect(marked[1]).toMatchObject({ remoteId: keptId, isSolved: false, body: ticketBody });
  });
});
