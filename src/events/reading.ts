import { createHash } from 'node:crypto';
import { parseStrictJson } from '../connectors/strict-json.js';
import type { Delivery, HookRequest, OpenWebhook } from '../connectors/webhook.js';
import type { NewEvent } from '../control/inbox.js';
import { type EventFacts, type EventRule, ruleFor } from '../domain/event.js';
import { BatonError } from '../protocol/errors.js';

/** A verified request as it was read. */
export interface ReadDelivery {
  readonly delivery: Delivery;
  readonly content: unknown;
  /** Why the body is not taken; null = it is. */
  readonly refused: string | null;
}

/** Reads a verified request. A body that we refuse is no error: of it nothing is known but its bytes. */
export function readDelivery(hook: OpenWebhook, request: HookRequest): ReadDelivery {
  try {
    const content = hook.parse === undefined ? parseStrictJson(request.body) : hook.parse(request.body);
    return { delivery: hook.describe(request, content), content, refused: null };
  } catch (error) {
    if (!(error instanceof BatonError)) throw error;
    const digest = createHash('sha256').update(request.body).digest('hex');
    const delivery = { id: `unread:${digest}`, type: 'unreadable', subject: null, occurredAt: null };
    return { delivery, content: null, refused: `${error.message} (${error.code})` };
  }
}

/** What is handled together, whatever it is about: runs of a pipeline, the alerts of all senders, what tells of files. */
const together: Readonly<Record<string, (rule: EventRule) => string>> = {
  run: ({ pipeline = '' }) => pipeline,
  triage: () => 'alerts',
  files: ({ connection }) => connection,
};

type Classified = Pick<NewEvent, 'key' | 'consumer' | 'rule' | 'state' | 'detail' | 'lands'>;

/** What is to become of an event by the rules: who handles it and behind what it waits, or why nobody does. */
export function classify(
  rules: readonly EventRule[],
  facts: EventFacts,
  { refused, content }: Pick<ReadDelivery, 'refused' | 'content'>,
): Classified {
  const about = facts.subject === null ? facts.connection : `${facts.connection}/${facts.subject}`;
  if (refused !== null)
    return { key: about, consumer: null, rule: null, state: 'rejected', detail: refused, lands: false };
  const rule = ruleFor(rules, facts, content);
  const known = {
    key: (rule === null ? undefined : together[rule.do]?.(rule)) ?? about,
    rule: rule?.name ?? null,
  };
  if (rule?.do === 'ignore')
    return { ...known, consumer: null, state: 'filtered', detail: rule.name, lands: false };
  const consumer = rule === null || rule.do === 'land' ? null : rule.do;
  return { ...known, consumer, state: 'accepted', detail: null, lands: true };
}
