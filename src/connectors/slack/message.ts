import type { Message } from '../port.js';

/** Block Kit's limits: https://docs.slack.dev/reference/block-kit/blocks */
const headerChars = 150;
const sectionChars = 3000;
const fieldChars = 2000;
const fieldsPerSection = 10;
const mostFields = 40;
const mostLinks = 20;
/** `text` may have 40,000 characters; Slack advises to stay below 4,000. */
const textChars = 3900;

const signs: Readonly<Record<Message['severity'], string>> = {
  info: ':information_source:',
  warning: ':warning:',
  critical: ':rotating_light:',
};

export interface SlackMessage {
  /** What notifications and screen readers show. */
  readonly text: string;
  readonly blocks: readonly Readonly<Record<string, unknown>>[];
}

/** A message in Slack's words: everything escaped, so that no text can mention, link or format by itself. */
export function toSlack(message: Message): SlackMessage {
  const sign = signs[message.severity];
  const links = message.links.slice(0, mostLinks).map(({ label, url }) => link(label, url));
  const shownLinks = links.filter((text) => text.trim() !== '');
  return {
    text: `${sign} ${escaped(`${message.title}\n${message.text}`, textChars)}`,
    blocks: [
      {
        type: 'header',
        text: { type: 'plain_text', text: escaped(message.title.trim(), headerChars) || '–', emoji: true },
      },
      ...(message.text === ''
        ? []
        : [section(`${sign} ${escaped(message.text, sectionChars - sign.length - 1)}`)]),
      ...fieldSections(message.fields.slice(0, mostFields)),
      ...linkSections(shownLinks),
    ],
  };
}

function section(text: string): Readonly<Record<string, unknown>> {
  return { type: 'section', text: { type: 'mrkdwn', text } };
}

function fieldSections(fields: Message['fields']): Readonly<Record<string, unknown>>[] {
  const sections: Readonly<Record<string, unknown>>[] = [];
  for (let at = 0; at < fields.length; at += fieldsPerSection) {
    const shown = fields.slice(at, at + fieldsPerSection).map(({ name, value }) => ({
      type: 'mrkdwn',
      text: `*${escaped(name, 200)}*\n${escaped(value, fieldChars - 220)}`,
    }));
    sections.push({ type: 'section', fields: shown });
  }
  return sections;
}

/** Links are never cut in the middle: a section takes as many whole ones as fit. */
function linkSections(links: readonly string[]): Readonly<Record<string, unknown>>[] {
  const lines: string[] = [];
  for (const text of links) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + text.length + 3 <= sectionChars)
      lines[lines.length - 1] = `${last} · ${text}`;
    else lines.push(text);
  }
  return lines.map(section);
}

function link(label: string, url: string): string {
  const isWeb = /^https?:\/\//.test(url) && url.length <= 2000;
  if (!isWeb) return escaped(label, 200);
  const target = escaped(
    url.replaceAll('|', '%7C').replaceAll('<', '%3C').replaceAll('>', '%3E'),
    sectionChars,
  );
  return `<${target}|${escaped(label, 200)}>`;
}

/** Escapes `& < >`, which are all that Slack's markup is made of, and cuts between whole characters. */
export function escaped(text: string, maxChars: number): string {
  let result = '';
  for (const character of text) {
    const safe = entities[character] ?? character;
    if (result.length + safe.length > maxChars - 1) return `${result}…`;
    result += safe;
  }
  return result;
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };
