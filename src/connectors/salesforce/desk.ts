import { BatonError } from '../../protocol/errors.js';
import { looked, unlessUntold } from '../desk.js';
import type { HttpAnswer, VendorHttp } from '../http.js';
import type {
  EffectRequest,
  LookOutcome,
  MarkedTicket,
  SendOutcome,
  TicketBody,
  TicketDesk,
  TicketUpdate,
} from '../port.js';
import { parseObject, readObject } from '../read-page.js';
import { sendOnce, wrongBody } from '../send-outcome.js';
import { bodyOf, caseOf, changesOf, commentOf, type Statuses } from './case-text.js';
import { dataPath, queryPath, quoted } from './soql.js';
import { locatorPath } from './stream.js';

/** How long after a broken connection Salesforce may still commit the write: its requests end after ten minutes at most, writes of one record within seconds. */
const settleMs = 30_000;
/** So many pages of an answer are looked through. */
const mostPages = 500;
const markerPattern = /^btn-[0-9a-f]{20}$/;

type Fields = Readonly<Record<string, unknown>>;

/** Cases, the field that is their key, and the words of their states. */
export interface CaseDesk {
  readonly http: VendorHttp;
  /** An external id of Case: text, unique. */
  readonly keyField: string;
  readonly statuses: Statuses;
}

/**
 * Cases of Service Cloud. A case is upserted by its key, so that the same again is the same case; a comment knows no
 * key, and ends with the marker. SOQL is consistent.
 */
export function salesforceDesk(desk: CaseDesk): TicketDesk {
  return {
    open: {
      guarantee: 'exact',
      docs: 'https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/dome_upsert.htm',
      settleMs,
      resendIsSafe: () => true,
      send: async ({ body, marker }, signal) =>
        body.kind === 'ticket' ? upsert(desk, body, marker, signal) : wrongBody('ticket', body.kind),
      look: ({ marker }, signal) => lookForCase(desk, marker, signal),
    },
    update: {
      guarantee: 'once_after_looking',
      docs: 'https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_casecomment.htm',
      settleMs,
      resendIsSafe: ({ firstSentAt }) => firstSentAt === null,
      send: async ({ body, marker }, signal) =>
        body.kind === 'ticket_update'
          ? update(desk, body, marker, signal)
          : wrongBody('ticket_update', body.kind),
      look: (request, signal) => lookForComment(desk, request, signal),
    },
    markedTickets: (signal) => markedCases(desk, signal),
    closeDuplicate: (remoteId, keptId, signal) => closeDuplicate(desk, remoteId, keptId, signal),
  };
}

async function upsert(
  { http, keyField }: CaseDesk,
  body: TicketBody,
  marker: string,
  signal: AbortSignal,
): Promise<SendOutcome> {
  const { answer, outcome } = await sendOnce(http, {
    method: 'PATCH',
    path: `${dataPath}/sobjects/Case/${keyField}/${encodeURIComponent(marker)}`,
    json: caseOf(body),
    signal,
  });
  if (outcome !== undefined) return judged(outcome, keyField);
  return confirmed(http, answer, (made) => made['created'] === false);
}

function judged(outcome: SendOutcome, keyField: string): SendOutcome {
  const { kind } = outcome;
  if (kind !== 'refused') return outcome;
  const { reason } = outcome;
  // Several cases have the key, which then is not unique. They are looked for, and one is kept.
  if (/ answered 300\b/.test(reason)) return { kind: 'unknown', reason };
  if (!/ answered 404\b/.test(reason)) return outcome;
  return { ...outcome, reason: `${reason}. Is ${keyField} an external id of Case that the user may write?` };
}

function confirmed(http: VendorHttp, answer: HttpAnswer, isKnown: (made: Fields) => boolean): SendOutcome {
  const made = parseObject(answer.body);
  const id = made?.['id'];
  if (made === null || typeof id !== 'string' || made['success'] !== true)
    return { kind: 'unknown', reason: `${http.connection}: the answer names no record` };
  return { kind: 'confirmed', remoteId: id, remoteUrl: urlOf(http, id), adopted: isKnown(made) };
}

/** State and priority first, which may be set twice; the comment, which tells that all is done, last. */
async function update(
  desk: CaseDesk,
  { remoteId, comment, status: wanted, reopens, priority }: TicketUpdate,
  marker: string,
  signal: AbortSignal,
): Promise<SendOutcome> {
  const { http, statuses } = desk;
  const isReopened = wanted === null && reopens === true && (await isClosed(desk, remoteId, signal));
  const changes = changesOf(isReopened ? 'open' : wanted, priority, statuses);
  if (Object.keys(changes).length > 0) {
    const request = { method: 'PATCH', path: pathOf(remoteId), json: changes, signal } as const;
    const { outcome } = await sendOnce(http, request);
    if (outcome !== undefined) return outcome;
  }
  const { answer, outcome } = await sendOnce(http, {
    method: 'POST',
    path: `${dataPath}/sobjects/CaseComment`,
    json: { ParentId: remoteId, CommentBody: commentOf(comment, marker), IsPublished: false },
    signal,
  });
  if (outcome !== undefined) return outcome;
  const made = confirmed(http, answer, () => false);
  return made.kind === 'confirmed' ? { ...made, remoteId, remoteUrl: urlOf(http, remoteId) } : made;
}

