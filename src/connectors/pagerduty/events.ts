import type { Secret } from '../../domain/secret.js';
import type { VendorHttp } from '../http.js';
import type { EffectRequest, Message, Notifier, SendOutcome } from '../port.js';
import { parseObject } from '../read-page.js';
import { sendOnce, wrongBody } from '../send-outcome.js';
import { endsThread } from '../thread.js';

/** https://developer.pagerduty.com/docs/events-api-v2-overview: a summary, and half a megabyte in all. */
const summaryChars = 1_024;
const textChars = 20_000;
const fieldChars = 500;
const mostFields = 50;
const mostLinks = 10;

/**
 * Messages as events. The marker is the key by which PagerDuty knows an alert again (`dedup_key`), so that a repeat is
 * folded into the open alert; where somebody has resolved that one in between, it opens anew. What answers a message
 * updates its alert, or acknowledges it; what says that it is over resolves it.
 */
export function eventNotifier(http: VendorHttp, routingKey: Secret): Notifier {
  return {
    send: {
      guarantee: 'at_least_once',
      docs: 'https://developer.pagerduty.com/docs/send-alert-event',
      settleMs: 0,
      resendIsSafe: () => true,
      send: (request, signal) => enqueue(http, routingKey, request, signal),
      look: async () => ({ kind: 'cannot_look', reason: 'the Events API tells nobody what it holds' }),
    },
    preview: (message, marker) => ({ routing_key: routingKey, ...toEvent(message, marker) }),
  };
}

async function enqueue(
  http: VendorHttp,
  routingKey: Secret,
  { body, marker }: EffectRequest,
  signal: AbortSignal,
): Promise<SendOutcome> {
  if (body.kind !== 'message') return wrongBody('message', body.kind);
  const event = toEvent(body, marker);
  const { answer, outcome } = await sendOnce(http, {
    method: 'POST',
    path: '/v2/enqueue',
    json: { routing_key: routingKey.reveal(), ...event },
    signal,
  });
  if (outcome !== undefined) return outcome;
  const said = parseObject(answer.body);
  // 202 says that it was taken; only the status says that it was understood.
  if (said?.['status'] !== 'success' || said['dedup_key'] !== event.dedup_key)
    return {
      kind: 'unknown',
      reason: `${http.connection}: PagerDuty did not say that it took the event`,
    };
  return { kind: 'confirmed', remoteId: event.dedup_key, remoteUrl: null, adopted: false };
}

/** Exported for its test: no longer than PagerDuty takes, whatever the message says. */
export function toEvent(message: Message, marker: string) {
  const dedup_key = message.thread ?? marker;
  if (endsThread(message)) return { event_action: 'resolve' as const, dedup_key };
  if (message.thread !== undefined && message.acknowledges === true)
    return { event_action: 'acknowledge' as const, dedup_key };
  return {
    event_action: 'trigger' as const,
    dedup_key,
    payload: {
      summary: message.title.slice(0, summaryChars) || '–',
      source: 'baton',
      severity: message.severity,
      group: message.channel.slice(0, fieldChars),
      custom_details: {
        text: message.text.slice(0, textChars),
        marker,
        ...Object.fromEntries(
          message.fields
            .slice(0, mostFields)
            .map(({ name, value }) => [name.slice(0, fieldChars), value.slice(0, fieldChars)]),
        ),
      },
    },
    links: message.links
      .filter(({ url }) => /^https?:\/\/\S{1,2000}$/.test(url))
      .slice(0, mostLinks)
      .map(({ label, url }) => ({ href: url, text: label.slice(0, fieldChars) })),
    client: 'Baton',
  };
}
