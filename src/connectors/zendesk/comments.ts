import { BatonError } from '../../protocol/errors.js';
import type { VendorHttp } from '../http.js';
import { readObject } from '../read-page.js';

/** A ticket of ours with more comments than this is beyond looking through. */
const mostPages = 50;

/**
 * Whether a ticket has a comment that ends with the marker. Looks through all of them:
 * https://developer.zendesk.com/api-reference/ticketing/tickets/ticket_comments/#list-comments
 */
export async function findComment(
  http: VendorHttp,
  remoteId: string,
  marker: string,
  signal: AbortSignal,
): Promise<boolean> {
  const path = `/api/v2/tickets/${encodeURIComponent(remoteId)}/comments.json`;
  let after: string | null = null;
  for (let page = 0; page < mostPages; page++) {
    const query: Record<string, string | number> = {
      'page[size]': 100,
      ...(after === null ? {} : { 'page[after]': after }),
    };
    const body: Readonly<Record<string, unknown>> = await readObject(http, {
      method: 'GET',
      path,
      query,
      signal,
    });
    const { comments } = body;
    if (!Array.isArray(comments)) throw unreadable(http, path);
    if (comments.some((comment) => endsWith(comment, marker))) return true;
    after = nextCursor(body['meta']);
    if (after === null) return false;
  }
  throw unreadable(http, path);
}

function unreadable(http: VendorHttp, path: string): BatonError {
  return new BatonError('ERR_SOURCE_BAD_RESPONSE', {
    detail: `${http.connection}: GET ${path} does not list the comments to their end`,
    vendor: true,
  });
}

function endsWith(comment: unknown, marker: string): boolean {
  if (typeof comment !== 'object' || comment === null) return false;
  const texts = [
    'body' in comment ? comment.body : null,
    'plain_body' in comment ? comment.plain_body : null,
  ];
  return texts.some((text) => typeof text === 'string' && text.trimEnd().endsWith(marker));
}

function nextCursor(meta: unknown): string | null {
  if (typeof meta !== 'object' || meta === null) return null;
  const { has_more: more, after_cursor: after } = meta as Readonly<Record<string, unknown>>;
  return more === true && typeof after === 'string' ? after : null;
}
