import type { Message } from '../port.js';

/** RFC 5322 advises lines of 78 characters; a subject is folded, but nobody reads a longer one. */
const subjectChars = 200;
const textChars = 50_000;
const fieldChars = 2_000;
const mostFields = 50;
const mostLinks = 20;

/** `name` is shown, `address` is where it goes. */
export interface Mailbox {
  readonly name: string;
  readonly address: string;
}

export interface Addresses {
  readonly from: Mailbox;
  readonly to: readonly Mailbox[];
}

/** A mail before it is put into MIME, every part of it escaped for its target. */
export interface Mail {
  readonly from: Mailbox;
  readonly to: readonly Mailbox[];
  readonly messageId: string;
  /** The Message-ID of the mail that it answers; null for the first of a conversation. */
  readonly answers: string | null;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** An address alone, without a name: what may stand in SMTP's own commands. */
export const addressPattern = /^[^\s<>@,;:"\\()[\]\p{C}]{1,64}@[^\s<>@,;:"\\()[\]\p{C}]{1,255}$/u;

/**
 * A message as a mail. Its Message-ID is made of the marker, so that a repeat is the same mail to whoever knows it. A channel
 * that is an address is where it goes; any other is named in it.
 */
export function toMail(message: Message, marker: string, { from, to }: Addresses): Mail {
  const domain = from.address.slice(from.address.lastIndexOf('@') + 1);
  const { channel, thread, severity } = message;
  return {
    from,
    to: addressPattern.test(channel) ? [{ name: '', address: channel }] : to,
    messageId: `<${marker}@${domain}>`,
    answers: thread !== undefined && /^<[^<>\s\p{C}]{1,500}>$/u.test(thread) ? thread : null,
    subject: cut(oneLine(message.title), subjectChars) || '–',
    text: plainText(message, marker),
    html: htmlText(message, marker),
    headers: {
      // RFC 3834: nobody's absence note answers it.
      'Auto-Submitted': 'auto-generated',
      'X-Baton-Severity': severity,
      ...(severity === 'critical' ? { Importance: 'high' } : {}),
    },
  };
}

function plainText(message: Message, marker: string): string {
  const fields = shownFields(message).map(({ name, value }) => `${name}: ${value.replaceAll('\n', '\n  ')}`);
  const links = shownLinks(message).map(({ label, url }) => (url === null ? label : `${label}: ${url}`));
  return [
    oneLine(message.title),
    cut(readable(message.text), textChars),
    fields.join('\n'),
    links.join('\n'),
    `-- \n${footer(message, marker)}`,
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function htmlText(message: Message, marker: string): string {
  const fields = shownFields(message).map(
    ({ name, value }) =>
      `<tr><th align="left" valign="top" style="padding-right:1em">${html(name)}</th><td>${html(value)}</td></tr>`,
  );
  const links = shownLinks(message).map(({ label, url }) =>
    url === null ? html(label) : `<a href="${html(url)}">${html(label)}</a>`,
  );
  return [
    '<!doctype html><html><head><meta charset="utf-8"></head><body style="font-family:sans-serif">',
    `<h2 style="border-left:6px solid ${colours[message.severity]};padding-left:0.5em">${html(oneLine(message.title))}</h2>`,
    message.text === '' ? '' : `<p>${html(cut(readable(message.text), textChars))}</p>`,
    fields.length === 0 ? '' : `<table>${fields.join('')}</table>`,
    links.length === 0 ? '' : `<p>${links.join(' · ')}</p>`,
    `<p style="color:#666;font-size:small">${html(footer(message, marker))}</p>`,
    '</body></html>',
  ].join('');
}

const colours: Readonly<Record<Message['severity'], string>> = {
  info: '#2f6fb0',
  warning: '#c77700',
  critical: '#b3261e',
};

function shownFields({ fields }: Message): Message['fields'] {
  return fields.slice(0, mostFields).map(({ name, value }) => ({
    name: cut(oneLine(name), 200),
    value: cut(readable(value), fieldChars),
  }));
}

/** An address that is none of the web is not linked: only its label is shown. */
function shownLinks({ links }: Message): readonly { readonly label: string; readonly url: string | null }[] {
  return links.slice(0, mostLinks).map(({ label, url }) => ({
    label: cut(oneLine(label), 200),
    url: /^https?:\/\/[^\s\p{C}]{1,2000}$/u.test(url) ? url : null,
  }));
}

function footer({ severity, channel }: Message, marker: string): string {
  return [severity, oneLine(channel), marker].filter((part) => part !== '').join(' · ');
}

/** Without what a terminal or a mail program obeys instead of showing: control characters, and marks that turn text around. */
function readable(text: string): string {
  return text
    .replaceAll('\r\n', '\n')
    .replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, (character) =>
      character === '\n' || character === '\t' ? character : ' ',
    );
}

function oneLine(text: string): string {
  return readable(text).replace(/\s+/g, ' ').trim();
}

/** Cuts between whole characters, with a mark. */
function cut(text: string, maxChars: number): string {
  const characters = [...text];
  return characters.length <= maxChars ? text : `${characters.slice(0, maxChars - 1).join('')}…`;
}

function html(text: string): string {
  return text.replace(/[&<>"'\n]/g, (character) => entities[character] ?? character);
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '\n': '<br>',
};
