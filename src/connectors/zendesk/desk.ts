import { idOf, looked, unlessUntold } from '../desk.js';
import type { HttpRequest, VendorHttp } from '../http.js';
import type {
  EffectAction,
  EffectRequest,
  LookOutcome,
  SendOutcome,
  TicketBody,
  TicketDesk,
  TicketUpdate,
} from '../port.js';
import { parseObject, readObject } from '../read-page.js';
import { sendOnce, wrongBody } from '../send-outcome.js';
import { findComment } from './comments.js';
import { markedTickets } from './marked-tickets.js';

/** Zendesk remembers an Idempotency-Key for two hours; we rely on it a little less long. */
const idempotencyMs = 2 * 3_600_000 - 5 * 60_000;

/** How long after a broken connection Zendesk may still commit the write. */
const settleMs = 30_000;

/** Marks a surplus ticket of ours. */
const duplicateTag = 'baton_duplicate';

type Fields = Readonly<Record<string, unknown>>;

/** Tickets in Zendesk Support. */
export function zendeskDesk(http: VendorHttp): TicketDesk {
  return {
    open: openAction(http),
    update: updateAction(http),
    markedTickets: (signal) => markedTickets(http, signal),
    closeDuplicate: (remoteId, keptId, signal) => closeDuplicate(http, remoteId, keptId, signal),
  };
}

function openAction(http: VendorHttp): EffectAction {
  return {
    guarantee: 'exact',
    docs: 'https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/#create-ticket',
    settleMs,
    resendIsSafe: ({ firstSentAt }, now) =>
      firstSentAt === null || now.getTime() - firstSentAt.getTime() < idempotencyMs,
    send: (request, signal) => {
      const { body } = request;
      return body.kind === 'ticket' ? create(http, request, body, signal) : refused('ticket', body.kind);
    },
    look: (request, signal) => lookForTicket(http, request.marker, signal),
  };
}

function updateAction(http: VendorHttp): EffectAction {
  return {
    guarantee: 'once_after_looking',
    docs: 'https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/#update-ticket',
    settleMs,
    resendIsSafe: ({ firstSentAt }) => firstSentAt === null,
    send: (request, signal) => {
      const { body } = request;
      return body.kind === 'ticket_update'
        ? update(http, request, body, signal)
        : refused('ticket_update', body.kind);
    },
    look: (request, signal) => lookForComment(http, request, signal),
  };
}

async function refused(wanted: string, kind: string): Promise<SendOutcome> {
  return wrongBody(wanted, kind);
}

async function create(
  http: VendorHttp,
  request: EffectRequest,
  body: TicketBody,
  signal: AbortSignal,
): Promise<SendOutcome> {
  const { answer, outcome } = await sendOnce(http, {
    method: 'POST',
    path: '/api/v2/tickets.json',
    headers: { 'Idempotency-Key': request.marker },
    json: {
      ticket: {
        subject: body.subject,
        comment: { body: body.description, public: false },
        priority: body.priority,
        external_id: request.marker,
        tags: body.tags,
      },
    },
    signal,
  });
  if (outcome !== undefined) {
    return isKeyTaken(outcome) ? { kind: 'unknown', reason: outcome.reason } : outcome;
  }
  const id = idOf(parseObject(answer.body)?.['ticket']);
  if (id === null)
    return { kind: 'unknown', reason: `${http.connection}: the answer to the new ticket names no id` };
  const adopted = answer.headers['x-idempotency-lookup'] === 'hit';
  return { kind: 'confirmed', remoteId: id, remoteUrl: ticketUrl(http, id), adopted };
}

/**
 * The key is ours alone, so a body that differs from the first one under it (a newer Baton writes the same
 * ticket otherwise) means that the first one arrived: it is to be looked for, not given up.
 */
function isKeyTaken(outcome: SendOutcome): outcome is Extract<SendOutcome, { kind: 'refused' }> {
  return outcome.kind === 'refused' && outcome.reason.includes('IdempotentRequestError');
}

