import { BatonError } from '../../protocol/errors.js';
import type { HttpAnswer, HttpRequest, VendorHttp } from '../http.js';
import { JsonSplitError, splitArray } from '../json-split.js';
import { readZipped, ZipError } from '../zip.js';

/** The file in the archive that a job's file is. */
const recordsFile = 'records.txt';

/** The records of a job's file: an archive of one text, which is a JSON array. Anything else is ERR_SOURCE_BAD_RESPONSE. */
export async function readJobFile(
  http: VendorHttp,
  request: HttpRequest,
  answer: HttpAnswer,
  mostBytes: number,
): Promise<readonly Buffer[]> {
  try {
    return splitArray(await readZipped(answer.body, recordsFile, mostBytes), null).records;
  } catch (error) {
    if (error instanceof JsonSplitError)
      throw unreadable(http, request, `answered with ${recordsFile} that ${error.message}`);
    if (!(error instanceof ZipError)) throw error;
    throw unreadable(http, request, `answered with what ${error.message}`, error.isTooLarge);
  }
}

function unreadable(http: VendorHttp, { method, path }: HttpRequest, what: string, isTooLarge = false) {
  return new BatonError('ERR_SOURCE_BAD_RESPONSE', {
    detail: `${http.connection}: ${method} ${path} ${what}`,
    vendor: true,
    ...(isTooLarge ? { retryable: false, fix: raise } : {}),
  });
}

const raise = 'Raise limits.maxResponseBytes of the connection if such files are to be expected.';
