import { BatonError } from '../../protocol/errors.js';
import { idOf, looked, unlessUntold } from '../desk.js';
import type { VendorHttp } from '../http.js';
import { splitArray } from '../json-split.js';
import type {
  EffectRequest,
  LookOutcome,
  MarkedTicket,
  SendOutcome,
  TicketBody,
  TicketDesk,
  TicketUpdate,
} from '../port.js';
import { parseObject, readObject, readPage } from '../read-page.js';
import { sendOnce, wrongBody } from '../send-outcome.js';
import { isSolved, priorityCode, priorityOf, statusCode, statusCodes, toHtml } from './words.js';

/** How long after a broken connection Freshworks may still commit the write. */
const settleMs = 30_000;
/** Looks back further than the first send: our clock and theirs differ. */
const lookBackMs = 3_600_000;
const perPage = 100;
/** So many tickets, or notes of one, are looked through. */
const mostPages = 300;
const markerPattern = /^btn-[0-9a-f]{20}$/;

type Fields = Readonly<Record<string, unknown>>;

/** In what the two desks differ. */
export interface Dialect {
  readonly docs: string;
  /** Whether what it answers stands in a member of an object, `{"ticket": …}`; else it is the answer itself. */
  readonly isEnveloped: boolean;
  /** For a list in the order of changes that has descriptions. */
  readonly listQuery: Readonly<Record<string, string>>;
}

/** A desk of Freshworks, its dialect, and in whose name tickets are opened. */
interface Desk {
  readonly http: VendorHttp;
  readonly dialect: Dialect;
  readonly requester: string;
}

/**
 * Tickets of Freshservice and Freshdesk. They know no idempotency key; the marker is a tag, and is looked for in the
 * list of what has changed since, which is consistent: their search lags.
 */
export function freshworksDesk(desk: Desk): TicketDesk {
  const action = {
    guarantee: 'once_after_looking',
    docs: desk.dialect.docs,
    settleMs,
    resendIsSafe: ({ firstSentAt }: EffectRequest) => firstSentAt === null,
  } as const;
  return {
    open: {
      ...action,
      send: async (request, signal) =>
        request.body.kind === 'ticket'
          ? create(desk, request.body, request.marker, signal)
          : wrongBody('ticket', request.body.kind),
      look: (request, signal) => lookForTicket(desk, request, signal),
    },
    update: {
      ...action,
      send: async (request, signal) =>
        request.body.kind === 'ticket_update'
          ? update(desk, request.body, request.marker, signal)
          : wrongBody('ticket_update', request.body.kind),
      look: (request, signal) => lookForNote(desk, request, signal),
    },
    markedTickets: (signal) => markedTickets(desk, signal),
    closeDuplicate: (remoteId, keptId, signal) => closeDuplicate(desk, remoteId, keptId, signal),
  };
}

async function create(
  { http, dialect, requester }: Desk,
  body: TicketBody,
  marker: string,
  signal: AbortSignal,
): Promise<SendOutcome> {
  const { answer, outcome } = await sendOnce(http, {
    method: 'POST',
    path: '/api/v2/tickets',
    json: {
      subject: body.subject,
      description: toHtml(body.description),
      email: requester,
      status: statusCodes.open,
      priority: priorityCode(body.priority),
      source: 2,
      tags: [...body.tags, marker],
    },
    signal,
  });
  return outcome ?? confirmed(http, within(dialect, parseObject(answer.body), 'ticket'));
}

function confirmed(http: VendorHttp, ticket: unknown): SendOutcome {
  const id = idOf(ticket);
  if (id === null) return { kind: 'unknown', reason: `${http.connection}: the answer names no ticket` };
  return { kind: 'confirmed', remoteId: id, remoteUrl: urlOf(http, id), adopted: false };
}

/** Status and priority first, which may be set twice; the note, which tells that all is done, last. */
async function update(
  desk: Desk,
  body: TicketUpdate,
  marker: string,
  signal: AbortSignal,
): Promise<SendOutcome> {
  const { http, dialect } = desk;
  const { remoteId, comment, priority } = body;
  const reopens = body.status === null && body.reopens === true && (await wasSolved(desk, remoteId, signal));
  const status = reopens ? 'open' : body.status;
  if (status !== null || priority !== undefined) {
    const { outcome } = await sendOnce(http, {
      method: 'PUT',
      path: pathOf(remoteId),
      json: {
        ...(status === null ? {} : { status: statusCode(status) }),
        ...(priority === undefined ? {} : { priority: priorityCode(priority) }),
      },
      signal,
    });
    if (outcome !== undefined) return outcome;
  }
  const { answer, outcome } = await sendOnce(http, {
    method: 'POST',
    path: `${pathOf(remoteId)}/notes`,
    json: { body: toHtml(`${comment}\n\n${marker}`), private: true },
    signal,
  });
  if (outcome !== undefined) return outcome;
  if (idOf(within(dialect, parseObject(answer.body), 'conversation')) === null)
    return { kind: 'unknown', reason: `${http.connection}: the answer names no note` };
  return { kind: 'confirmed', remoteId, remoteUrl: urlOf(http, remoteId), adopted: false };
}

async function wasSolved({ http, dialect }: Desk, remoteId: string, signal: AbortSignal): Promise<boolean> {
  const answer = await unlessUntold(signal, () =>
    readObject(http, { method: 'GET', path: pathOf(remoteId), signal }),
  );
  return isSolved(within(dialect, answer, 'ticket')?.['status']);
}

