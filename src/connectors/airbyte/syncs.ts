import type { HttpRequest, VendorHttp } from '../http.js';
import type { SendOutcome, SyncDesk, SyncEnd, SyncState } from '../port.js';
import { parseObject } from '../read-page.js';
import { sendOnce } from '../send-outcome.js';

/** https://reference.airbyte.com/reference/listjobs: oldest first, unless it is asked otherwise. */
const newestFirst = { orderBy: 'createdAt|DESC', limit: 100 } as const;
/** More jobs of one connection are not looked through. */
const mostJobs = 20_000;

/** A job of a connection as Airbyte tells of it: https://reference.airbyte.com/reference/getjob */
interface Job {
  readonly id: number;
  readonly status: string;
  /** Told only of jobs that are over. */
  readonly endedAt: string | null;
  readonly rows: number | null;
}

const outcomes: Readonly<Record<string, SyncEnd['outcome']>> = {
  succeeded: 'succeeded',
  failed: 'failed',
  cancelled: 'cancelled',
};

/** `incomplete`: an attempt of it has failed, and Airbyte makes another. */
const underWay = ['pending', 'queued', 'running', 'incomplete'];

/**
 * Syncs of Airbyte's connections, each a job. It refuses (409) to start one beside one that runs, and often answers a
 * start only when the client has gone: the job is there all the same.
 */
export function airbyteSyncs(http: VendorHttp): SyncDesk {
  return {
    guarantee: 'once_after_looking',
    docs: 'https://reference.airbyte.com/reference/createjob',
    settleMs: 30_000,
    state: async (id, signal) => stateOf(await jobs(http, id, signal)),
    start: (id, signal) => start(http, id, signal),
  };
}

/** The newest ones. Some deployments order as they like: where the oldest come first, all are read. */
async function jobs(http: VendorHttp, id: string, signal: AbortSignal): Promise<readonly Job[]> {
  const all: Job[] = [];
  for (let offset = 0; offset < mostJobs; offset += newestFirst.limit) {
    const page = await jobsFrom(http, id, offset, signal);
    all.push(...page);
    const isAsAsked = (page[0]?.id ?? 0) >= (page.at(-1)?.id ?? 0);
    if (isAsAsked || page.length < newestFirst.limit) break;
  }
  return all.sort((a, b) => b.id - a.id);
}

async function jobsFrom(
  http: VendorHttp,
  id: string,
  offset: number,
  signal: AbortSignal,
): Promise<readonly Job[]> {
  const request: HttpRequest = {
    method: 'GET',
    path: '/v1/jobs',
    query: { connectionId: id, jobType: 'sync', ...newestFirst, offset },
    signal,
  };
  const answer = await http.read(request);
  const { data } = parseObject(answer.body) ?? {};
  const found = Array.isArray(data) ? data.map(jobOf) : [null];
  if (found.includes(null)) throw http.badResponse(request, answer, 'answered without a list of jobs');
  return found.filter((job) => job !== null);
}

/** Null for what is no job that we could tell the state of. */
function jobOf(value: unknown): Job | null {
  if (typeof value !== 'object' || value === null) return null;
  const { jobId, status, lastUpdatedAt, rowsSynced } = value as Readonly<Record<string, unknown>>;
  if (!Number.isSafeInteger(jobId) || typeof status !== 'string') return null;
  if (outcomes[status] === undefined && !underWay.includes(status)) return null;
  const ended = typeof lastUpdatedAt === 'string' ? Date.parse(lastUpdatedAt) : Number.NaN;
  return {
    id: jobId as number,
    status,
    endedAt: Number.isNaN(ended) ? null : new Date(ended).toISOString(),
    rows: typeof rowsSynced === 'number' ? rowsSynced : null,
  };
}

/** The newest job comes first. */
function stateOf(found: readonly Job[]): SyncState {
  const last = found.find(({ status }) => outcomes[status] !== undefined);
  const outcome = outcomes[last?.status ?? ''];
  const succeeded = found.find(({ status }) => status === 'succeeded');
  return {
    isRunning: found.some(({ status }) => underWay.includes(status)),
    ended:
      last === undefined || outcome === undefined
        ? null
        : { mark: String(last.id), outcome, words: wordsOf(last) },
    succeededAt: succeeded?.endedAt ?? null,
    hindrance: null,
  };
}

function wordsOf({ id, status, rows }: Job): string {
  return `job ${id} ${status}${rows === null ? '' : `, ${rows} rows synced`}`;
}

async function start(http: VendorHttp, id: string, signal: AbortSignal): Promise<SendOutcome> {
  const { answer, outcome } = await sendOnce(http, {
    method: 'POST',
    path: '/v1/jobs',
    json: { connectionId: id, jobType: 'sync' },
    signal,
  });
  if (outcome !== undefined) return outcome;
  const jobId = parseObject(answer.body)?.['jobId'];
  // A proxy's page says nothing of Airbyte.
  if (!Number.isSafeInteger(jobId))
    return { kind: 'unknown', reason: `${http.connection}: the answer to POST /v1/jobs names no job` };
  return { kind: 'confirmed', remoteId: String(jobId), remoteUrl: null, adopted: false };
}
