import type { Rate } from '../../domain/rate.js';
import { BatonError } from '../../protocol/errors.js';
import type { VendorHttp } from '../http.js';
import type { EffectRequest, LookOutcome, Message, Notifier, SendOutcome } from '../port.js';
import { parseObject } from '../read-page.js';
import { sendOnce, wrongBody } from '../send-outcome.js';
import { errorOf, readSlack, retryableErrors, unknownErrors } from './answer.js';
import { toSlack } from './message.js';

/** How long after a broken connection Slack may still post. */
const settleMs = 10_000;

/** Looks back a little further than the first send: our clock and Slack's differ. */
const lookBackMs = 120_000;

const mostPages = 20;

/** https://docs.slack.dev/apis/web-api/rate-limits: one message a second and channel. */
const perChannel: Rate = { requests: 1, perMs: 1_000 };

type Fields = Readonly<Record<string, unknown>>;

const eventType = 'baton_message';

/**
 * Messages by chat.postMessage. Slack has no idempotency key; the marker travels in the message's metadata
 * and is looked for in the channel's history after an unknown outcome.
 */
export function slackNotifier(http: VendorHttp): Notifier {
  return {
    send: {
      guarantee: 'once_after_looking',
      docs: 'https://docs.slack.dev/reference/methods/chat.postMessage',
      settleMs,
      resendIsSafe: ({ firstSentAt }) => firstSentAt === null,
      send: (request, signal) => post(http, request, signal),
      look: (request, signal) => look(http, request, signal),
    },
    preview: payloadOf,
  };
}

function payloadOf(message: Message, marker: string) {
  return {
    channel: message.channel,
    ...toSlack(message),
    ...(message.thread === undefined ? {} : { thread_ts: tsOf(message.thread) }),
    unfurl_links: false,
    unfurl_media: false,
    metadata: { event_type: eventType, event_payload: { key: marker } },
  };
}

async function post(http: VendorHttp, request: EffectRequest, signal: AbortSignal): Promise<SendOutcome> {
  const { body, marker } = request;
  if (body.kind !== 'message') return wrongBody('message', body.kind);
  const { answer, outcome } = await sendOnce(http, {
    method: 'POST',
    path: '/api/chat.postMessage',
    json: payloadOf(body, marker),
    quota: { name: `channel ${body.channel}`, rate: perChannel },
    signal,
  });
  return outcome ?? judge(http, body, parseObject(answer.body));
}

/** HTTP 200 says nothing: `ok` does. */
function judge(http: VendorHttp, message: Message, body: Fields | null): SendOutcome {
  const error = errorOf(body);
  const said = `${http.connection}: Slack answered ${error} for ${message.channel}`;
  if (error === null && typeof body?.['ts'] === 'string') {
    const remoteId = remoteIdOf(String(body['channel'] ?? message.channel), body['ts']);
    return { kind: 'confirmed', remoteId, remoteUrl: null, adopted: false };
  }
  if (error === null || error === 'unreadable_answer' || unknownErrors.has(error)) {
    return { kind: 'unknown', reason: said };
  }
  return { kind: 'refused', retryable: retryableErrors.has(error), reason: said };
}

/** https://docs.slack.dev/reference/methods/conversations.history */
async function look(http: VendorHttp, request: EffectRequest, signal: AbortSignal): Promise<LookOutcome> {
  const { body } = request;
  if (body.kind !== 'message') return { kind: 'cannot_look', reason: 'this action looks for messages' };
  try {
    const channel = body.channel;
    return await lookIn(http, channel, request, signal).catch(async (error: unknown) => {
      // A name may be posted to, but only an id can be read.
      const isName = error instanceof BatonError && error.message.endsWith('channel_not_found');
      if (!isName) throw error;
      return lookIn(http, await channelId(http, channel, signal), request, signal);
    });
  } catch (error) {
    const reason = error instanceof BatonError ? error.message : 'it was cancelled or could not be read';
    return { kind: 'cannot_look', reason };
  }
}

async function lookIn(
  http: VendorHttp,
  channel: string,
  { marker, firstSentAt, body: message }: EffectRequest,
  signal: AbortSignal,
): Promise<LookOutcome> {
  if (message.kind !== 'message') return { kind: 'cannot_look', reason: 'this action looks for messages' };
  const since = firstSentAt === null ? {} : { oldest: String((firstSentAt.getTime() - lookBackMs) / 1000) };
  const query = { channel, include_all_metadata: 'true', limit: 200, ...since };
  const isReply = message.thread !== undefined;
  // Replies are not in the channel's own history: https://docs.slack.dev/reference/methods/conversations.replies
  const path = isReply ? '/api/conversations.replies' : '/api/conversations.history';
  const asked = isReply ? { ...query, ts: tsOf(message.thread ?? '') } : query;
  for await (const body of pages(http, path, asked, signal)) {
    const messages = Array.isArray(body['messages']) ? body['messages'] : [];
    const found = messages.filter((message: Fields) => keyOf(message) === marker);
    if (found.length === 0) continue;
    const remoteIds = found.map((message: Fields) => remoteIdOf(channel, String(message['ts']))).sort();
    return { kind: 'found', remoteIds, remoteUrl: null };
  }
  return { kind: 'absent' };
}

/** https://docs.slack.dev/reference/methods/conversations.list */
async function channelId(http: VendorHttp, channel: string, signal: AbortSignal): Promise<string> {
  const name = channel.replace(/^#/, '');
  const query = { types: 'public_channel,private_channel', exclude_archived: 'true', limit: 1000 };
  for await (const body of pages(http, '/api/conversations.list', query, signal)) {
    const channels = Array.isArray(body['channels']) ? body['channels'] : [];
    const found = channels.find((one: Fields) => one['name'] === name);
    if (found !== undefined && typeof found['id'] === 'string') return found['id'];
  }
  throw new BatonError('ERR_SOURCE_BAD_REQUEST', {
    detail: `${http.connection}: Slack lists no channel ${channel}`,
  });
}

/** A list to its end; one that does not end throws, because "not found" would then be a guess. */
async function* pages(
  http: VendorHttp,
  path: string,
  query: Readonly<Record<string, string | number>>,
  signal: AbortSignal,
): AsyncGenerator<Fields> {
  let cursor = '';
  for (let page = 0; page < mostPages; page++) {
    const more = cursor === '' ? query : { ...query, cursor };
    const { body } = await readSlack(http, { method: 'GET', path, query: more, signal });
    yield body;
    const metadata = body['response_metadata'] as Fields | undefined;
    cursor = typeof metadata?.['next_cursor'] === 'string' ? metadata['next_cursor'] : '';
    if (cursor === '') return;
  }
  throw new BatonError('ERR_CURSOR_ENDLESS', {
    detail: `${http.connection}: GET ${path} does not end`,
    vendor: true,
  });
}

function keyOf(message: Fields): unknown {
  const metadata = message['metadata'] as Fields | undefined;
  const payload = metadata?.['event_payload'] as Fields | undefined;
  return payload?.['key'];
}

/** What a message is called within its channel. */
function tsOf(remoteId: string): string {
  return remoteId.slice(remoteId.lastIndexOf('/') + 1);
}

function remoteIdOf(channel: string, ts: string): string {
  return `${channel}/${ts}`;
}