async function lookForTicket(
  desk: Desk,
  { marker, firstSentAt }: EffectRequest,
  signal: AbortSignal,
): Promise<LookOutcome> {
  const since = new Date((firstSentAt?.getTime() ?? Date.now()) - lookBackMs);
  return looked(async () => {
    const ids: string[] = [];
    for await (const ticket of ticketsSince(desk, since, signal)) {
      const id = idOf(ticket);
      if (id !== null && tagsOf(ticket).includes(marker)) ids.push(id);
    }
    ids.sort((a, b) => Number(a) - Number(b));
    const [first] = ids;
    if (first === undefined) return { kind: 'absent' };
    return { kind: 'found', remoteIds: ids, remoteUrl: urlOf(desk.http, first) };
  });
}

async function lookForNote(
  desk: Desk,
  { body, marker }: EffectRequest,
  signal: AbortSignal,
): Promise<LookOutcome> {
  if (body.kind !== 'ticket_update') return { kind: 'cannot_look', reason: 'this action looks for notes' };
  const { remoteId } = body;
  return looked(async () => {
    const path = `${pathOf(remoteId)}/conversations`;
    for await (const note of pages(desk, path, 'conversations', {}, signal))
      if (
        String(note['body_text'] ?? '')
          .trimEnd()
          .endsWith(marker)
      )
        return { kind: 'found', remoteIds: [remoteId], remoteUrl: urlOf(desk.http, remoteId) };
    return { kind: 'absent' };
  });
}

/** Also those that are deleted: a ticket that somebody threw away was opened all the same. */
async function* markedTickets(desk: Desk, signal: AbortSignal): AsyncGenerator<MarkedTicket> {
  const everything = new Date('2000-01-01T00:00:00Z');
  for (const filter of [{}, { filter: 'deleted' }])
    for await (const ticket of ticketsSince(desk, everything, signal, filter)) {
      const remoteId = idOf(ticket);
      const marker = tagsOf(ticket).find((tag) => markerPattern.test(tag));
      if (remoteId === null || marker === undefined) continue;
      yield {
        remoteId,
        remoteUrl: urlOf(desk.http, remoteId),
        marker,
        isSolved: isSolved(ticket['status']),
        createdAt: new Date(String(ticket['created_at'])),
        body: {
          kind: 'ticket',
          subject: String(ticket['subject'] ?? ''),
          description: String(ticket['description_text'] ?? ''),
          priority: priorityOf(ticket['priority']),
          tags: tagsOf(ticket).filter((tag) => tag !== marker),
        },
      };
    }
}

/** Its tag changes, so that looking for the marker finds only the kept one from then on. Doing it again changes nothing. */
async function closeDuplicate(
  { http, dialect }: Desk,
  remoteId: string,
  keptId: string,
  signal: AbortSignal,
): Promise<void> {
  const answer = await readObject(http, { method: 'GET', path: pathOf(remoteId), signal });
  const tags = tagsOf(within(dialect, answer, 'ticket') ?? {});
  if (tags.includes('baton_duplicate')) return;
  await http.read({
    method: 'POST',
    path: `${pathOf(remoteId)}/notes`,
    json: { body: `Duplicate of ticket ${keptId}, opened twice by mistake.`, private: true },
    signal,
  });
  await http.read({
    method: 'PUT',
    path: pathOf(remoteId),
    json: {
      status: statusCodes.closed,
      tags: [...tags.map((tag) => (markerPattern.test(tag) ? `${tag}-duplicate` : tag)), 'baton_duplicate'],
    },
    signal,
  });
}

/** Without `updated_since` only the last thirty days are listed. */
function ticketsSince(
  desk: Desk,
  since: Date,
  signal: AbortSignal,
  more: Readonly<Record<string, string>> = {},
): AsyncGenerator<Fields> {
  const query = { updated_since: since.toISOString(), ...desk.dialect.listQuery, ...more };
  return pages(desk, '/api/v2/tickets', 'tickets', query, signal);
}

/** A list to its end: one that does not end throws, because "absent" would then be a guess. */
async function* pages(
  { http, dialect }: Desk,
  path: string,
  member: string,
  query: Readonly<Record<string, string>>,
  signal: AbortSignal,
): AsyncGenerator<Fields> {
  for (let page = 1; page <= mostPages; page += 1) {
    const asked = { ...query, per_page: perPage, page };
    const key = dialect.isEnveloped ? member : null;
    const request = { method: 'GET', path, query: asked, signal } as const;
    const { split } = await readPage(http, request, (body) => splitArray(body, key));
    const found = split.records.map((record) => JSON.parse(record.toString('utf8')) as Fields);
    yield* found;
    if (found.length < perPage) return;
  }
  throw new BatonError('ERR_SOURCE_BAD_RESPONSE', {
    detail: `${http.connection}: GET ${path} does not list its ${member} to their end`,
    vendor: true,
  });
}

function within(dialect: Dialect, answer: Fields | null, member: string): Fields | null {
  const found = dialect.isEnveloped ? answer?.[member] : answer;
  return typeof found === 'object' && found !== null ? (found as Fields) : null;
}

function pathOf(remoteId: string): string {
  return `/api/v2/tickets/${encodeURIComponent(remoteId)}`;
}

function urlOf(http: VendorHttp, id: string): string {
  return `${http.baseUrl}/a/tickets/${id}`;
}

function tagsOf(ticket: Fields): readonly string[] {
  return Array.isArray(ticket['tags']) ? ticket['tags'].map(String) : [];
}
