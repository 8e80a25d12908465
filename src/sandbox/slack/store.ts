import type { SandboxClock } from '../clock.js';
import type { Journal } from '../journal.js';

export interface Channel {
  readonly id: string;
  readonly name: string;
  readonly archived: boolean;
  /** Whether the bot is in it. */
  readonly member: boolean;
}

const channels: readonly Channel[] = [
  { id: 'C0DATAALRT', name: 'data-alerts', archived: false, member: true },
  { id: 'C0GENERAL0', name: 'general', archived: false, member: true },
  { id: 'C0ONCALL00', name: 'on-call', archived: false, member: true },
  { id: 'C0OLDALRTS', name: 'old-alerts', archived: true, member: true },
  { id: 'C0PRIVATE0', name: 'finance-private', archived: false, member: false },
];

/** By id, name, or `#name`. */
export function findChannel(wanted: string): Channel | undefined {
  const name = wanted.replace(/^#/, '');
  return channels.find((channel) => channel.id === wanted || channel.name === name);
}

export interface SlackMessage {
  readonly channel: string;
  /** Seconds with six decimals: a message's identity within its channel. */
  readonly ts: string;
  readonly thread_ts: string | null;
  readonly text: string;
  readonly blocks: readonly unknown[];
  readonly metadata: unknown;
  /** `bot` for the Web API, `webhook` for an incoming webhook. */
  readonly via: 'bot' | 'webhook';
  readonly edited: string | null;
}

export interface SlackStore {
  readonly messages: readonly SlackMessage[];
  post(message: Omit<SlackMessage, 'ts' | 'edited'>): SlackMessage;
  /** Null when there is no such message. */
  update(channel: string, ts: string, change: Pick<SlackMessage, 'text' | 'blocks'>): SlackMessage | null;
}

export function createSlackStore(journal: Journal, clock: SandboxClock): SlackStore {
  const messages: SlackMessage[] = [];
  const put = journal.register<SlackMessage>('slack.message', (message) => {
    const at = messages.findIndex(({ channel, ts }) => channel === message.channel && ts === message.ts);
    if (at === -1) messages.push(message);
    else messages[at] = message;
  });

  /** A time that no message has yet. */
  function nextTs(): string {
    const nowMicros = BigInt(clock.ms()) * 1000n;
    const last = messages.at(-1)?.ts.replace('.', '') ?? '0';
    const micros = nowMicros > BigInt(last) ? nowMicros : BigInt(last) + 1n;
    return `${micros / 1_000_000n}.${String(micros % 1_000_000n).padStart(6, '0')}`;
  }

  return {
    messages,
    post(given) {
      const message = { ...given, ts: nextTs(), edited: null };
      put(message);
      return message;
    },
    update(channel, ts, change) {
      const known = messages.find((message) => message.channel === channel && message.ts === ts);
      if (known === undefined) return null;
      const message = { ...known, ...change, edited: nextTs() };
      put(message);
      return message;
    },
  };
}
