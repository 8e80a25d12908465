import { escaped } from '../markdown.js';
import type { Message } from '../port.js';

/** A flow takes 28 KB, the request's own frame included. */
const mostBytes = 27_000;
/** Characters of the text, and facts: the first that fit. Title and links always do. */
const cuts = [
  [8_000, 30],
  [4_000, 15],
  [1_000, 8],
  [300, 3],
] as const;
const mostLinks = 6;

const colours: Readonly<Record<Message['severity'], string>> = {
  info: 'accent',
  warning: 'warning',
  critical: 'attention',
};

/**
 * A message as an Adaptive Card, everything escaped, so that no text can link or format by itself. Teams gives no id of
 * what it posts: the marker in the last line is how a person tells a card from its copy.
 * https://learn.microsoft.com/en-us/microsoftteams/platform/task-modules-and-cards/cards/cards-reference#adaptive-card
 */
export function toCard(message: Message, marker: string): Card {
  const cards = cuts.map(([textChars, mostFacts]) => cardOf(message, marker, textChars, mostFacts));
  const fitting = cards.find((card) => Buffer.byteLength(JSON.stringify(card)) <= mostBytes);
  return fitting ?? (cards.at(-1) as Card);
}

type Card = Readonly<Record<string, unknown>>;

function cardOf(message: Message, marker: string, textChars: number, mostFacts: number): Card {
  const facts = message.fields
    .slice(0, mostFacts)
    .map(({ name, value }) => ({ title: escaped(name, 100), value: escaped(value, 400) }));
  const actions = message.links
    .filter(({ url }) => /^https?:\/\//.test(url) && url.length <= 2_000)
    .slice(0, mostLinks)
    .map(({ label, url }) => ({ type: 'Action.OpenUrl', title: label.slice(0, 100), url }));
  const block = (text: string, more: Readonly<Record<string, unknown>> = {}) => ({
    type: 'TextBlock',
    text,
    wrap: true,
    ...more,
  });
  const content = {
    $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
    type: 'AdaptiveCard',
    version: '1.4',
    body: [
      block(escaped(message.title, 300) || '–', {
        weight: 'Bolder',
        size: 'Medium',
        color: colours[message.severity],
      }),
      ...(message.text === '' ? [] : [block(escaped(message.text, textChars))]),
      ...(facts.length === 0 ? [] : [{ type: 'FactSet', facts }]),
      block(marker, { size: 'Small', isSubtle: true }),
    ],
    ...(actions.length === 0 ? {} : { actions }),
    msteams: { width: 'Full' },
  };
  return {
    type: 'message',
    attachments: [{ contentType: 'application/vnd.microsoft.card.adaptive', contentUrl: null, content }],
  };
}
