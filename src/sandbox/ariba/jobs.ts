import { createHash } from 'node:crypto';
import { strToU8, zipSync } from 'fflate';
import { isoSeconds, type SandboxClock } from '../clock.js';
import type { Collection } from '../coupa/collection.js';
import type { Settings } from '../settings.js';
import { type Answer, type Call, json, parseObject, type Route } from '../wire.js';
import { aribaOrder } from './order.js';
import { type Finder, type Found, longestMs, type Query, queryOf } from './query.js';

export interface JobParts {
  readonly orders: Collection;
  readonly find: Finder;
  readonly clock: SandboxClock;
  readonly settings: Settings;
  readonly view: string;
}

interface Job {
  readonly id: string;
  readonly createdMs: number;
  readonly filters: unknown;
  readonly query: Query;
  readonly found: Found;
  /** By name; made when it is complete. */
  files: ReadonlyMap<string, Buffer> | null;
}

/** How long files are kept. */
const keptMs = 48 * 3_600_000;
const failed = (status: number, message: string): Answer => json(status, { message });

/** Asynchronous reporting. https://help.sap.com/docs/ariba-apis/operational-reporting-api-for-procurement */
export function jobRoutes({ orders, find, clock, settings, view }: JobParts): readonly Route[] {
  const jobs = new Map<string, Job>();

  function submit(call: Call): Answer {
    const { viewTemplateName, filters } = parseObject(call.body) ?? {};
    if (viewTemplateName !== view) return failed(400, `The view template ${viewTemplateName} does not exist`);
    const query = queryOf(filters);
    if (typeof query === 'string') return failed(400, query);
    const most = settings.aribaRecordsPerFile * settings.aribaFilesPerJob;
    const found = find(query, call.query.get('pageToken'), most);
    if (found === null) return failed(400, 'The page token is not valid');
    const id = createHash('sha256').update(`job ${jobs.size}`).digest('hex').slice(0, 32);
    const job: Job = { id, createdMs: clock.ms(), filters, query, found, files: null };
    jobs.set(id, job);
    return json(200, shown(job));
  }

  function stateOf({ createdMs, query, found }: Job): string {
    const ageMs = clock.ms() - createdMs;
    if (ageMs < settings.aribaJobMs / 2) return 'pending';
    if (ageMs < settings.aribaJobMs) return 'processing';
    if (query.toMs - query.fromMs > longestMs) return 'errorInvalidDateRange';
    if (found.total > settings.aribaMostRecords) return 'errorMaxReached';
    return found.total === 0 ? 'completedZeroRecords' : 'completed';
  }

  function filesOf(job: Job): ReadonlyMap<string, Buffer> {
    if (job.files !== null) return job.files;
    const { positions } = job.found;
    const each = settings.aribaRecordsPerFile;
    const files = new Map<string, Buffer>();
    for (let from = 0; from < positions.length; from += each) {
      const records = positions.slice(from, from + each).map((at) => aribaOrder(orders.record(at)));
      const zip = zipSync({ 'records.txt': strToU8(JSON.stringify(records)) });
      files.set(`${job.id}_${files.size + 1}.zip`, Buffer.from(zip));
    }
    job.files = files;
    return files;
  }

  function shown(job: Job): Record<string, unknown> {
    const { found } = job;
    const status = stateOf(job);
    const isComplete = status === 'completed';
    const perJob = settings.aribaRecordsPerFile * settings.aribaFilesPerJob;
    const isDone = status !== 'pending' && status !== 'processing';
    return {
      jobId: job.id,
      files: isComplete ? [...filesOf(job).keys()] : [],
      status,
      createdDate: isoSeconds(job.createdMs),
      completedDate: isDone ? isoSeconds(job.createdMs + settings.aribaJobMs) : null,
      viewTemplateName: view,
      filters: job.filters,
      documentType: 'PurchaseOrder',
      selectAttributesSnap: [],
      filterExpressionsSnap: [],
      debug: false,
      emitNull: true,
      displayStateString: false,
      includeInactive: false,
      reportingApp: 'Procurement',
      pageToken: isComplete ? found.token : null,
      totalNumOfRecords: isDone ? found.total : 0,
      currentPageRecordsCount: isComplete ? found.positions.length : 0,
      totalNumOfPages: isDone ? Math.ceil(found.total / perJob) : 0,
      currentPageNum: isComplete ? 1 + Math.floor(found.before / perJob) : 0,
    };
  }

  function state(call: Call): Answer {
    const job = jobs.get(call.params['id'] ?? '');
    return job === undefined ? failed(404, 'The job does not exist') : json(200, shown(job));
  }

  function file(call: Call): Answer {
    const job = jobs.get(call.params['id'] ?? '');
    const isKept =
      job !== undefined && clock.ms() - job.createdMs - settings.aribaJobMs < keptMs && job.files !== null;
    const body = isKept ? job.files?.get(call.params['file'] ?? '') : undefined;
    if (body === undefined) return failed(404, 'The file does not exist or has expired');
    return { status: 200, headers: { 'content-type': 'application/octet-stream' }, body };
  }

  const results = '/procurement-reporting-jobresult/v2/prod/jobs/:id';
  return [
    { method: 'POST', path: '/procurement-reporting-job/v2/prod/jobs', handle: submit },
    { method: 'GET', path: results, handle: state },
    { method: 'GET', path: `${results}/files/:file`, handle: file },
  ];
}
