import { createDeadLetterStore, type DeadLetter, letterKinds } from '../../control/dead-letters.js';
import { createFileStore } from '../../control/files.js';
import type { Database } from '../../database/postgres.js';
import { BatonError } from '../../protocol/errors.js';
import { confirm, person } from '../ask.js';
import type { Cli, Handler } from '../context.js';
import { list, one } from '../render/result.js';
import { formatAge } from '../render/style.js';
import { choice } from './choice.js';
import { replayKnownEvent } from './replay-event.js';

/** What was given up and waits for a person, longest first. */
export const listLetters: Handler = async (cli, _, options) => {
  const { limit } = cli.settings;
  const kind = choice(options, 'kind', letterKinds) ?? null;
  const store = createDeadLetterStore(await cli.control());
  const found = await store.list({ ...(kind === null ? {} : { kind }), limit: limit + 1 });
  const now = new Date();
  return {
    result: list<DeadLetter>({
      items: found.slice(0, limit),
      data: letterData,
      empty: 'Nothing was given up.',
      next: found.length > limit ? `--limit ${limit * 2}` : null,
      columns: [
        { title: 'Letter', value: nameOf, id: true },
        { title: 'What', value: ({ what }) => what },
        { title: 'Connection', value: ({ connection }) => connection },
        { title: 'Tenant', value: ({ tenant }) => tenant },
        { title: 'Why', value: ({ reason }) => reason ?? '' },
        {
          title: 'Since',
          value: ({ since }) => since.toISOString(),
          show: ({ since }) => formatAge(since, now),
        },
      ],
    }),
  };
};

/** One of them, with where to see the thing itself. */
export const showLetter: Handler = async (cli, [reference = '']) => {
  const letter = await known(cli, reference);
  const see = {
    event: `baton events show ${letter.id}`,
    effect: 'baton effects list --state dead --json',
    object: 'baton lake list --state refused',
    file: `baton files show ${letter.id}`,
  }[letter.kind];
  return {
    result: one({ ...letterData(letter), see }, (style) =>
      [
        `${style.bold(nameOf(letter))}  ${letter.what} at ${letter.connection}, for ${letter.tenant}`,
        `  ${style.dim('since')}  ${letter.since.toISOString()}`,
        `  ${style.dim('why  ')}  ${letter.reason ?? 'nothing was noted'}`,
        `  ${style.dim('see  ')}  ${see}`,
        `  ${style.dim('next ')}  baton dlq replay ${nameOf(letter)}, or baton dlq discard ${nameOf(letter)}`,
        '',
      ].join('\n'),
    ),
  };
};

/** Does it once more, with today's code and configuration; what works leaves the list. */
export const replayLetter: Handler = async (cli, [reference = '']) => {
  const letter = await known(cli, reference);
  if (letter.kind === 'event') return replayKnownEvent(cli, letter.id);
  if (!(await replayers[letter.kind](await cli.control(), letter.id))) throw taken(letter);
  return {
    result: one({ id: nameOf(letter), replayed: true }, () => `${nameOf(letter)} is done once more.\n`),
  };
};

/** Puts one away for good: it is not done, and not shown any more. */
export const discardLetter: Handler = async (cli, [reference = ''], options) => {
  const letter = await known(cli, reference);
  await confirm(
    cli,
    options,
    `Put ${nameOf(letter)} away? It is never done: ${letter.what} at ${letter.connection}.`,
  );
  await createDeadLetterStore(await cli.control()).discard(letter, person());
  return {
    result: one({ id: nameOf(letter), discardedBy: person() }, () => `${nameOf(letter)} is put away.\n`),
  };
};

/** How each kind is done once more; false when it is not dead any more. */
const replayers = {
  effect: (control: Database, id: string) => createDeadLetterStore(control).replayEffect(id),
  object: (control: Database, id: string) => createDeadLetterStore(control).replayObject(id),
  file: (control: Database, id: string) => createFileStore(control).replay(id),
} as const;

function nameOf({ kind, id }: Pick<DeadLetter, 'kind' | 'id'>): string {
  return `${kind}:${id}`;
}

async function known(cli: Cli, reference: string): Promise<DeadLetter> {
  const [given = '', ...rest] = reference.split(':');
  const kind = letterKinds.find((one) => one === given);
  const store = createDeadLetterStore(await cli.control());
  const letter = kind === undefined ? null : await store.find(kind, rest.join(':'));
  if (letter !== null) return letter;
  throw new BatonError('ERR_UNKNOWN_NAME', {
    detail: `No dead letter is called "${reference}". It may have been replayed or put away.`,
    fix: 'See all: baton dlq list',
  });
}

function taken(letter: DeadLetter): BatonError {
  return new BatonError('ERR_UNKNOWN_NAME', {
    detail: `${nameOf(letter)} is not dead any more: somebody else replayed it.`,
    fix: 'See all: baton dlq list',
  });
}

function letterData(letter: DeadLetter) {
  const { kind, id, tenant, connection, what, reason, since } = letter;
  return { letter: nameOf(letter), kind, id, tenant, connection, what, reason, since: since.toISOString() };
}
