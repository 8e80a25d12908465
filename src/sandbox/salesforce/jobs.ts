import type { SandboxClock } from '../clock.js';
import { type SalesforceRecord, salesforceTime, withChecksum } from '../seed/accounts.js';
import type { Settings } from '../settings.js';
import { type Answer, type Call, json, parseObject, type Route } from '../wire.js';
import { SoqlRefused } from './soql.js';
import type { SalesforceObject } from './store.js';
import { failed } from './writes.js';

/** What a query finds, before the projection. */
export interface Selected {
  readonly object: SalesforceObject;
  readonly fields: readonly string[];
  readonly rows: readonly SalesforceRecord[];
}

interface Job extends Selected {
  readonly id: string;
  readonly operation: string;
  readonly createdMs: number;
}

const mostRows = 50_000;

/** Query jobs of the Bulk API 2.0: https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/queries.htm */
export function jobRoutes(
  data: string,
  select: (query: string, withDeleted: boolean) => Selected,
  { clock, settings }: { readonly clock: SandboxClock; readonly settings: Settings },
): readonly Route[] {
  const jobs = new Map<string, Job>();
  const find = (call: Call): Job | undefined => jobs.get(call.params['id'] ?? '');
  const missing = (): Answer => failed(404, 'NOT_FOUND', 'The requested resource does not exist');
  const isComplete = ({ createdMs }: Job): boolean => clock.ms() - createdMs >= settings.salesforceJobMs;

  function shown(job: Job, state: string): Record<string, unknown> {
    return {
      id: job.id,
      operation: job.operation,
      object: job.object,
      createdById: withChecksum('005Hs0000000001'),
      createdDate: salesforceTime(job.createdMs),
      systemModstamp: salesforceTime(job.createdMs),
      state,
      concurrencyMode: 'Parallel',
      contentType: 'CSV',
      apiVersion: 62.0,
      lineEnding: 'LF',
      columnDelimiter: 'COMMA',
    };
  }

  function create(call: Call): Answer {
    const { operation, query } = parseObject(call.body) ?? {};
    if (operation !== 'query' && operation !== 'queryAll')
      return failed(400, 'INVALIDJOB', 'The operation must be query or queryAll');
    try {
      const selected = select(String(query), operation === 'queryAll');
      const id = withChecksum(`750Hs${String(jobs.size + 1).padStart(10, '0')}`);
      const job: Job = { ...selected, id, operation, createdMs: clock.ms() };
      jobs.set(id, job);
      return json(200, shown(job, 'UploadComplete'));
    } catch (error) {
      if (error instanceof SoqlRefused) return failed(400, 'API_ERROR', error.message);
      throw error;
    }
  }

  function state(call: Call): Answer {
    const job = find(call);
    if (job === undefined) return missing();
    if (!isComplete(job)) return json(200, shown(job, 'InProgress'));
    const done = {
      jobType: 'V2Query',
      numberRecordsProcessed: job.rows.length,
      retries: 0,
      totalProcessingTime: 100,
    };
    return json(200, { ...shown(job, 'JobComplete'), ...done });
  }

  /** Each page begins with the names of the fields. */
  function results(call: Call): Answer {
    const job = find(call);
    if (job === undefined) return missing();
    if (!isComplete(job)) return failed(404, 'NOT_FOUND', 'The job is not complete');
    const locator = call.query.get('locator');
    const from = locator === null ? 0 : Number(Buffer.from(locator, 'base64').toString());
    if (!Number.isSafeInteger(from)) return failed(400, 'INVALIDLOCATOR', 'invalid locator');
    const wished = Number(call.query.get('maxRecords') ?? mostRows);
    const to = from + Math.min(wished, settings.salesforceBatchSize);
    const rows = job.rows.slice(from, to);
    const lines = rows.map((row) => job.fields.map((field) => cell(row[field] ?? null)).join(','));
    const next = to >= job.rows.length ? 'null' : Buffer.from(String(to)).toString('base64');
    return {
      status: 200,
      headers: {
        'content-type': 'text/csv',
        'sforce-locator': next,
        'sforce-numberofrecords': String(rows.length),
      },
      body: `${[job.fields.map(cell).join(','), ...lines].join('\n')}\n`,
    };
  }

  return [
    { method: 'POST', path: `${data}/jobs/query`, handle: create },
    { method: 'GET', path: `${data}/jobs/query/:id`, handle: state },
    { method: 'GET', path: `${data}/jobs/query/:id/results`, handle: results },
  ];
}

/** RFC 4180, each value between quotes; times end with Z here. */
function cell(value: string | number | boolean | null): string {
  if (value === null) return '';
  const text = String(value).replace(/^(\d{4}-\d\d-\d\dT[\d:.]+)\+0000$/, '$1Z');
  return `"${text.replaceAll('"', '""')}"`;
}