/** By `tickets.json?external_id=`, which is consistent; the search index lags by minutes. */
async function lookForTicket(http: VendorHttp, marker: string, signal: AbortSignal): Promise<LookOutcome> {
  const path = '/api/v2/tickets.json';
  const request: HttpRequest = { method: 'GET', path, query: { external_id: marker }, signal };
  return looked(async () => {
    const { tickets } = await readObject(http, request);
    if (!Array.isArray(tickets)) return null;
    const ids = tickets
      .filter((ticket: Fields) => ticket['external_id'] === marker && ticket['status'] !== 'deleted')
      .map(idOf)
      .filter((id) => id !== null)
      .sort((a, b) => Number(a) - Number(b));
    const first = ids[0];
    if (first === undefined) return { kind: 'absent' };
    return { kind: 'found', remoteIds: ids, remoteUrl: ticketUrl(http, first) };
  });
}

async function update(
  http: VendorHttp,
  request: EffectRequest,
  body: TicketUpdate,
  signal: AbortSignal,
): Promise<SendOutcome> {
  const status = body.status ?? (body.reopens === true ? await reopened(http, body.remoteId, signal) : null);
  const { answer, outcome } = await sendOnce(http, {
    method: 'PUT',
    path: ticketPath(body.remoteId),
    json: {
      ticket: {
        comment: { body: `${body.comment}\n\n${request.marker}`, public: false },
        ...(status === null ? {} : { status }),
        ...(body.priority === undefined ? {} : { priority: body.priority }),
      },
    },
    signal,
  });
  if (outcome !== undefined) return outcome;
  const id = idOf(parseObject(answer.body)?.['ticket']);
  if (id === null)
    return { kind: 'unknown', reason: `${http.connection}: the answer to the update names no ticket` };
  return { kind: 'confirmed', remoteId: id, remoteUrl: ticketUrl(http, id), adopted: false };
}

/** `open` for a ticket that is solved; null for any other. */
async function reopened(http: VendorHttp, remoteId: string, signal: AbortSignal): Promise<'open' | null> {
  const answer = await unlessUntold(signal, () =>
    readObject(http, { method: 'GET', path: ticketPath(remoteId), signal }),
  );
  return (answer?.['ticket'] as Fields | undefined)?.['status'] === 'solved' ? 'open' : null;
}

async function lookForComment(
  http: VendorHttp,
  { body, marker }: EffectRequest,
  signal: AbortSignal,
): Promise<LookOutcome> {
  if (body.kind !== 'ticket_update') return { kind: 'cannot_look', reason: 'this action looks for comments' };
  return looked(async () => {
    const isThere = await findComment(http, body.remoteId, marker, signal);
    if (!isThere) return { kind: 'absent' };
    return { kind: 'found', remoteIds: [body.remoteId], remoteUrl: ticketUrl(http, body.remoteId) };
  });
}

/**
 * Solves a surplus ticket with a word on which one was kept. Its external_id changes, so that looking for
 * the marker finds only the kept one from then on. Doing it again changes nothing.
 */
async function closeDuplicate(
  http: VendorHttp,
  remoteId: string,
  keptId: string,
  signal: AbortSignal,
): Promise<void> {
  const path = ticketPath(remoteId);
  const { ticket } = await readObject(http, { method: 'GET', path, signal });
  const { external_id: externalId, tags } = (ticket ?? {}) as Fields;
  if (Array.isArray(tags) && tags.includes(duplicateTag)) return;
  await http.read({
    method: 'PUT',
    path,
    json: {
      ticket: {
        status: 'solved',
        external_id: `${String(externalId ?? '')}/duplicate`,
        tags: [...(Array.isArray(tags) ? tags : []), duplicateTag],
        comment: { body: `Duplicate of ticket ${keptId}, opened twice by mistake.`, public: false },
      },
    },
    signal,
  });
}

function ticketPath(remoteId: string): string {
  return `/api/v2/tickets/${encodeURIComponent(remoteId)}.json`;
}

function ticketUrl(http: VendorHttp, id: string): string {
  return `${http.baseUrl}/agent/tickets/${id}`;
}
