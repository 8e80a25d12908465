import type { HttpRequest, VendorHttp } from '../http.js';
import { instantText } from '../instant.js';
import type { SendOutcome, SyncDesk, SyncEnd, SyncState } from '../port.js';
import { parseObject } from '../read-page.js';
import { sendOnce } from '../send-outcome.js';

type Fields = Readonly<Record<string, unknown>>;

/**
 * Syncs of Fivetran's connections. They have no ids: one is told from another by when it ended. A start beside one
 * that runs does nothing, since `force` is false.
 */
export function fivetranSyncs(http: VendorHttp): SyncDesk {
  return {
    guarantee: 'once_after_looking',
    docs: 'https://fivetran.com/docs/rest-api/api-reference/connections/sync-connection',
    settleMs: 30_000,
    state: (id, signal) => state(http, id, signal),
    start: (id, signal) => start(http, id, signal),
  };
}

/** https://fivetran.com/docs/rest-api/api-reference/connections/connection-details */
async function state(http: VendorHttp, id: string, signal: AbortSignal): Promise<SyncState> {
  const request: HttpRequest = { method: 'GET', path: pathOf(id), signal };
  const answer = await http.read(request);
  const data = fieldsOf(parseObject(answer.body)?.['data']);
  const status = fieldsOf(data?.['status']);
  if (data === null || status === null || typeof status['sync_state'] !== 'string')
    throw http.badResponse(request, answer, 'answered without the state of the connection');
  const succeededAt = timeOf(data['succeeded_at']);
  return {
    isRunning: isRunning(data, status, Date.parse(answer.headers['date'] ?? '')),
    ended: endOf(succeededAt, timeOf(data['failed_at']), status),
    succeededAt,
    hindrance: hindranceOf(data, status),
  };
}

/**
 * A rescheduled sync waits for the source's own limit and goes on by itself; where the schedule is manual it does so
 * only when it is asked to, which helps from its time on.
 */
function isRunning({ schedule_type: schedule }: Fields, status: Fields, nowMs: number): boolean {
  if (status['sync_state'] === 'syncing') return true;
  if (status['sync_state'] !== 'rescheduled') return false;
  const until = timeOf(status['rescheduled_for']);
  return schedule !== 'manual' || (until !== null && nowMs < Date.parse(until));
}

function endOf(succeededAt: string | null, failedAt: string | null, status: Fields): SyncEnd | null {
  const isFailed = failedAt !== null && (succeededAt === null || failedAt > succeededAt);
  const mark = isFailed ? failedAt : succeededAt;
  if (mark === null) return null;
  if (!isFailed) return { mark, outcome: 'succeeded', words: `succeeded at ${mark}` };
  const said = told(status);
  return { mark, outcome: 'failed', words: `failed at ${mark}${said === '' ? '' : `: ${said}`}` };
}

function hindranceOf({ paused }: Fields, status: Fields): string | null {
  const { setup_state: setup } = status;
  if (typeof setup === 'string' && setup !== 'connected') {
    const said = told(status);
    return `its setup is ${setup}${said === '' ? '' : `: ${said}`}`;
  }
  return paused === true || status['sync_state'] === 'paused' ? 'it is paused' : null;
}

/** What it wants somebody to do, in its own words. */
function told({ tasks, warnings }: Fields): string {
  const texts = [tasks, warnings].flatMap((list) => (Array.isArray(list) ? list : [])).map(wordsOf);
  return texts
    .filter((text) => text !== '')
    .join('; ')
    .slice(0, 500);
}

function wordsOf(value: unknown): string {
  const { message, details } = fieldsOf(value) ?? {};
  return [message, details].filter((text) => typeof text === 'string' && text !== '').join(': ');
}

async function start(http: VendorHttp, id: string, signal: AbortSignal): Promise<SendOutcome> {
  const { answer, outcome } = await sendOnce(http, {
    method: 'POST',
    path: `${pathOf(id)}/sync`,
    json: { force: false },
    signal,
  });
  if (outcome !== undefined) return outcome;
  // A proxy's page says nothing of Fivetran.
  if (parseObject(answer.body)?.['code'] !== 'Success')
    return { kind: 'unknown', reason: `${http.connection}: the answer to the start is not Fivetran's` };
  return { kind: 'confirmed', remoteId: id, remoteUrl: null, adopted: false };
}

function pathOf(id: string): string {
  return `/v1/connections/${encodeURIComponent(id)}`;
}

function timeOf(value: unknown): string | null {
  return typeof value === 'string' ? instantText(value) : null;
}

function fieldsOf(value: unknown): Fields | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : null;
}
