import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freshdesk } from '../../src/connectors/freshdesk/index.js';
import { freshservice } from '../../src/connectors/freshservice/index.js';
import type { OpenConnection } from '../../src/connectors/port.js';
import { Secret } from '../../src/domain/secret.js';
import { type FreshTicket, freshdeskKey, freshserviceKey } from '../../src/sandbox/freshworks/vendor.js';
import type { Sandbox } from '../../src/sandbox/sandbox.js';
import { describeConnector } from './contract.js';
import { describeAction } from './effect-contract.js';
import { markerOf, requestOf, ticketBody } from './requests.js';
import { openAgainst, sandboxForTests, walk } from './support.js';

const requester = 'baton@example.com';
const systems = [
  {
    connector: freshdesk,
    vendor: 'freshdesk',
    key: freshdeskKey,
    settings: { auth: { apiKey: new Secret(freshdeskKey) }, requester },
    within: (_member: string, answer: unknown) => answer,
  },
  {
    connector: freshservice,
    vendor: 'freshservice',
    key: freshserviceKey,
    settings: { auth: { apiKey: new Secret(freshserviceKey) }, requester },
    within: (member: string, answer: unknown) => (answer as Record<string, unknown>)[member],
  },
] as const;
type System = (typeof systems)[number];

const signal = new AbortController().signal;
const reading = {
  window: { from: '2020-01-01T00:00:00.000Z', to: '2030-01-01T00:00:00.000Z' },
  pageSize: 60,
  canBeEndless: true,
} as const;
const bare = { ...reading, recordsUnder: null };
const enveloped = (path: string, member: string) => ({ ...reading, path, recordsUnder: member });

describeConnector(freshdesk, {
  vendor: 'freshdesk',
  settings: systems[0].settings,
  hasTokens: false,
  streams: {
    tickets: { ...bare, path: '/api/v2/tickets' },
    contacts: { ...bare, path: '/api/v2/contacts' },
  },
});

describeConnector(freshservice, {
  vendor: 'freshservice',
  settings: systems[1].settings,
  hasTokens: false,
  streams: {
    tickets: enveloped('/api/v2/tickets', 'tickets'),
    assets: enveloped('/api/v2/assets', 'assets'),
    purchase_orders: enveloped('/api/v2/purchase_orders', 'purchase_orders'),
    suppliers: enveloped('/api/v2/vendors', 'vendors'),
  },
});

/** A system as a plain client sees it, without the connector. */
async function api<T>(
  sandbox: Sandbox,
  system: System,
  method: string,
  path: string,
  body?: unknown,
): Promise<T> {
  const response = await fetch(`${sandbox.url}/${system.vendor}/api/v2${path}`, {
    method,
    headers: { authorization: `Basic ${Buffer.from(`${system.key}:X`).toString('base64')}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  expect(response.ok).toBe(true);
  return (await response.json()) as T;
}

const all = (sandbox: Sandbox, { vendor }: System): readonly FreshTicket[] => sandbox[vendor].tickets;

async function newTicket(sandbox: Sandbox, system: System): Promise<string> {
  const ticket = { subject: 'By hand', description: 'x', email: 'a@example.com', status: 2, priority: 2 };
  const answer = await api<unknown>(sandbox, system, 'POST', '/tickets', ticket);
  return String((system.within('ticket', answer) as FreshTicket).id);
}

for (const system of systems) {
  const { connector, vendor, settings } = system;
  describeAction(connector, {
    name: 'opening a ticket',
    vendor,
    settings,
    authIsRetryable: true,
    match: { method: 'POST', path: '/api/v2/tickets' },
    action: (connection) => connection.ticketDesk?.open ?? expect.unreachable(),
    request: async (_sandbox, ordinal) => requestOf(ordinal, ticketBody),
    visible: async (sandbox, { marker }) =>
      all(sandbox, system).filter(({ tags }) => tags.includes(marker)).length,
  });

  describeAction(connector, {
    name: 'updating a ticket',
    vendor,
    settings,
    authIsRetryable: true,
    match: { method: 'POST', path: '/\\/notes$/' },
    action: (connection) => connection.ticketDesk?.update ?? expect.unreachable(),
    async request(sandbox, ordinal) {
      const remoteId = await newTicket(sandbox, system);
      return requestOf(ordinal, { kind: 'ticket_update', remoteId, comment: 'Mended.', status: 'solved' });
    },
    async visible(sandbox, { body, marker }) {
      if (body.kind !== 'ticket_update') return expect.unreachable();
      const answer = await api<unknown>(sandbox, system, 'GET', `/tickets/${body.remoteId}/conversations`);
      const notes = system.within('conversations', answer) as { body_text: string }[];
      return notes.filter((note) => note.body_text.endsWith(marker)).length;
    },
  });
}

describe.each(systems)('tickets of $vendor', (system) => {
  let sandbox: Sandbox;
  let connection: OpenConnection;
  beforeAll(async () => {
    sandbox = await sandboxForTests(20);
    connection = openAgainst(sandbox, system);
  });
  afterAll(async () => {
    connection?.close();
    await sandbox?.close();
  });

  it('say what they are to say, whatever it is, and are set absolutely', async () => {
    const desk = connection.ticketDesk ?? expect.unreachable();
    const sent = await desk.open.send(requestOf(1, ticketBody), signal);
    const remoteId = sent.kind === 'confirmed' ? sent.remoteId : '';
    expect(sent).toMatchObject({ remoteUrl: `${sandbox.url}/${system.vendor}/a/tickets/${remoteId}` });
    const answer = await api<unknown>(sandbox, system, 'GET', `/tickets/${remoteId}`);
    expect(system.within('ticket', answer)).toMatchObject({
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
      expect(all(sandbox, system).find(({ id }) => String(id) === remoteId)?.status).toBe(expected);
    }
  });

  it('are all found by their markers, with what they said, and a surplus one is closed once', async () => {
    const desk = connection.ticketDesk ?? expect.unreachable();
    for (let n = 0; n < 120; n += 1) await newTicket(sandbox, system);
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

  it('are read with those that are old, and those that are deleted', async () => {
    const stream = system.connector.streams['tickets'] ?? expect.unreachable();
    const read = async (from: string | null) => {
      const pages = await walk(stream, connection, { window: { from, to: reading.window.to }, pageSize: 60 });
      const rows = pages.flatMap(({ records }) => records.map((record) => stream.map(record)));
      return new Map(rows.flatMap((one) => (one.kind === 'row' ? [[one.row['ticket_id'], one.row]] : [])));
    };
    const held = all(sandbox, system);
    const everything = await read(null);
    expect([...everything.keys()].sort()).toEqual(held.map(({ id }) => String(id)).sort());
    const deleted = [...everything.values()].filter((row) => row?.['is_deleted'] === 'true');
    expect(deleted.length).toBe(held.filter((one) => one.deleted).length);
    expect(deleted.length).toBeGreaterThan(0);
    const since = '2026-05-31T00:00:00Z';
    const later = held.filter(({ updated_at }) => Date.parse(updated_at) >= Date.parse(since));
    expect([...(await read(since)).keys()].sort()).toEqual(later.map(({ id }) => String(id)).sort());
  });
});
