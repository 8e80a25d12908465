import { sameSecret } from '../tokens.js';
import { type Answer, type Call, isObject, json, parseObject, type Route, type Vendor } from '../wire.js';
import { findChannel, type SlackMessage, type SlackStore } from './store.js';

const textLimit = 40_000;
const blockLimit = 50;

/** Slack answers 200 even when it refuses. */
const failed = (error: string): Answer => json(200, { ok: false, error });

/** Arguments from a JSON body, a form, or the query. */
function argumentsOf(call: Call): Record<string, unknown> {
  const fromQuery = Object.fromEntries(call.query);
  if (String(call.headers['content-type'] ?? '').includes('json'))
    return { ...fromQuery, ...parseObject(call.body) };
  return { ...fromQuery, ...Object.fromEntries(new URLSearchParams(call.body)) };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function listOf(value: unknown): readonly unknown[] | null {
  if (value === undefined || value === null || value === '') return [];
  return Array.isArray(value) ? value : null;
}

/** JSON without a charset is taken, with a warning. */
function warning(call: Call): Record<string, unknown> {
  const type = String(call.headers['content-type'] ?? '');
  if (!type.includes('json') || type.includes('charset')) return {};
  return { warning: 'missing_charset', response_metadata: { warnings: ['missing_charset'] } };
}

function shown(message: SlackMessage, withMetadata: boolean): Record<string, unknown> {
  return {
    type: 'message',
    subtype: 'bot_message',
    bot_id: 'B0BATON000',
    ts: message.ts,
    text: message.text,
    blocks: message.blocks,
    ...(message.thread_ts === null ? {} : { thread_ts: message.thread_ts }),
    ...(message.edited === null ? {} : { edited: { user: 'U0BATON000', ts: message.edited } }),
    ...(withMetadata && message.metadata !== null ? { metadata: message.metadata } : {}),
  };
}

/** Why a message cannot be posted to this channel; null when it can. */
function obstacle(channel: string, text: string, blocks: readonly unknown[] | null): string | null {
  const found = findChannel(channel);
  if (found === undefined) return 'channel_not_found';
  if (found.archived) return 'is_archived';
  if (!found.member) return 'not_in_channel';
  if (blocks === null || blocks.length > blockLimit) return 'invalid_blocks';
  if (text === '' && blocks.length === 0) return 'no_text';
  return text.length > textLimit ? 'msg_too_long' : null;
}

/** https://api.slack.com/methods, the few that Baton uses, and incoming webhooks. */
export function createSlack(store: SlackStore, botToken: string): Vendor {
  function authenticate(call: Call): Answer | null {
    const given = /^Bearer (.+)$/i.exec(call.headers.authorization ?? '')?.[1];
    if (given === undefined) return failed('not_authed');
    return sameSecret(given, botToken) ? null : failed('invalid_auth');
  }

  function authTest(call: Call): Answer {
    const url = `${call.baseUrl}/`;
    const who = {
      team: 'Baton sandbox',
      team_id: 'T0BATON000',
      user: 'baton',
      user_id: 'U0BATON000',
      bot_id: 'B0BATON000',
    };
    return json(
      200,
      { ok: true, url, ...who },
      { 'x-oauth-scopes': 'chat:write,chat:write.public,channels:history' },
    );
  }

  function postMessage(call: Call): Answer {
    const args = argumentsOf(call);
    const blocks = listOf(args['blocks']);
    const text = textOf(args['text']);
    const refused = obstacle(textOf(args['channel']), text, blocks);
    if (refused !== null) return failed(refused);
    const channel = findChannel(textOf(args['channel']))?.id ?? '';
    const metadata = isObject(args['metadata']) ? args['metadata'] : null;
    const thread = textOf(args['thread_ts']);
    const thread_ts = thread === '' ? null : thread;
    const message = store.post({ channel, text, blocks: blocks ?? [], metadata, thread_ts, via: 'bot' });
    return json(200, { ok: true, channel, ts: message.ts, message: shown(message, true), ...warning(call) });
  }

  function update(call: Call): Answer {
    const args = argumentsOf(call);
    const channel = findChannel(textOf(args['channel']));
    const blocks = listOf(args['blocks']);
    if (channel === undefined) return failed('channel_not_found');
    if (blocks === null) return failed('invalid_blocks');
    const message = store.update(channel.id, textOf(args['ts']), { text: textOf(args['text']), blocks });
    if (message === null) return failed('message_not_found');
    return json(200, { ok: true, channel: channel.id, ts: message.ts, text: message.text, ...warning(call) });
  }

  /** A thread, its first message included, oldest first. */
  function replies(call: Call): Answer {
    const args = argumentsOf(call);
    const channel = findChannel(textOf(args['channel']));
    const thread = textOf(args['ts']);
    if (channel === undefined) return failed('channel_not_found');
    const within = store.messages.filter(
      ({ channel: at, ts, thread_ts }) => at === channel.id && (ts === thread || thread_ts === thread),
    );
    if (within.length === 0) return failed('thread_not_found');
    const withMetadata = String(args['include_all_metadata'] ?? 'false') === 'true';
    const messages = within.map((message) => shown(message, withMetadata));
    return json(200, { ok: true, messages, has_more: false, response_metadata: { next_cursor: '' } });
  }

  /** Newest first, as the vendor has it. */
  function history(call: Call): Answer {
    const args = argumentsOf(call);
    const channel = findChannel(textOf(args['channel']));
    if (channel === undefined) return failed('channel_not_found');
    if (!channel.member) return failed('not_in_channel');
    const limit = Math.min(999, Number(args['limit'] ?? 100) || 100);
    const skip = Number(Buffer.from(textOf(args['cursor']), 'base64').toString() || 0) || 0;
    const oldest = textOf(args['oldest']);
    const latest = textOf(args['latest']);
    const all = store.messages.filter(
      (message) => message.channel === channel.id && message.thread_ts === null,
    );
    const within = all
      .filter(({ ts }) => (oldest === '' || ts > oldest) && (latest === '' || ts < latest))
      .reverse();
    const more = skip + limit < within.length;
    const withMetadata = String(args['include_all_metadata'] ?? 'false') === 'true';
    return json(200, {
      ok: true,
      messages: within.slice(skip, skip + limit).map((message) => shown(message, withMetadata)),
      has_more: more,
      response_metadata: { next_cursor: more ? Buffer.from(String(skip + limit)).toString('base64') : '' },
    });
  }

  function incoming(call: Call): Answer {
    const plain = (status: number, body: string): Answer => ({
      status,
      headers: { 'content-type': 'text/html' },
      body,
    });
    const body = parseObject(call.body);
    if (call.params['team'] !== 'T0BATON000') return plain(404, 'no_service');
    if (body === null) return plain(400, 'invalid_payload');
    const blocks = listOf(body['blocks']) ?? [];
    if (textOf(body['text']) === '' && blocks.length === 0) return plain(400, 'no_text');
    const channel = findChannel('data-alerts')?.id ?? '';
    store.post({
      channel,
      text: textOf(body['text']),
      blocks,
      metadata: null,
      thread_ts: null,
      via: 'webhook',
    });
    return plain(200, 'ok');
  }

  const method = (name: string, handle: Route['handle']): readonly Route[] => [
    { method: 'POST', path: `/api/${name}`, handle },
    { method: 'GET', path: `/api/${name}`, handle },
  ];
  return {
    name: 'slack',
    routes: [
      ...method('auth.test', authTest),
      ...method('conversations.history', history),
      ...method('conversations.replies', replies),
      { method: 'POST', path: '/api/chat.postMessage', handle: postMessage },
      { method: 'POST', path: '/api/chat.update', handle: update },
      { method: 'POST', path: '/services/:team/:bot/:token', open: true, handle: incoming },
    ],
    authenticate,
    refuse(status) {
      if (status === 401) return failed('invalid_auth');
      if (status === 429) return json(429, { ok: false, error: 'ratelimited' });
      if (status === 404) return failed('unknown_method');
      return json(status, { ok: false, error: 'internal_error' });
    },
  };
}
