import type { Journal } from '../journal.js';
import { type Answer, type Call, isObject, json, parseObject, type Vendor } from '../wire.js';

const mostBytes = 28_672;
/** The signature that the pretended flow knows. */
const signature = 'sandbox';

/** What was posted, as it came. */
export interface TeamsStore {
  readonly cards: readonly unknown[];
  post(card: unknown): void;
}

export function createTeamsStore(journal: Journal): TeamsStore {
  const cards: unknown[] = [];
  const post = journal.register<unknown>('teams.card', (card) => {
    cards.push(card);
  });
  return { cards, post };
}

const failed = (status: number, code: string, message: string): Answer =>
  json(status, { error: { code, message } });

/** A flow of Power Automate that posts Adaptive Cards: 202 and no body. */
export function createTeams(store: TeamsStore): Vendor {
  function invoke(call: Call): Answer {
    if (call.query.get('sig') !== signature)
      return failed(401, 'DirectApiAuthorizationRequired', 'The signature is not valid.');
    if (Buffer.byteLength(call.body) > mostBytes)
      return failed(413, 'RequestEntityTooLarge', 'The card is too large.');
    const body = parseObject(call.body);
    const attachments = body?.['attachments'];
    const [card] = Array.isArray(attachments) ? attachments : [];
    const isCard = isObject(card) && card['contentType'] === 'application/vnd.microsoft.card.adaptive';
    if (!isCard) return failed(400, 'TriggerInputSchemaMismatch', 'There is no Adaptive Card in the body.');
    store.post(card['content']);
    return { status: 202, body: '' };
  }

  return {
    name: 'teams',
    routes: [
      { method: 'POST', path: '/workflows/:id/triggers/manual/paths/invoke', open: true, handle: invoke },
      { method: 'GET', path: '/cards', open: true, handle: () => json(200, store.cards) },
    ],
    authenticate: () => null,
    refuse: (status) => failed(status, 'Error', 'it was refused'),
  };
}
