import { isUtf8 } from 'node:buffer';
import { setTimeout as sleep } from 'node:timers/promises';
import { createInboxStore, type InboxRow } from '../../control/inbox.js';
import { type EventState, eventStates } from '../../domain/event.js';
import { eventView } from '../../events/view.js';
import type { Handler } from '../context.js';
import { type Column, list, one } from '../render/result.js';
import { formatAge, type Style } from '../render/style.js';
import { choice } from './choice.js';
import { knownEvent, replayKnownEvent } from './replay-event.js';

/** Events, newest first. */
export const listEvents: Handler = async (cli, _, options) => {
  const { limit } = cli.settings;
  const found = await createInboxStore(await cli.control()).list({ ...filterOf(options), limit: limit + 1 });
  return {
    result: list<InboxRow>({
      items: found.slice(0, limit),
      data: eventView,
      empty: 'No events.',
      next: found.length > limit ? `--limit ${limit * 2}` : null,
      columns: columnsAt(new Date()),
    }),
  };
};

/** One event: what became of it and why, where it is in the lake, and its bytes. */
export const showEvent: Handler = async (cli, [reference = '']) => {
  const inbox = createInboxStore(await cli.control());
  const event = await knownEvent(cli, reference);
  const duplicates = await inbox.duplicatesOf(event.event_id);
  const data = { ...eventView(event), duplicates, headers: event.headers, body: textOf(event.body) };
  return { result: one(data, (style) => describe(event, duplicates, style)) };
};

/** Hands an event out once more, as today's rules and today's code have it. */
export const replayEvent: Handler = (cli, [reference = '']) => replayKnownEvent(cli, reference);

/** Events as they come, until Ctrl-C or `--timeout`: a line each. */
export const tailEvents: Handler = async (cli, _, options) => {
  const inbox = createInboxStore(await cli.control());
  const { output, timeoutMs } = cli.settings;
  const filter = filterOf(options);
  let lastId = (await inbox.list({ limit: 1 }))[0]?.id ?? '0';
  const endsAt = timeoutMs === null ? Number.POSITIVE_INFINITY : Date.now() + timeoutMs;
  while (Date.now() < endsAt) {
    for (const event of await inbox.after(lastId, { ...filter, limit: 500 })) {
      lastId = event.id;
      const isData = output === 'json' || output === 'ndjson';
      cli.io.stdout.write(isData ? `${JSON.stringify(eventView(event))}\n` : `${lineOf(event)}\n`);
    }
    await sleep(pollMs);
  }
  return {};
};

const pollMs = 500;

function filterOf(options: Readonly<Record<string, unknown>>) {
  const { connection, type } = options;
  const state = choice(options, 'state', eventStates);
  return {
    ...(connection === undefined ? {} : { connection: String(connection) }),
    ...(type === undefined ? {} : { type: String(type) }),
    ...(state === undefined ? {} : { state: state as EventState }),
  };
}

function columnsAt(now: Date): readonly Column<InboxRow>[] {
  return [
    { title: 'Event', value: (event) => event.event_id, id: true },
    { title: 'Connection', value: (event) => event.connection },
    { title: 'Type', value: (event) => event.type },
    { title: 'Subject', value: (event) => event.subject ?? '' },
    { title: 'State', value: (event) => event.state },
    { title: 'By, or why', value: (event) => event.detail ?? '' },
    {
      title: 'Accepted',
      value: (event) => event.accepted_at.toISOString(),
      show: (event) => formatAge(event.accepted_at, now),
    },
  ];
}

function lineOf(event: InboxRow): string {
  const { accepted_at, event_id, connection, type, subject, state, detail } = event;
  return [accepted_at.toISOString(), event_id, connection, type, subject ?? '-', state, detail ?? ''].join(
    '  ',
  );
}

const words: Readonly<Record<EventState, string>> = {
  accepted: 'waits',
  dispatched: 'was handed to',
  processed: 'processed by',
  duplicate: 'a duplicate of',
  filtered: 'filtered by the rule',
  rejected: 'rejected:',
  dead: 'given up:',
};

function describe(event: InboxRow, duplicates: number, style: Style): string {
  const lines: [string, string][] = [
    ['state', `${words[event.state]} ${event.detail ?? ''}`.trim()],
    ['about', event.subject ?? 'the sender does not say'],
    ['rule', event.rule ?? 'none: it is landed only'],
    [
      'delivery',
      `${event.delivery_id ?? 'without an id'}${duplicates === 0 ? '' : `, sent again ${duplicates} ×`}`,
    ],
    ['occurred', event.occurred_at?.toISOString() ?? 'the sender does not say'],
    ['accepted', event.accepted_at.toISOString()],
    ['lake', event.lake_key ?? 'not landed'],
    ['bytes', `${event.body.length}, sha256 ${event.sha256}`],
  ];
  const head = `${style.bold(event.event_id)}  ${event.connection} ${event.type}`;
  const told = lines.map(([name, value]) => `  ${style.dim(name.padEnd(9))} ${value}`);
  return `${[head, ...told, '', textOf(event.body)].join('\n')}\n`;
}

/** The body for a person; what is no text is told as such. */
function textOf(body: Buffer): string {
  return isUtf8(body) ? body.toString('utf8') : `base64:${body.toString('base64')}`;
}
