import type { HttpAnswer, HttpRequest, VendorHttp } from './http.js';
import { JsonSplitError, type SplitPage } from './json-split.js';
import type { Ask, Paginator, Reading } from './paging/paginator.js';
import type { Cursor, Page } from './port.js';

/** A page's answer beside what was cut out of it. */
export interface ReadAnswer<T> {
  readonly answer: HttpAnswer;
  readonly split: T;
}

/**
 * Reads one page and cuts it; a body that is not the documented JSON is ERR_SOURCE_BAD_RESPONSE, which names
 * the connection and the call and shows the first 80 characters.
 */
export async function readPage<T>(
  http: VendorHttp,
  request: HttpRequest,
  split: (body: Buffer, answer: HttpAnswer) => T,
): Promise<ReadAnswer<T>> {
  const answer = await http.read(request);
  try {
    return { answer, split: split(answer.body, answer) };
  } catch (error) {
    if (!(error instanceof JsonSplitError)) throw error;
    throw http.badResponse(request, answer, whatIsWrong(answer.body, error));
  }
}

/** How a list is asked for, and how an answer is cut. */
export interface Listing {
  readonly paginator: Paginator;
  /** The request for what the paginator asks for; `isFirst`: no page came before. */
  request(ask: Ask, isFirst: boolean): HttpRequest;
  split(body: Buffer): SplitPage;
}

/** One page of a list: the cursor is checked before any request is made. */
export async function readListed(
  http: VendorHttp,
  { paginator, request: requestOf, split }: Listing,
  cursor: Cursor | null,
  reading: Reading,
): Promise<Page> {
  const from = cursor === null ? null : paginator.check(cursor, reading.window);
  const request = requestOf(paginator.ask(from, reading), from === null);
  const { path } = request;
  const { answer, split: taken } = await readPage(http, request, (body, { headers }) => {
    const { records, envelope } = split(body);
    return paginator.take(from, { records, envelope, headers, baseUrl: http.baseUrl, path }, reading);
  });
  return { ...taken, calls: answer.calls, bytes: answer.body.length };
}

/** Reads a small JSON object whole, for calls that are no streams. */
export async function readObject(
  http: VendorHttp,
  request: HttpRequest,
): Promise<Readonly<Record<string, unknown>>> {
  const answer = await http.read(request);
  const value = parseObject(answer.body);
  if (value !== null) return value;
  throw http.badResponse(
    request,
    answer,
    whatIsWrong(answer.body, new JsonSplitError('is not a JSON object')),
  );
}

/** A body as a JSON object; null when it is none. */
export function parseObject(body: Buffer): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Readonly<Record<string, unknown>>) : null;
  } catch {
    return null;
  }
}

function whatIsWrong(body: Buffer, error: JsonSplitError): string {
  const start = body.subarray(0, 64).toString('latin1').trimStart();
  if (start === '') return 'answered with an empty body';
  if (start.startsWith('<')) return 'answered with HTML or XML instead of JSON';
  return `answered with a body that ${error.message}`;
}
