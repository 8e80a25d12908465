import { BatonError } from '../../protocol/errors.js';
import type { HttpAnswer, HttpRequest, VendorHttp } from '../http.js';
import { endless, invalid } from '../paging/paginator.js';
import type { Cursor, Page, Window } from '../port.js';
import { parseObject, readObject } from '../read-page.js';
import { atWork } from '../vendor-job.js';
import { readJobFile } from './job-file.js';
import { behindPage, isPlainName, isToken, type JobPlace, onceMore, toSubmit } from './job-place.js';
import { behindSlice, filtersOf } from './slices.js';

/** Of the 200 calls an hour that ask for results: a job that takes long is asked after every two minutes. */
const longestWaitMs = 120_000;
/** A page of a job that Ariba failed at, or whose files it removed (after 48 hours), is asked for so often again. */
const mostAgain = 3;

const jobsPath = '/procurement-reporting-job/v2/prod/jobs';
const resultsPath = '/procurement-reporting-jobresult/v2/prod/jobs';

export interface JobsReading {
  readonly stream: string;
  readonly realm: string;
  readonly view: string;
  readonly http: VendorHttp;
  readonly window: Window;
  /** No file is unpacked to more than this. */
  readonly mostBytes: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * Asynchronous reporting: a query as a job of Ariba's own, which gives a page of up to ten files of a thousand records each;
 * the next page is a job again. https://help.sap.com/docs/ariba-apis/operational-reporting-api-for-procurement
 *
 * Reads on from where it stands, one step at a time, so that whoever goes on finds the same job: submits it, which gives a
 * page without records whose cursor is the job; asks whether it is complete; fetches its next file. A job at work is
 * ERR_SOURCE_NOT_READY, one that Ariba gives no result of ERR_SOURCE_JOB_FAILED.
 */
export async function readByJobs(reading: JobsReading, place: JobPlace): Promise<Page> {
  if (place.at === toSubmit) return submitted(reading, place);
  if (place.files !== '') return nextFile(reading, place, 0);
  const { http, realm, signal } = reading;
  const request: HttpRequest = {
    method: 'GET',
    path: `${resultsPath}/${place.at}`,
    query: { realm },
    signal,
  };
  const answer = await orGone(http, request);
  const result = answer === null ? null : resultOf(reading, place, request, answer);
  const calls = answer?.calls ?? 1;
  if (result === null) return asked(again(reading, place), calls);
  const complete = { ...place, ...result };
  return complete.files === '' ? asked(behind(reading, complete), calls) : nextFile(reading, complete, calls);
}

async function submitted({ http, realm, view, signal }: JobsReading, place: JobPlace): Promise<Page> {
  const request: HttpRequest = {
    method: 'POST',
    path: jobsPath,
    query: { realm, ...(place.token === '' ? {} : { pageToken: place.token }) },
    json: { viewTemplateName: view, filters: filtersOf(place) },
    signal,
  };
  const { jobId } = await readObject(http, request);
  if (!isPlainName(jobId)) throw unlike(http, request, 'names no job in its answer');
  return asked({ ...place, at: jobId }, 1);
}

/** The files of a complete job, and what stands for the page behind it; null where Ariba failed at it. */
function resultOf(
  { stream, http, view }: JobsReading,
  { at, start, end, token }: JobPlace,
  request: HttpRequest,
  { body }: HttpAnswer,
): Pick<JobPlace, 'files' | 'next'> | null {
  const { status, files, pageToken, createdDate } = parseObject(body) ?? {};
  const job = `${http.connection}: job ${at}`;
  switch (status) {
    case 'pending':
    case 'processing':
      throw atWork(job, status, Date.parse(String(createdDate)), longestWaitMs);
    case 'completed': {
      const next = pageToken ?? '';
      if (!Array.isArray(files) || !files.every(isPlainName))
        throw unlike(http, request, 'names no files of a complete job');
      if (!isToken(next)) throw invalid(stream, 'the vendor handed out a token that is none');
      if (next !== '' && next === token)
        throw endless(stream, `job ${at} hands out the token that it was asked with`);
      return { files: files.join(), next };
    }
    case 'completedZeroRecords':
      return { files: '', next: '' };
    case 'errorInternal':
      return null;
    case 'errorMaxReached':
      throw ended(`${job} finds more than Ariba gives to one query (errorMaxReached)`, tooMany(view));
    case 'errorInvalidDateRange':
      throw ended(`${job} was refused for its range from ${start} to ${end} (errorInvalidDateRange)`);
    default:
      throw unlike(http, request, `says that the job is ${JSON.stringify(status ?? null)}`);
  }
}

async function nextFile(reading: JobsReading, place: JobPlace, before: number): Promise<Page> {
  const { http, realm, mostBytes, signal } = reading;
  const [name = '', ...rest] = place.files.split(',');
  const request: HttpRequest = {
    method: 'GET',
    path: `${resultsPath}/${place.at}/files/${name}`,
    query: { realm },
    headers: { Accept: 'application/zip, application/octet-stream, */*' },
    signal,
  };
  const answer = await orGone(http, request);
  if (answer === null) return asked(again(reading, place), before + 1);
  const records = await readJobFile(http, request, answer, mostBytes);
  const left = { ...place, files: rest.join() };
  const next = rest.length > 0 ? left : behind(reading, left);
  return { records, next: next && { ...next }, calls: before + answer.calls, bytes: answer.body.length };
}

/** The job of the page behind, or the slice behind; null at the window's end. */
function behind({ window }: JobsReading, place: JobPlace): JobPlace | Cursor | null {
  return place.next === '' ? behindSlice(place, window) : behindPage(place);
}

/** The same page by a new job. What was read of it comes again, and is merged by its key. */
function again({ stream }: JobsReading, place: JobPlace): JobPlace {
  if (place.again < mostAgain) return onceMore(place);
  throw ended(`${stream}: Ariba gives no result of job ${place.at}, nor of the ${mostAgain} before it`);
}

function asked(next: JobPlace | Cursor | null, calls: number): Page {
  return { records: [], next: next && { ...next }, calls, bytes: 0 };
}

/** What is there; null where it is not, or not any more. */
async function orGone(http: VendorHttp, request: HttpRequest): Promise<HttpAnswer | null> {
  const delivery = await http.send(request);
  if (delivery.kind !== 'answered') {
    request.signal?.throwIfAborted();
    throw delivery.error;
  }
  const { status } = delivery.answer;
  if (status === 404 || status === 410) return null;
  if (status >= 300) throw http.failure(request, delivery.answer);
  return delivery.answer;
}

function ended(detail: string, fix?: string): BatonError {
  return new BatonError('ERR_SOURCE_JOB_FAILED', {
    detail: `${detail}.`,
    vendor: true,
    ...(fix === undefined ? {} : { fix }),
  });
}

function tooMany(view: string): string {
  return `Read the time in parts: set a later \`since\` of the connection and what lies before it by \`baton backfill create\` with shorter intervals; or have the view template ${view} show fewer documents.`;
}

function unlike(http: VendorHttp, { method, path }: HttpRequest, what: string): BatonError {
  return new BatonError('ERR_SOURCE_BAD_RESPONSE', {
    detail: `${http.connection}: ${method} ${path} ${what}`,
    vendor: true,
  });
}
