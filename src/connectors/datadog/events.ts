import type { VendorHttp } from '../http.js';
import { escaped } from '../markdown.js';
import type { EffectRequest, Message, Notifier, SendOutcome } from '../port.js';
import { sendOnce, wrongBody } from '../send-outcome.js';
import { endsThread } from '../thread.js';

/** https://docs.datadoghq.com/api/latest/events/#post-an-event */
const titleChars = 100;
const textChars = 4_000;
/** Characters of the message's text, and fields: the first that fit. Links always do. */
const cuts = [
  [3_000, 30],
  [2_000, 15],
  [1_000, 8],
  [300, 3],
] as const;
const mostLinks = 4;

const alertTypes = { info: 'info', warning: 'warning', critical: 'error' } as const;

/**
 * Messages as events. Datadog knows no key again: after an unknown outcome the event is sent once more, and its
 * aggregation key, the marker, folds it with the first. An answer to a message is folded with that message.
 */
export function eventNotifier(http: VendorHttp): Notifier {
  return {
    send: {
      guarantee: 'at_least_once',
      docs: 'https://docs.datadoghq.com/api/latest/events/#post-an-event',
      settleMs: 0,
      resendIsSafe: () => true,
      send: (request, signal) => post(http, request, signal),
      look: async () => ({
        kind: 'cannot_look',
        reason: 'an event can be searched for with an application key alone, and only after a while',
      }),
    },
    preview: toEvent,
  };
}

async function post(
  http: VendorHttp,
  { body, marker }: EffectRequest,
  signal: AbortSignal,
): Promise<SendOutcome> {
  if (body.kind !== 'message') return wrongBody('message', body.kind);
  const json = toEvent(body, marker);
  const { answer, outcome } = await sendOnce(http, { method: 'POST', path: '/api/v1/events', json, signal });
  if (outcome !== undefined) return outcome;
  const id = eventIdIn(answer.body.toString('utf8'));
  if (id === null)
    return { kind: 'unknown', reason: `${http.connection}: Datadog answered without the event’s id` };
  return { kind: 'confirmed', remoteId: `${json.aggregation_key}/${id}`, remoteUrl: null, adopted: false };
}

/** `id` is beyond what a number holds: the same as text is `id_str`. */
function eventIdIn(text: string): string | null {
  return /"id_str"\s*:\s*"(\d{1,20})"/.exec(text)?.[1] ?? null;
}

/** Exported for its test: no text of ours can leave its place or be longer than Datadog takes. */
export function toEvent(message: Message, marker: string) {
  return {
    title: message.title.slice(0, titleChars) || '–',
    text: textOf(message),
    tags: [
      'source:baton',
      `channel:${tagValue(message.channel)}`,
      `severity:${message.severity}`,
      `marker:${marker}`,
    ],
    alert_type: endsThread(message) ? 'success' : alertTypes[message.severity],
    priority: message.severity === 'info' ? 'low' : 'normal',
    aggregation_key: message.thread?.split('/')[0] ?? marker,
    source_type_name: 'baton',
  };
}

function textOf({ text, fields, links }: Message): string {
  const linked = links
    .filter(({ url }) => /^https?:\/\/[^\s()<>]{1,400}$/.test(url))
    .slice(0, mostLinks)
    .map(({ label, url }) => `[${escaped(label, 60)}](${url})`);
  const texts = cuts.map(([chars, mostFields]) =>
    [
      '%%% ',
      escaped(plain(text), chars),
      ...fields
        .slice(0, mostFields)
        .map(({ name, value }) => `- **${escaped(plain(name), 100)}**: ${escaped(plain(value), 300)}`),
      linked.join(' · '),
      ' %%%',
    ]
      .filter((line) => line !== '')
      .join('\n'),
  );
  return texts.find((whole) => whole.length <= textChars) ?? (texts.at(-1) as string);
}

/** What would end the block of Markdown. */
function plain(text: string): string {
  return text.replaceAll('%%%', '% % %');
}

/** https://docs.datadoghq.com/getting_started/tagging/#define-tags */
function tagValue(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}_\-:./]+/gu, '_')
    .slice(0, 150);
}
