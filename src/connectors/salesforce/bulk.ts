import { CsvError, parse } from 'csv-parse/sync';
import { BatonError } from '../../protocol/errors.js';
import type { HttpAnswer, HttpRequest, VendorHttp } from '../http.js';
import type { Taken } from '../paging/paginator.js';
import type { Page } from '../port.js';
import { readObject } from '../read-page.js';
import { atWork } from '../vendor-job.js';
import { dataPath } from './soql.js';

/**
 * Bulk API 2.0: a query as a job of Salesforce's own, whose results are fetched as CSV when it is complete. Where a walk
 * stands is a path: the job's, then those of its results.
 * https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/queries.htm
 */
const jobsPath = `${dataPath}/jobs/query`;
const jobPattern = /^[A-Za-z0-9]{15,18}$/;
export const bulkPath =
  /^\/services\/data\/v\d{1,3}\.\d\/jobs\/query\/[A-Za-z0-9]{15,18}(\/results\?maxRecords=\d{1,6}&locator=[\w=+%-]{1,200})?$/;

/** Rows of a result at a time: what they hold of text is within the limit of an answer. */
const rowsPerPage = 5_000;
/** A job at work is asked after once a minute at least. */
const longestWaitMs = 60_000;

/** The next position, judged by the stream's paginator. */
export type TakeAt = (records: readonly Buffer[], next: string | null) => Taken;

/** Leaves the query to a job; answers a page without records, whose cursor is the job. A job that nobody fetches Salesforce removes. */
export async function startJob(
  http: VendorHttp,
  query: string,
  take: TakeAt,
  signal: AbortSignal | undefined,
): Promise<Page> {
  const request: HttpRequest = {
    method: 'POST',
    path: jobsPath,
    json: { operation: 'queryAll', query, contentType: 'CSV', columnDelimiter: 'COMMA', lineEnding: 'LF' },
    signal,
  };
  const { id } = await readObject(http, request);
  if (typeof id !== 'string' || !jobPattern.test(id))
    throw unlike(http, jobsPath, 'names no job in its answer');
  return { ...take([], `${jobsPath}/${id}`), calls: 1, bytes: 0 };
}

/**
 * The results at a position. A job that is still at work is ERR_SOURCE_NOT_READY, with a wait that grows with its age;
 * one that failed or was aborted is ERR_SOURCE_JOB_FAILED: the next run asks anew.
 */
export async function readJob(
  http: VendorHttp,
  at: string,
  take: TakeAt,
  signal: AbortSignal | undefined,
): Promise<Page> {
  const isResult = at.includes('/results?');
  if (!isResult) await expectComplete(http, at, signal);
  const path = isResult ? at : `${at}/results?maxRecords=${rowsPerPage}`;
  const answer = await http.read({ method: 'GET', path, signal });
  const locator = answer.headers['sforce-locator'];
  if (locator === undefined) throw unlike(http, path, 'answered without a Sforce-Locator');
  // The end is the text "null".
  const next =
    locator === 'null'
      ? null
      : `${at.replace(/\/results\?.*$/, '')}/results?maxRecords=${rowsPerPage}&locator=${encodeURIComponent(locator)}`;
  const records = recordsOf(http, path, answer);
  return { ...take(records, next), calls: answer.calls + (isResult ? 0 : 1), bytes: answer.body.length };
}

async function expectComplete(
  http: VendorHttp,
  path: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { state, createdDate, errorMessage } = await readObject(http, { method: 'GET', path, signal });
  if (state === 'JobComplete') return;
  const job = `${http.connection}: job ${path.split('/').at(-1)}`;
  if (state === 'Failed' || state === 'Aborted')
    throw new BatonError('ERR_SOURCE_JOB_FAILED', {
      detail: `${job} was ended by Salesforce (${state}): ${String(errorMessage ?? 'no reason given')}`,
      vendor: true,
    });
  const createdMs = Date.parse(String(createdDate).replace(/\+0000$/, 'Z'));
  throw atWork(job, String(state), createdMs, longestWaitMs);
}

/** CSV with the names of its fields in the first line, as objects: nothing is null, and only the Is… fields are no text. */
function recordsOf(http: VendorHttp, path: string, { body }: HttpAnswer): readonly Buffer[] {
  try {
    const rows: readonly Record<string, string>[] = parse(body, { columns: true, skip_empty_lines: true });
    return rows.map((row) => Buffer.from(JSON.stringify(row, typed)));
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw unlike(http, path, `answered with what is not CSV (${error.message})`);
  }
}

function typed(name: string, value: unknown): unknown {
  if (value === '') return null;
  return /^Is[A-Z]/.test(name) ? value === 'true' : value;
}

function unlike(http: VendorHttp, path: string, what: string): BatonError {
  return new BatonError('ERR_SOURCE_BAD_RESPONSE', {
    detail: `${http.connection}: ${path} ${what}`,
    vendor: true,
  });
}