async function isClosed({ http }: CaseDesk, remoteId: string, signal: AbortSignal): Promise<boolean> {
  const found = await unlessUntold(signal, () => read(http, remoteId, 'IsClosed', signal));
  return found?.['IsClosed'] === true;
}

function read(http: VendorHttp, remoteId: string, fields: string, signal: AbortSignal): Promise<Fields> {
  return readObject(http, { method: 'GET', path: pathOf(remoteId), query: { fields }, signal });
}

async function lookForCase(desk: CaseDesk, marker: string, signal: AbortSignal): Promise<LookOutcome> {
  const { http, keyField } = desk;
  const q = `SELECT Id FROM Case WHERE ${keyField} = ${quoted(marker)} AND IsDeleted = false ORDER BY CreatedDate, Id`;
  return looked(async () => {
    const ids: string[] = [];
    for await (const { Id } of queried(http, q, signal)) ids.push(String(Id));
    const [first] = ids;
    if (first === undefined) return { kind: 'absent' };
    return { kind: 'found', remoteIds: ids, remoteUrl: urlOf(http, first) };
  });
}

/** The text of a comment cannot be asked for, so all of the case’s are read. */
async function lookForComment(
  { http }: CaseDesk,
  { body, marker }: EffectRequest,
  signal: AbortSignal,
): Promise<LookOutcome> {
  if (body.kind !== 'ticket_update') return { kind: 'cannot_look', reason: 'this action looks for comments' };
  const { remoteId } = body;
  const q = `SELECT CommentBody FROM CaseComment WHERE ParentId = ${quoted(remoteId)} ORDER BY CreatedDate DESC, Id`;
  return looked(async () => {
    for await (const { CommentBody: text } of queried(http, q, signal))
      if (typeof text === 'string' && text.trimEnd().endsWith(marker))
        return { kind: 'found', remoteIds: [remoteId], remoteUrl: urlOf(http, remoteId) };
    return { kind: 'absent' };
  });
}

/** Those in the recycle bin too: a case that somebody threw away was opened all the same. */
async function* markedCases({ http, keyField }: CaseDesk, signal: AbortSignal): AsyncGenerator<MarkedTicket> {
  const fields = ['Id', keyField, 'Subject', 'Description', 'Priority', 'IsClosed', 'CreatedDate'];
  const q = `SELECT ${fields.join(', ')} FROM Case WHERE ${keyField} LIKE 'btn-%' ORDER BY CreatedDate, Id`;
  for await (const found of queried(http, q, signal)) {
    const remoteId = String(found['Id']);
    const marker = String(found[keyField]);
    if (!markerPattern.test(marker)) continue;
    yield {
      remoteId,
      remoteUrl: urlOf(http, remoteId),
      marker,
      isSolved: found['IsClosed'] === true,
      createdAt: new Date(String(found['CreatedDate']).replace(/\+0000$/, 'Z')),
      body: bodyOf(found),
    };
  }
}

/** Its key changes last, so that what broke off is done again whole. */
async function closeDuplicate(
  { http, keyField, statuses }: CaseDesk,
  remoteId: string,
  keptId: string,
  signal: AbortSignal,
): Promise<void> {
  const key = String((await read(http, remoteId, keyField, signal))[keyField] ?? '');
  if (!markerPattern.test(key)) return;
  await http.read({
    method: 'POST',
    path: `${dataPath}/sobjects/CaseComment`,
    json: { ParentId: remoteId, CommentBody: `Duplicate of case ${keptId}, opened twice by mistake.` },
    signal,
  });
  await http.read({
    method: 'PATCH',
    path: pathOf(remoteId),
    json: { Status: statuses.solved, [keyField]: `${key}/duplicate/${remoteId}` },
    signal,
  });
}

/** What a query finds, to its end: one that does not end throws, because "absent" would then be a guess. */
async function* queried(http: VendorHttp, q: string, signal: AbortSignal): AsyncGenerator<Fields> {
  let path = queryPath;
  let query: Readonly<Record<string, string>> | undefined = { q };
  for (let page = 0; page < mostPages; page += 1) {
    const request = { method: 'GET', path, ...(query === undefined ? {} : { query }), signal } as const;
    const { records, done, nextRecordsUrl: next }: Fields = await readObject(http, request);
    if (!Array.isArray(records)) break;
    yield* records as readonly Fields[];
    if (done === true) return;
    if (typeof next !== 'string' || !locatorPath.test(next)) break;
    path = next;
    query = undefined;
  }
  throw new BatonError('ERR_SOURCE_BAD_RESPONSE', {
    detail: `${http.connection}: GET ${path} does not list its records to their end`,
    vendor: true,
  });
}

function pathOf(remoteId: string): string {
  return `${dataPath}/sobjects/Case/${encodeURIComponent(remoteId)}`;
}

function urlOf(http: VendorHttp, id: string): string {
  return `${http.baseUrl}/lightning/r/Case/${id}/view`;
}
